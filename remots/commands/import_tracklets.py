r"""Read the tracks of another tracker, to go on from instead of the short-term tracker's.

    remots import-tracklets bytetrack.txt --sequence sequence.json --detections detections/a.parquet \
        --masks masks.parquet --tracklets given_tracklets.parquet

SOURCE is MOT text (boxes), MOTS text or PNG, COCO video (.json), or whatever else `remots convert` reads. A box takes
the mask of the detection that overlaps it best; where none does, its mask is the box. Then `remots refine` splits
tracks in which two people were joined.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.exchange.given_tracklets import open_given_frames
from remots.formats.files.atomic import atomic_outputs
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.tables import TableWriter, describe_frames
from remots.settings import ImportTracklets

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="tracks of another tracker")
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--detections", type=Path, nargs="*", default=[], metavar="TABLE", help="masks for boxes")
    parser.add_argument("--masks", type=Path, required=True, help="table of masks to write")
    parser.add_argument("--tracklets", type=Path, required=True, help="table of tracklets to write")
    add_settings(parser, ImportTracklets)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, ImportTracklets)
    sequence = read_sequence(options.sequence)
    numbers: dict[int, int] = {}
    n_masks = n_boxes = n_lost = 0
    with (
        open_given_frames(options.source, sequence, options.detections, settings) as frames,
        atomic_outputs(options.masks, options.tracklets) as (masks_table, tracklets_table),
        TableWriter(masks_table, "masks", describe_frames(sequence)) as masks,
        TableWriter(tracklets_table, "short_tracklets") as tracklets,
    ):
        for given in frames:
            ids = [numbers.setdefault(own, len(numbers)) for own in given.object_ids.tolist()]
            key = {"mask_id": range(n_masks, n_masks + len(ids)), "frame": [given.frame] * len(ids)}
            masks.append(key | given.columns)
            tracklets.append(key | {"tracklet_id": ids})
            n_masks, n_boxes, n_lost = n_masks + len(ids), n_boxes + given.n_boxes, n_lost + given.n_lost
    if n_boxes:
        logger.warning(
            "%s: %d of %d masks are mere boxes: no detection overlaps them", options.source, n_boxes, n_masks
        )
    if n_lost:
        logger.warning("%s: %d masks are left out: others cover them, or they are too small", options.source, n_lost)
    logger.info("%d masks of %d tracks of %s", n_masks, len(numbers), options.source)
