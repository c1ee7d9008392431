"""Read θ_short off the histograms: below it, two masks are never linked.

    remots threshold-short --histograms histograms_intra.npz --out threshold_short.json

The paper's rule is mean plus 3 standard deviations of different people's similarities (2.3). Where that makes no sense,
the file says what was done instead.
"""

import argparse
import logging
from functools import partial
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.files.atomic import atomic_output
from remots.formats.results.statistics_files import read_histograms, read_windows, write_threshold
from remots.settings import ThresholdShort
from remots.statistics.thresholds import SHORT_RULES, fixed, loses_sure_links
from remots.statistics.windows import localise

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--histograms", type=Path, required=True, help="histograms of similarities")
    parser.add_argument("--out", type=Path, required=True, help="threshold to write, .json")
    add_settings(parser, ThresholdShort)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, ThresholdShort)
    histograms = read_histograms(options.histograms, "intra_frame", "sure_link")
    if settings.value is not None:
        threshold = fixed(settings.value, **histograms)
    else:
        rule = partial(
            SHORT_RULES[settings.rule],
            n_sigmas=settings.n_sigmas,
            min_pairs=settings.min_pairs,
            sure_link_quantile=settings.sure_link_quantile,
        )
        threshold = rule(histograms["intra_frame"], histograms["sure_link"])
        if settings.local:
            threshold = localise(threshold, read_windows(options.histograms), rule)
    with atomic_output(options.out) as temporary:
        write_threshold(temporary, threshold)
    if threshold.fallback:
        logger.warning("%s does not hold here: %s", threshold.rule, threshold.fallback)
    if loses_sure_links(threshold):
        logger.warning("most sure links are less similar than this: tracklets will be short; try --rule sure_links")
    logger.info("θ_short = %.4f (%s) -> %s", threshold.value, threshold.rule, options.out)
