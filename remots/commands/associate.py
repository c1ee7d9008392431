r"""Link masks of adjacent frames to short-term tracklets.

    remots associate --masks masks.parquet --features features_intra.npy --warped-iou warped_iou.parquet \
        --threshold threshold_short.json --out short_tracklets.parquet --summary short_tracklets.json

Masks that overlap along the flow and look similar enough are linked by linear assignment (paper 2.3). Links that could
as well be others are refused, and tracklets are split where they change their looks for good: merging can mend a short
tracklet, but not a mixed one.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.association.ambiguity import evidence_slope
from remots.association.short_term_tracker import link_short_tracklets, summarise_tracklets
from remots.association.splitting import split_mixed_tracklets
from remots.association.sure_links import find_sure_links
from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.atomic import atomic_outputs
from remots.formats.results.statistics_files import read_threshold, write_summary
from remots.formats.results.tables import write_table
from remots.formats.results.tracking_files import open_features, read_mask_frames, read_warped_pairs
from remots.settings import Associate
from remots.statistics.thresholds import moments

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--masks", type=Path, required=True, help="table of masks")
    parser.add_argument("--features", type=Path, required=True, help="array of features")
    parser.add_argument("--warped-iou", type=Path, required=True, help="table of warped IoU")
    parser.add_argument("--threshold", type=Path, required=True, help="threshold_short.json")
    parser.add_argument("--out", type=Path, required=True, help="table of short tracklets to write")
    parser.add_argument("--summary", type=Path, required=True, help="counts, lengths and purity to write, .json")
    add_settings(parser, Associate)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Associate)
    frames = read_mask_frames(options.masks)
    pairs, ious = read_warped_pairs(options.warped_iou, len(frames))
    threshold = read_threshold(options.threshold)
    known = moments(threshold, "intra_frame", "sure_link")
    min_lead = settings.ambiguity_margin * known[-1] if known else 0.0
    with open_features(options.features, len(frames), options.masks) as features:
        try:
            tracklet_ids, links = link_short_tracklets(
                frames, features, pairs, ious, threshold.at(frames[pairs[:, 1]]), settings.assignment, min_lead
            )
        except ValueError as error:
            raise InputError(f"{options.features} and {options.warped_iou}: {error}") from error
        sure = pairs[find_sure_links(pairs, ious)]
        tracklet_ids = split_mixed_tracklets(tracklet_ids, features, sure, settings.split_share)
    summary = summarise_tracklets(tracklet_ids, links, evidence_slope(*known) if known else None)
    with atomic_outputs(options.out, options.summary) as (table, json):
        columns = {"mask_id": np.arange(len(frames)), "frame": frames, "tracklet_id": tracklet_ids}
        write_table(table, "short_tracklets", columns)
        write_summary(json, summary, threshold)
    if not summary.n_masks:
        logger.warning("%s: no masks, so no tracklets", options.masks)
    if summary.is_degenerate:
        logger.warning(
            "%d of %d tracklets are single masks (θ_short = %.4f): try another rule of `threshold-short`, or --value",
            summary.n_single_mask_tracklets,
            summary.n_tracklets,
            threshold.value,
        )
    counts = (summary.n_masks, summary.n_tracklets, summary.n_refused_links, summary.n_split_links)
    logger.info("%d masks linked to %d short tracklets; %d links refused, %d split -> %s", *counts, options.out)
