"""Show every setting with its default and meaning.

Example: remots config > config.yaml, then change what you need. ``remots config --format readme`` explains each key.
"""

import argparse
import sys

from remots.formats.config_files import config_as_readme, config_as_schema, config_as_yaml, sample_sheet_as_schema

WRITERS = {
    "yaml": config_as_yaml,
    "readme": config_as_readme,
    "schema": config_as_schema,
    "sequences-schema": sample_sheet_as_schema,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=WRITERS, default="yaml", help="what to write (default: yaml)")


def run(options: argparse.Namespace) -> None:
    sys.stdout.write(WRITERS[options.format]())
