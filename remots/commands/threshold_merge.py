r"""Find θ_merge: below it, tracklets are never merged.

    remots threshold-merge --histograms histograms_inter.npz --short-tracklets short_tracklets.parquet \
        --features features_inter.npy --masks masks.parquet --sequence sequence.json --out threshold_merge.json

By default a pair of tracklets that may be merged is then as likely the same person as not, by looks and by place. The
paper's rule, `--rule crossing`, needs the histograms alone: where those of different and of the same people cross
(2.5). Where a rule makes no sense, the file says what was done instead.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.merging_files import read_tracklets
from remots.formats.results.statistics_files import read_histograms, write_threshold
from remots.merging.constraints import find_candidate_pairs, find_shared_frame_pairs, rows_in_time, smaller_sizes
from remots.merging.distances import tracklet_distances
from remots.settings import Merge, ThresholdMerge
from remots.statistics.mixture import CandidatePopulation, KnownPairs, candidates
from remots.statistics.thresholds import Threshold, crossing, fixed

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--histograms", type=Path, required=True, help="histograms of similarities, made with --short-tracklets"
    )
    parser.add_argument("--short-tracklets", type=Path, help="table of short tracklets (all rules but crossing)")
    parser.add_argument("--features", type=Path, help="array of features (all rules but crossing)")
    parser.add_argument("--masks", type=Path, help="table of masks (all rules but crossing)")
    parser.add_argument("--sequence", type=Path, help="sequence.json (all rules but crossing)")
    parser.add_argument("--out", type=Path, required=True, help="threshold to write, .json")
    add_settings(parser, ThresholdMerge)
    add_settings(parser, Merge)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, ThresholdMerge)
    gaps = read_settings(options, Merge)
    histograms = read_histograms(options.histograms, "intra_frame", "intra_tracklet")
    if settings.value is not None:
        threshold = fixed(settings.value, **histograms)
    else:
        threshold = crossing(**histograms, min_pairs=settings.min_pairs)
        if settings.rule != "crossing":
            with_place = settings.rule == "candidates"
            threshold = _from_candidates(options, gaps, threshold, settings.min_pairs, with_place)
    with atomic_output(options.out) as temporary:
        write_threshold(temporary, threshold)
    if threshold.fallback:
        logger.warning("%s does not hold here: %s", threshold.rule, threshold.fallback)
    logger.info("θ_merge = %.4f (%s) -> %s", threshold.value, threshold.rule, options.out)


def _from_candidates(
    options: argparse.Namespace, gaps: Merge, otherwise: Threshold, min_pairs: int, with_place: bool
) -> Threshold:
    if None in (options.short_tracklets, options.features, options.masks, options.sequence):
        needed = "--short-tracklets, --features, --masks and --sequence"
        raise InputError(f"this rule needs {needed}; `--rule crossing` does without")
    tracklets = read_tracklets(options.short_tracklets, options.features, options.masks)
    ranges, sizes, sight = tracklets.ranges, tracklets.sizes, tracklets.sight(read_sequence(options.sequence), gaps)
    pairs, shared = find_candidate_pairs(ranges, gaps.max_gap_frames, sight), find_shared_frame_pairs(ranges)
    looks, null = (1 - tracklet_distances(tracklets.sums, sizes, each) for each in (pairs, shared))
    place = tracklets.places.weigh(*rows_in_time(ranges, pairs))
    found = CandidatePopulation(looks, smaller_sizes(sizes, pairs), *place)
    return candidates(found, KnownPairs(null, smaller_sizes(sizes, shared)), otherwise, min_pairs, with_place)
