"""Warp each mask along the optical flow into the next frame, and compare it with the masks there.

    remots warp --sequence sequence.json --masks masks.parquet --out warped_iou.parquet

One row for each pair of masks of adjacent frames that overlap (paper 2.3). Needs no features.
"""

import argparse
import logging
from pathlib import Path

from remots.association.warping import iterate_warped_iou
from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.masked_images import iterate_masked_images
from remots.formats.results.tables import TableWriter
from remots.progress import track
from remots.settings import Warp

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--masks", type=Path, required=True, help="table of masks")
    parser.add_argument("--out", type=Path, required=True, help="table of warped IoU to write")
    add_settings(parser, Warp)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Warp)
    sequence = read_sequence(options.sequence)
    images = iterate_masked_images(sequence, options.masks, "masks")
    n_pairs = n_flows = 0
    with atomic_output(options.out) as temporary, TableWriter(temporary, "warped_iou") as writer:
        try:
            frames = track(images, f"warp {sequence.sequence}", sequence.n_frames)
            for pairs in iterate_warped_iou(frames, settings.flow, settings.first_guess):
                writer.append({"mask_id_prev": pairs.previous, "mask_id_curr": pairs.current, "iou": pairs.iou})
                n_pairs += len(pairs.iou)
                n_flows += 1
        except ValueError as error:
            raise InputError(f"{options.masks}: {error}") from error
    if n_pairs == 0:
        logger.warning("%s: no mask overlaps one of the next frame, so nothing can be linked", sequence.sequence)
    logger.info("%d pairs of masks overlap along %d flows -> %s", n_pairs, n_flows, options.out)
