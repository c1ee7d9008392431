r"""Gather what the report shows of one sequence.

    remots excerpt --folder results/street --out results/street/excerpt.json

Reads the results of the sequence, and writes a small video, pictures of the tracks, the close calls of the merging,
identity switches against the ground truth, figures and curves, as far as their files are there. `remots report` puts the
excerpts of all sequences on one page.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.atomic import atomic_output
from remots.formats.data_uris import Thumbnails
from remots.formats.excerpt_file import write_excerpt
from remots.formats.excerpt_people import describe_close_calls, describe_switches, describe_tracks
from remots.formats.excerpt_statistics import describe_counts, describe_thresholds, describe_trainings
from remots.formats.excerpt_video import describe_sequence, describe_video
from remots.formats.result_folder import ResultFolder
from remots.settings import Evaluate, Excerpt, Merge

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, type=Path, help="folder of the sequence under the results")
    parser.add_argument("--out", required=True, type=Path, help="excerpt.json to write")
    for section in (Excerpt, Merge, Evaluate):
        add_settings(parser, section)


def run(options: argparse.Namespace) -> None:
    settings, limits, evaluated = (read_settings(options, section) for section in (Excerpt, Merge, Evaluate))
    folder = ResultFolder(options.folder)
    with atomic_output(options.out) as temporary, Thumbnails(folder) as thumbnails:
        sections = {
            "sequence": describe_sequence(folder),
            "counts": describe_counts(folder),
            "thresholds": describe_thresholds(folder),
            "training": describe_trainings(folder),
            "switches": describe_switches(folder, thumbnails, evaluated.class_id, evaluated.unlabelled),
            "corrections": [],
        }
        names = ("tracks", "n_tracks_left_out")
        sections |= dict(zip(names, describe_tracks(folder, thumbnails, settings.tracks, settings.pictures), strict=True))
        calls = describe_close_calls(folder, thumbnails, limits, settings.close_calls)
        sections |= dict(zip(("merged", "apart"), calls, strict=True))
        size = (settings.video_frames, settings.video_height_px, settings.video_kb)
        write_excerpt(temporary, sections | {"video": describe_video(folder, *size)})
    counts = sections["counts"]
    logger.info("%d tracks of %s -> %s", counts["tracks"], folder.sequence.sequence, options.out)
