r"""Count how similar masks of different people and of the same person look.

    remots histogram --masks masks.parquet --features features_intra.npy --warped-iou warped_iou.parquet \
        --out histograms_intra.npz

Different people: pairs of masks of one frame (paper figure 4). The same person: sure links between adjacent frames, and
with --short-tracklets also pairs within a short tracklet (figure 5).
"""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from remots.association.sure_links import find_sure_links
from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader
from remots.formats.files.atomic import atomic_output
from remots.formats.results.statistics_files import write_histograms
from remots.formats.results.tracking_files import (
    open_features,
    read_mask_frames,
    read_short_tracklets,
    read_warped_pairs,
)
from remots.settings import Histogram
from remots.statistics.histograms import SimilarityHistogram, fill_histogram, join_histograms
from remots.statistics.similarities import (
    intra_frame_similarities,
    intra_tracklet_similarities,
    pair_similarities,
)
from remots.statistics.windows import Window, cut_windows

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--masks", type=Path, required=True, help="table of masks")
    parser.add_argument("--features", type=Path, required=True, help="array of features")
    parser.add_argument("--warped-iou", type=Path, required=True, help="table of warped IoU")
    parser.add_argument("--short-tracklets", type=Path, help="table of short tracklets")
    parser.add_argument("--out", type=Path, required=True, help="histograms to write, .npz")
    add_settings(parser, Histogram)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Histogram)
    frames = read_mask_frames(options.masks)
    pairs, ious = read_warped_pairs(options.warped_iou, len(frames))
    sure_links = pairs[find_sure_links(pairs, ious)]
    with open_features(options.features, len(frames), options.masks) as features:
        try:
            windows = list(_fill_windows(frames, features, sure_links, settings))
            histograms = {name: _join(windows, name, settings.n_bins) for name in ("intra_frame", "sure_link")}
            if options.short_tracklets is not None:
                tracklet_ids, _ = read_short_tracklets(options.short_tracklets, len(frames))
                blocks = intra_tracklet_similarities(tracklet_ids, features)
                histograms["intra_tracklet"] = fill_histogram(blocks, settings.n_bins)
        except ValueError as error:
            raise InputError(f"{options.features}: {error}") from error
    with atomic_output(options.out) as temporary:
        write_histograms(temporary, histograms, windows)
    counts = ", ".join(f"{histogram.n} {name} pairs" for name, histogram in histograms.items())
    logger.info("%s -> %s", counts, options.out)


def _fill_windows(
    frames: np.ndarray, features: ArrayReader, sure_links: np.ndarray, settings: Histogram
) -> Iterator[Window]:
    for first, last in cut_windows(frames, settings.window_frames):
        masks = slice(*np.searchsorted(frames, [first, last + 1]).tolist())
        links = sure_links[(sure_links[:, 1] >= masks.start) & (sure_links[:, 1] < masks.stop)]
        found = intra_frame_similarities(frames, features, masks), pair_similarities(links, features)
        yield Window(first, last, *(fill_histogram(blocks, settings.n_bins) for blocks in found))


def _join(windows: list[Window], population: str, n_bins: int) -> SimilarityHistogram:
    """Put the windows together: the whole video, which may have no masks and so no window."""
    return join_histograms([fill_histogram((), n_bins), *(getattr(window, population) for window in windows)])
