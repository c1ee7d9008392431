r"""Merge short-term tracklets to tracks.

    remots merge --short-tracklets short_tracklets.parquet --features features_inter.npy \
        --threshold threshold_merge.json --out tracks.parquet --merges merges.parquet

Clustering with centroid linkage (paper 2.5). Tracklets that share a frame or lie too far apart in time are kept apart.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.atomic import atomic_outputs
from remots.formats.statistics_files import read_threshold
from remots.formats.tables import write_table
from remots.formats.tracking_files import open_features, read_short_tracklets
from remots.merging.constraints import build_frame_ranges
from remots.merging.linkage import merge_tracklets, sum_features
from remots.settings import Merge

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--short-tracklets", type=Path, required=True, help="table of short tracklets")
    parser.add_argument("--features", type=Path, required=True, help="array of features")
    parser.add_argument("--threshold", type=Path, required=True, help="threshold_merge.json")
    parser.add_argument("--out", type=Path, required=True, help="table of tracks to write")
    parser.add_argument("--merges", type=Path, required=True, help="table of merges to write")
    add_settings(parser, Merge)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Merge)
    tracklet_ids, frames = read_short_tracklets(options.short_tracklets)
    threshold = read_threshold(options.threshold)
    with open_features(options.features, len(frames), options.short_tracklets) as features:
        try:
            ranges = build_frame_ranges(tracklet_ids, frames)
            sums = sum_features(tracklet_ids, features, ranges.n_tracklets)
        except ValueError as error:
            raise InputError(f"{options.short_tracklets} and {options.features}: {error}") from error
    sizes = np.bincount(tracklet_ids, minlength=ranges.n_tracklets)
    track_ids, merges = merge_tracklets(sums, sizes, ranges, threshold.value, settings.max_gap_frames)
    with atomic_outputs(options.out, options.merges) as (tracks_table, merges_table):
        write_table(tracks_table, "tracks", {"tracklet_id": np.arange(len(track_ids)), "track_id": track_ids})
        columns: dict[str, np.ndarray] = {"tracklet_id_a": merges.a, "tracklet_id_b": merges.b}
        write_table(merges_table, "merges", columns | {"distance": merges.distance, "gap_frames": merges.gap_frames})
    if not len(track_ids):
        logger.warning("%s: no tracklets, so no tracks", options.short_tracklets)
    n_tracks = track_ids.max(initial=0)
    logger.info("%d short tracklets merged to %d tracks -> %s", len(track_ids), n_tracks, options.out)
