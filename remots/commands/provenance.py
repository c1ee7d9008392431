"""Show what made a result: versions, parameters, inputs, and what made those.

    remots provenance results/plaza/tracks.parquet
    remots provenance copy_of_tracks.parquet --results results/ --json

Each file that a verb writes has a record beside it, in the folder .provenance. A copy without its record is found by
its content in --results.
"""

import argparse
import sys
from pathlib import Path

from remots.formats.results.lineage import describe_as_json, describe_as_text, trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a result, of any kind")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="search the records of this folder, too")
    parser.add_argument("--json", action="store_true", help="everything that is recorded, as JSON")


def run(options: argparse.Namespace) -> None:
    ancestors = trace(options.file, options.results)
    sys.stdout.write(describe_as_json(ancestors) if options.json else describe_as_text(ancestors))
