r"""Gather what the report shows of one sequence.

    remots excerpt --folder results/street --truth results/street/truth.parquet --out results/street/excerpt.json

Reads the results of the sequence, and writes a small video, pictures of the tracks, the close calls of the merging,
identity switches against the ground truth, figures and curves, as far as their files are there. `remots report` puts
the excerpts of all sequences on one page.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.excerpt.clip import describe_sequence, describe_video
from remots.formats.excerpt.data_uris import Thumbnails
from remots.formats.excerpt.excerpt_file import write_excerpt
from remots.formats.excerpt.people import describe_close_calls, describe_switches, describe_tracks
from remots.formats.excerpt.statistics import describe_counts, describe_thresholds, describe_trainings
from remots.formats.files.atomic import atomic_output
from remots.formats.results.corrections import read_correction_cells
from remots.formats.results.result_folder import ResultFolder
from remots.settings import Evaluate, Excerpt, Merge

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, type=Path, help="folder of the sequence under the results")
    parser.add_argument("--truth", type=Path, help="truth.parquet, from remots import-truth, for the identity switches")
    parser.add_argument("--corrections", type=Path, help="corrections.tsv that the merging obeyed")
    parser.add_argument("--filled", type=Path, help="filled_masks.parquet, from remots fill")
    parser.add_argument("--out", required=True, type=Path, help="excerpt.json to write")
    for section in (Excerpt, Merge, Evaluate):
        add_settings(parser, section)


def run(options: argparse.Namespace) -> None:
    settings, evaluated = read_settings(options, Excerpt), read_settings(options, Evaluate)
    folder = ResultFolder(options.folder, options.filled)
    size = (settings.video_frames, settings.video_height_px, settings.video_kb)
    with atomic_output(options.out) as temporary, Thumbnails(folder) as thumbnails:
        sections: dict[str, Any] = {
            "sequence": describe_sequence(folder),
            "counts": describe_counts(folder),
            "video": describe_video(folder, *size),
            "thresholds": describe_thresholds(folder),
            "training": describe_trainings(folder),
            "switches": describe_switches(folder, options.truth, thumbnails, evaluated.class_id, evaluated.unlabelled),
            "corrections": read_correction_cells(options.corrections) if options.corrections else [],
            "tracklets_digest": folder.tracklets_digest,
        }
        sections |= describe_tracks(folder, thumbnails, settings.tracks, settings.pictures)
        limits = read_settings(options, Merge)
        sections |= describe_close_calls(folder, options.corrections, thumbnails, limits, settings.close_calls)
        write_excerpt(temporary, sections)
    if not sections["counts"]["tracks"]:
        logger.warning("%s: there are no tracks to show", options.folder)
    logger.info("%d tracks of %s -> %s", sections["counts"]["tracks"], folder.sequence.sequence, options.out)
