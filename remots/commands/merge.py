r"""Merge short-term tracklets to tracks.

    remots merge --short-tracklets short_tracklets.parquet --features features_inter.npy --masks masks.parquet \
        --sequence sequence.json --threshold threshold_merge.json --out tracks.parquet --merges merges.parquet

Clustering with centroid linkage (paper 2.5). Tracklets that share a frame or lie too far apart in time are kept apart;
how far is too far depends on whether the person was hidden or gone.
Where the threshold says what evidence of place is worth, it counts whether a walk leads from one tracklet to the next.
Corrections by hand (`--corrections`: who is the same person, who is not, what to drop, what to split) are obeyed;
docs/corrections.md has their format.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.files.atomic import atomic_outputs
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.corrections import describe_corrections
from remots.formats.results.merging_files import read_tracklets
from remots.formats.results.statistics_files import read_threshold
from remots.formats.results.tables import write_table
from remots.merging.evidence import Evidence
from remots.merging.linkage import merge_tracklets
from remots.settings import Merge
from remots.statistics.displacements import PlaceBonus
from remots.statistics.mixture import place_weight, sized_looks

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--short-tracklets", type=Path, required=True, help="table of short tracklets")
    parser.add_argument("--features", type=Path, required=True, help="array of features")
    parser.add_argument("--masks", type=Path, required=True, help="table of masks")
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--threshold", type=Path, required=True, help="threshold_merge.json")
    parser.add_argument("--corrections", type=Path, help="what people ask for, corrections.tsv")
    parser.add_argument("--out", type=Path, required=True, help="table of tracks to write")
    parser.add_argument("--merges", type=Path, required=True, help="table of merges to write")
    add_settings(parser, Merge)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Merge)
    threshold = read_threshold(options.threshold)
    tracklets = read_tracklets(options.short_tracklets, options.features, options.masks, options.corrections)
    weight = place_weight(threshold)
    evidence = Evidence(sized_looks(threshold), PlaceBonus(tracklets.places, *weight) if weight else None)
    limits = (
        threshold.value,
        settings.max_gap_frames,
        evidence,
        tracklets.sight(read_sequence(options.sequence), settings),
        tracklets.corrections,
    )
    track_ids, merges = merge_tracklets(tracklets.sums, tracklets.sizes, tracklets.ranges, *limits)
    with atomic_outputs(options.out, options.merges) as (tracks_table, merges_table):
        tracked = np.flatnonzero(track_ids)
        facts = describe_corrections(tracklets.corrections)
        write_table(tracks_table, "tracks", {"tracklet_id": tracked, "track_id": track_ids[tracked]}, facts)
        columns: dict[str, np.ndarray] = {"tracklet_id_a": merges.a, "tracklet_id_b": merges.b}
        columns |= {"distance": merges.distance, "gap_frames": merges.gap_frames}
        write_table(merges_table, "merges", columns, facts)
    if not len(track_ids):
        logger.warning("%s: no tracklets, so no tracks", options.short_tracklets)
    n_tracks = track_ids.max(initial=0)
    logger.info("%d short tracklets merged to %d tracks -> %s", len(track_ids), n_tracks, options.out)
