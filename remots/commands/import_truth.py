"""Read the ground truth of a sequence.

    remots import-truth gt.txt --sequence sequence.json --out truth.parquet

SOURCE is MOTS text (.txt) or a folder of MOTS PNG. The id of an object becomes its identity; ignore regions (class 10)
get -1. Masks of objects in one frame must not overlap.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.formats.exchange.mask_formats import open_truth
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, select_masks
from remots.formats.exchange.mask_store import MaskStore, check_frames, tabulate_masks
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.tables import TableWriter, describe_frames
from remots.progress import track

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="MOTS text, or folder of MOTS PNG")
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--out", type=Path, required=True, help="table of ground truth to write")
    parser.add_argument(
        "--first-frame-number", type=int, choices=(0, 1), help="of MOTS text: 0 for KITTI (default: the file shows it)"
    )


def run(options: argparse.Namespace) -> None:
    sequence = read_sequence(options.sequence)
    source = open_truth(options.source, options.first_frame_number)
    n_masks = 0
    with (
        MaskStore(sequence.height_px, sequence.width_px) as store,
        atomic_output(options.out) as temporary,
        TableWriter(temporary, "truth", describe_frames(sequence)) as writer,
    ):
        for mask in track(select_masks(source, sequence), f"import {options.source.name}"):
            store.add(mask)
        for rows in tabulate_masks(check_frames(source, store.iterate_frames(), disjoint=True)):
            identity = np.where(rows["class_id"] == IGNORE_CLASS_ID, -1, rows["object_id"])
            mask_id = range(n_masks, n_masks := n_masks + len(identity))
            writer.append(rows | {"mask_id": mask_id, "identity": identity})
    logger.info("%d true masks in %d frames of %s", n_masks, sequence.n_frames, sequence.sequence)
