"""Read θ_merge off the histograms: below it, tracklets are never merged.

    remots threshold-merge --histograms histograms_inter.npz --out threshold_merge.json

It lies where the histograms of different and of the same people cross (paper 2.5). Where they do not, or more than
once, the file says what was done instead.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.atomic import atomic_output
from remots.formats.statistics_files import read_histograms, write_threshold
from remots.settings import ThresholdMerge
from remots.statistics.thresholds import crossing, fixed

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--histograms", type=Path, required=True, help="histograms of similarities, made with --short-tracklets"
    )
    parser.add_argument("--out", type=Path, required=True, help="threshold to write, .json")
    add_settings(parser, ThresholdMerge)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, ThresholdMerge)
    histograms = read_histograms(options.histograms, "intra_frame", "intra_tracklet")
    if settings.value is not None:
        threshold = fixed(settings.value, **histograms)
    else:
        threshold = crossing(**histograms, min_pairs=settings.min_pairs)
    with atomic_output(options.out) as temporary:
        write_threshold(temporary, threshold)
    if threshold.fallback:
        logger.warning("no single crossing: %s", threshold.fallback)
    logger.info("θ_merge = %.4f (%s) -> %s", threshold.value, threshold.rule, options.out)
