"""Show every setting with its default and meaning.

    remots config > config.yaml

Then change what you need. ``remots config --format readme`` explains each key;
``remots config --paper`` writes the paper's values where they are not the defaults.
"""

import argparse
import sys

from remots.errors import InputError
from remots.formats.project.config_files import (
    config_as_readme,
    config_as_schema,
    config_as_yaml,
    sample_sheet_as_schema,
)

WRITERS = {
    "yaml": config_as_yaml,
    "readme": config_as_readme,
    "schema": config_as_schema,
    "sequences-schema": sample_sheet_as_schema,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=WRITERS, default="yaml", help="what to write (default: yaml)")
    parser.add_argument("--paper", action="store_true", help="the paper's values where they are not the defaults")


def run(options: argparse.Namespace) -> None:
    if options.paper and options.format != "yaml":
        raise InputError(f"--paper writes a config; leave out --format {options.format}, which shows both readings")
    sys.stdout.write(config_as_yaml(paper=True) if options.paper else WRITERS[options.format]())
