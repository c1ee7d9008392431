r"""Write the tracks in the formats of the benchmarks.

    remots export --sequence sequence.json --masks masks.parquet --short-tracklets short_tracklets.parquet \
        --tracks tracks.parquet --mots mots.txt --kitti kitti_mots.txt --coco coco_video.json

MOTSChallenge text (frames from 1), KITTI MOTS text (frames from 0), and COCO video (as in YouTube-VIS). The id of
track 7 is 2007; from track 1000 on it is 2001000 and so on.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.exchange.coco_video import CocoVideoWriter
from remots.formats.exchange.mots_text import CLASS_NAMES, MotsTextWriter, mots_object_ids
from remots.formats.files.atomic import atomic_outputs
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.filled_masks import add_filled_masks
from remots.formats.results.tracks import iterate_tracked_frames
from remots.progress import track_frames
from remots.settings import Export

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for flag, described in (
        ("--sequence", "sequence.json"),
        ("--masks", "table of masks"),
        ("--short-tracklets", "table of short-term tracklets"),
        ("--tracks", "table of tracks"),
        ("--mots", "MOTSChallenge text to write"),
        ("--kitti", "KITTI MOTS text to write"),
        ("--coco", "COCO video JSON to write"),
    ):
        parser.add_argument(flag, type=Path, required=True, help=described)
    parser.add_argument("--filled", type=Path, help="filled_masks.parquet, from remots fill")
    add_settings(parser, Export)


def run(options: argparse.Namespace) -> None:
    class_id = read_settings(options, Export).class_id
    sequence = read_sequence(options.sequence)
    size = (sequence.height_px, sequence.width_px)
    tracked = iterate_tracked_frames(sequence, options.masks, options.short_tracklets, options.tracks)
    frames = add_filled_masks(tracked, sequence, options.filled)
    with (
        atomic_outputs(options.mots, options.kitti, options.coco) as (mots_path, kitti_path, coco_path),
        MotsTextWriter(mots_path, *size, first_frame_number=1) as mots,
        MotsTextWriter(kitti_path, *size, first_frame_number=0) as kitti,
        CocoVideoWriter(sequence, CLASS_NAMES.get(class_id, f"class {class_id}")) as coco,
    ):
        for frame, columns in track_frames(frames, f"export {sequence.sequence}", sequence.frame_numbers):
            object_ids = mots_object_ids(class_id, columns["track_id"])
            mots.append(frame, object_ids, class_id, columns["rle"])
            kitti.append(frame, object_ids, class_id, columns["rle"])
            coco.add(frame, columns["track_id"], columns["score"], columns["rle"])
        coco.write(coco_path)
    logger.info("%d masks of %d tracks of %s", coco.n_masks, coco.n_tracks, sequence.sequence)
