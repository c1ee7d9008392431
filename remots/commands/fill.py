r"""Fill short gaps of tracks.

    remots fill --sequence sequence.json --masks masks.parquet --short-tracklets short_tracklets.parquet \
        --tracks tracks.parquet --out filled_masks.parquet --max-gap-frames 2

The masks at the two ends of a gap are carried along the optical flow towards each other; where they agree, a mask is
put between. No mask that is there is changed, and filled ones are disjoint from them all. They stand in a table of
their own, which `export`, `overlay` and `excerpt` put beside the masks (`--filled`); docs/filling.md has numbers.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.filling.filling import Conditions, iterate_fillings
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.filled_masks import FILLED_MASKS
from remots.formats.results.overlaid_frames import iterate_tracked_images
from remots.formats.results.tables import TableWriter, describe_frames
from remots.formats.results.track_gaps import columns_of_filled, read_track_gaps
from remots.progress import track
from remots.settings import Fill, Warp

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--masks", type=Path, required=True, help="table of masks")
    parser.add_argument("--short-tracklets", type=Path, required=True, help="table of short tracklets")
    parser.add_argument("--tracks", type=Path, required=True, help="table of tracks")
    parser.add_argument("--out", type=Path, required=True, help="table of filled masks to write")
    for section in (Fill, Warp):
        add_settings(parser, section)


def run(options: argparse.Namespace) -> None:
    settings, along = read_settings(options, Fill), read_settings(options, Warp)
    sequence = read_sequence(options.sequence)
    tables = (options.masks, options.short_tracklets, options.tracks)
    tracked = read_track_gaps(*tables, settings.max_gap_frames)
    conditions = Conditions(settings.min_agreement, settings.min_visible_share, settings.min_area_px)
    writing = (FILLED_MASKS, describe_frames(sequence))
    images = track(iterate_tracked_images(sequence, *tables), f"fill {sequence.sequence}", sequence.n_frames)
    frames = ((image.frame, image.image, image.masks) for image in images)
    n_masks = 0
    with (
        atomic_output(options.out) as temporary,
        TableWriter(temporary, *writing) as writer,
    ):
        try:
            for filled in iterate_fillings(frames, tracked.gaps, conditions, along.flow, along.first_guess):
                writer.append(columns_of_filled(filled, tracked))
                n_masks += len(filled.masks)
        except ValueError as error:
            raise InputError(f"{options.masks}: {error}") from error
    if not settings.max_gap_frames:
        logger.warning("max_gap_frames is 0, so no gap is filled; give --max-gap-frames")
    gaps = (len(tracked.gaps), settings.max_gap_frames)
    logger.info("%d masks put into %d gaps of up to %d frames -> %s", n_masks, *gaps, options.out)
