r"""Draw the tracks into the video.

    remots overlay --sequence sequence.json --masks masks.parquet \
        --short-tracklets short_tracklets.parquet --tracks tracks.parquet --out overlay.mp4

Each track has its colour, its id over the head, and a trail behind its feet. Others get a thin grey contour.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.footage.video import VideoWriter
from remots.formats.results.overlaid_frames import iterate_tracked_images
from remots.progress import track
from remots.report.overlay import Trails, draw_overlay
from remots.settings import Overlay

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", required=True, type=Path, help="sequence.json, from remots probe")
    parser.add_argument("--masks", required=True, type=Path, help="masks.parquet, from remots fuse")
    parser.add_argument("--short-tracklets", required=True, type=Path, help="from remots associate")
    parser.add_argument("--tracks", required=True, type=Path, help="tracks.parquet, from remots merge")
    parser.add_argument("--filled", type=Path, help="filled_masks.parquet, from remots fill")
    parser.add_argument("--out", required=True, type=Path, help="video to write (H.264 in .mp4)")
    add_settings(parser, Overlay)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Overlay)
    sequence = read_sequence(options.sequence)
    frames = iterate_tracked_images(sequence, options.masks, options.short_tracklets, options.tracks, options.filled)
    trails = Trails(settings.trail_frames)
    seen: set[int] = set()
    with atomic_output(options.out) as temporary, VideoWriter(temporary, sequence.fps, crf=20) as video:
        for frame, image, masks, track_ids in track(frames, f"draw {sequence.sequence}", sequence.n_frames):
            trails.append(frame, track_ids, masks)
            shown = trails.of_tracks(track_ids)
            video.append(draw_overlay(image, masks, track_ids, shown, settings.opacity, settings.max_height_px))
            seen.update(track_ids[track_ids >= 0].tolist())
    if not seen:
        logger.warning("%s: no tracks to draw; the video shows the frames and their masks only", options.tracks)
    logger.info("%d frames with %d tracks -> %s", sequence.n_frames, len(seen), options.out)
