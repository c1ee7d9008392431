"""Read the masks of a detector that has already run.

    remots import-detections results.json --sequence sequence.json --out detections/a.parquet
    remots import-detections masks.txt --scores scores.csv --sequence sequence.json --out detections/a.parquet

SOURCE is COCO results (.json; image_id is the frame, from 1), MOTS text (.txt), or a folder of MOTS PNG. MOTS has no
scores: they are 1, or come from a CSV file with the columns frame, det_id and score.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.atomic import atomic_output
from remots.formats.mask_formats import open_detections
from remots.formats.mask_source import select_masks
from remots.formats.mask_store import MaskStore, check_frames, tabulate_masks
from remots.formats.sequence import read_sequence
from remots.formats.tables import TableWriter, describe_frames
from remots.progress import track
from remots.settings import ImportDetections

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="COCO results, MOTS text, or folder of MOTS PNG")
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--out", type=Path, required=True, help="table of detections to write")
    parser.add_argument("--scores", type=Path, help="CSV file with scores for MOTS text or PNG")
    parser.add_argument(
        "--first-frame-number", type=int, choices=(0, 1), help="of MOTS text: 0 for KITTI (default: the file shows it)"
    )
    add_settings(parser, ImportDetections)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, ImportDetections)
    sequence = read_sequence(options.sequence)
    source = open_detections(options.source, sequence, options.first_frame_number, options.scores)
    wanted = settings.category if source.unit == "record" else settings.class_id
    with (
        MaskStore(sequence.height_px, sequence.width_px) as store,
        atomic_output(options.out) as temporary,
        TableWriter(temporary, "detections", describe_frames(sequence)) as writer,
    ):
        found = select_masks(source, sequence, wanted, settings.min_score)
        for mask in track(found, f"import {options.source.name}"):
            store.add(mask)
        for rows in tabulate_masks(check_frames(source, store.iterate_frames(), disjoint=False)):
            writer.append(rows | {"class_id": np.full(len(rows["rle"]), settings.class_id)})
    logger.info("%d detections in %d frames of %s", len(store), sequence.n_frames, sequence.sequence)
