"""Show how far each sequence is: done, running, failed; with the log of each failure.

    remots status --configfile config/demo/config.yaml

Reads files alone, in the folder where Snakemake runs, while it runs or afterwards. A step whose files are there is
done; `snakemake --dry-run` says whether a changed setting would make them again. Variants of the config are left out.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from remots.errors import InputError
from remots.formats.project.config_files import read_configs
from remots.formats.project.run_state import describe_jobs, read_run, states_as_json, summarise_steps, time_left
from remots.report.progress_table import progress_table

DEFAULT_CONFIG = Path("config/config.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--configfile",
        "--config",
        type=Path,
        nargs="*",
        default=[],
        metavar="CONFIG",
        help=f"what was given to snakemake --configfile; laid over {DEFAULT_CONFIG} where that is there",
    )
    parser.add_argument("--results", help="the folder of results, where it is not that of the config (module, prefix)")
    parser.add_argument("--all", action="store_true", help="a row for each sequence, however many there are")
    parser.add_argument("--watch", type=float, metavar="SECONDS", help="show it again every so often, until Ctrl-C")


def run(options: argparse.Namespace) -> None:
    if options.json and options.watch:
        raise InputError("--json prints once; leave out --watch")
    configs = [path for path in [DEFAULT_CONFIG] if path.is_file()] + options.configfile
    config = read_configs(configs or [DEFAULT_CONFIG])
    console = Console(width=None if sys.stdout.isatty() else 160)
    while True:
        states = read_run(config, options.results or config.results, Path.cwd())
        if options.json:
            sys.stdout.write(json.dumps(states_as_json(states)) + "\n")
        else:
            if options.watch:
                console.clear()
            console.print(progress_table({name: summarise_steps(found) for name, found in states.items()}, options.all))
            for line in [*describe_jobs(states), time_left(states)]:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        if not options.watch:
            return
        time.sleep(options.watch)
