r"""Turn masks with identities from one format into another.

    remots convert results/street --to mots-zip --out street.zip
    remots convert data/MOTS/train --to coco-video --out mots20.json
    remots convert annotations.xml --to mots --out street.txt

SOURCE is a sequence or a folder of several: results of ReMOTS, MOTS or KITTI MOTS text (.txt) or PNG, a zip of texts,
COCO video (.json, as YouTube-VIS), DAVIS PNG, CVAT for video (.xml), or boxes of MOTChallenge (.csv, .txt), taken as
masks. Classes and ignore regions are kept where the format knows them; a warning says what is not. A text that counts
its frames from 0 but has no mask in frame 0 looks like MOTSChallenge's: say --from kitti.
"""

import argparse
import logging
from pathlib import Path

from remots.formats.exchange.conversion import TARGETS, convert
from remots.formats.exchange.conversion_sources import FORMATS, open_tracked_sequences
from remots.formats.footage.sequence import read_sequence

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="file or folder of masks")
    parser.add_argument("--to", required=True, choices=TARGETS, help="format to write")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="file to write, or folder: of the images of one sequence, or of several sequences by name",
    )
    parser.add_argument("--from", dest="kind", choices=FORMATS, help="format of SOURCE (default: what it shows)")
    parser.add_argument("--sequence", type=Path, help="sequence.json, where SOURCE does not know its size or length")
    parser.add_argument("--class-id", type=int, choices=(1, 2), default=2, help="class of DAVIS objects (default: 2)")


def run(options: argparse.Namespace) -> None:
    sequence = read_sequence(options.sequence) if options.sequence else None
    with open_tracked_sequences(options.sources, options.kind, sequence, options.class_id) as sequences:
        done = convert(sequences, options.to, options.out)
    if done.losses:
        logger.warning("not all is the same in %s: %s", options.to, "; ".join(done.losses))
    logger.info(
        "%d masks of %d objects in %d sequences -> %s", done.n_masks, done.n_objects, done.n_sequences, options.out
    )
