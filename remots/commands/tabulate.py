"""Put the metrics of all sequences into one table.

    remots tabulate results/*/evaluation.json --csv metrics.csv --markdown metrics.md

Ratios are in percent. The last row combines the sequences from their counts, not from the mean of their ratios.
"""

import argparse
import logging
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from remots.errors import InputError
from remots.evaluation.tables import format_cells, header, tabulate_results, to_markdown
from remots.formats.files.atomic import atomic_outputs
from remots.formats.results.evaluation_file import read_evaluation

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("evaluations", nargs="*", type=Path, metavar="EVALUATION.json", help="from remots evaluate")
    parser.add_argument("--csv", type=Path, help="write the table for programs")
    parser.add_argument("--markdown", type=Path, help="write the table for people")


def run(options: argparse.Namespace) -> None:
    results = [read_evaluation(path) for path in options.evaluations]
    try:
        table = tabulate_results(results)
    except (ValueError, KeyError) as error:
        raise InputError(f"{', '.join(map(str, options.evaluations))}: {error}") from error
    screen = Table()
    for number, name in enumerate(header()):
        screen.add_column(name, justify="right" if number else "left")
    for number, cells in enumerate(format_cells(table)):
        screen.add_row(*cells, style="bold" if number == len(results) else None)
    console = Console()
    if not console.is_terminal:  # a log file has room for every column
        console.width = 160
    console.print(screen)
    if not results:
        logger.warning("no evaluation was given: the table has no rows")
    _write(table, options.csv, options.markdown)


def _write(table: pd.DataFrame, csv: Path | None, markdown: Path | None) -> None:
    outputs = [path for path in (csv, markdown) if path]
    with atomic_outputs(*outputs) as temporary:
        path_of = dict(zip(outputs, temporary, strict=True))
        if csv:
            table.to_csv(path_of[csv], index=False, float_format="%.4f")
        if markdown:
            path_of[markdown].write_text(to_markdown(table), encoding="utf-8")
    for path in outputs:
        logger.info("%d rows -> %s", len(table), path)
