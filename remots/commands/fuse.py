"""Fuse the masks of all detectors into one disjoint set per frame.

    remots fuse --detections detections/a.parquet detections/b.parquet --sequence sequence.json --out masks.parquet

A mask that repeats a mask of higher score is dropped (paper 2.1), and a pixel claimed twice goes to the mask of higher
score. The order of the detections does not matter.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.pooled_detections import iterate_pooled_frames
from remots.formats.results.tables import TableWriter, describe_frames, geometry_columns
from remots.masks.fusion import fuse_masks
from remots.progress import track_frames
from remots.settings import Fuse

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detections",
        type=Path,
        nargs="+",
        required=True,
        metavar="TABLE",
        help="tables of detections, one a detector",
    )
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--out", type=Path, required=True, help="table of masks to write")
    add_settings(parser, Fuse)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Fuse)
    sequence = read_sequence(options.sequence)
    n_detections = n_masks = 0
    with atomic_output(options.out) as temporary, TableWriter(temporary, "masks", describe_frames(sequence)) as writer:
        frames = iterate_pooled_frames(options.detections, sequence, settings.min_score)
        for frame, detections in track_frames(frames, f"fuse {sequence.sequence}", sequence.frame_numbers):
            fused = _fuse_frame(detections, settings)
            n_detections += len(detections["mask"])
            writer.append(
                {"mask_id": range(n_masks, n_masks + len(fused["rle"])), "frame": [frame] * len(fused["rle"]), **fused}
            )
            n_masks += len(fused["rle"])
    if n_masks == 0:
        found = f"{n_detections} detections with a score of at least {settings.min_score:g}"
        logger.warning("%s: no mask is left of %s", sequence.sequence, found)
    logger.info(
        "%d detections from %d tables fused into %d masks in %d frames",
        n_detections,
        len(options.detections),
        n_masks,
        sequence.n_frames,
    )


def _fuse_frame(detections: dict[str, np.ndarray], settings: Fuse) -> dict[str, Any]:
    fused = fuse_masks(
        list(detections["mask"]),
        detections["score"],
        settings.overlap_threshold,
        settings.min_area_px,
        settings.overlap_metric,
    )
    columns: dict[str, Any] = {name: detections[name][fused.kept] for name in ("class_id", "score")}
    return columns | geometry_columns(fused.masks)
