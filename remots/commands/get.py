"""Fetch a public data set, check it, and put it where the configs expect it.

    remots get vtest
    remots get mots20
    remots get kitti-mots --parts masks images

Into the folder data, unless --to names another. What broke off goes on where it stopped: run the command again. Where
no checksum is published, that of the first copy is noted beside it, and later copies are compared with it. Without a
network, put the file there by hand: the same command then checks and unpacks it.
"""

import argparse
import logging
import sys
from pathlib import Path

from remots.formats.project.public_data import DATA_SETS, choose_parts, get_part

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=list(DATA_SETS), metavar="NAME", help=", ".join(DATA_SETS))
    parser.add_argument("--to", type=Path, default=Path("data"), help="folder of the data sets (default: data)")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="of kitti-mots: masks, text, images")
    parser.add_argument("--mirror", metavar="URL", help="take the files from this address instead")
    parser.add_argument("--keep-archives", action="store_true", help="keep the archives that were unpacked")


def run(options: argparse.Namespace) -> None:
    data_set = DATA_SETS[options.name]
    for part in choose_parts(options.name, options.parts):
        for place in get_part(part, options.to, options.mirror, options.keep_archives):
            logger.info("%s (%s)", place, data_set.terms)
    sys.stdout.write(f"Next: {data_set.next_step.format(data=options.to)}\n")
    if options.to != Path("data") and "--configfile" in data_set.next_step:
        sys.stdout.write(f"Its sample sheet has the folder data: write {options.to} there instead\n")
