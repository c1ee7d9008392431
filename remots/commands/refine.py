r"""Split the tracks of another tracker where two people were joined, and go on from what is left.

    remots refine --given given_tracklets.parquet --features features_intra.npy --warped-iou warped_iou.parquet \
        --out short_tracklets.parquet --summary short_tracklets.json

A track is split where what comes before a step and what comes after it look less alike than one person does over such
a gap, as the tracks' own sure links show. The parts stand in for the short-term tracker's tracklets: they are trained
on, and merged.
"""

import argparse
import logging
from pathlib import Path

from remots.association.refining import describe_refinement, refine_tracklets
from remots.association.sure_links import find_sure_links
from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.files.atomic import atomic_outputs
from remots.formats.results.refinement import read_given_tracklets, write_refinement
from remots.formats.results.tables import write_table
from remots.formats.results.tracking_files import open_features, read_warped_pairs
from remots.settings import Refine

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--given", type=Path, required=True, help="table of tracklets, from remots import-tracklets")
    parser.add_argument("--features", type=Path, required=True, help="array of features")
    parser.add_argument("--warped-iou", type=Path, required=True, help="table of warped IoU")
    parser.add_argument("--out", type=Path, required=True, help="table of short tracklets to write")
    parser.add_argument("--summary", type=Path, required=True, help="counts and lengths to write, .json")
    add_settings(parser, Refine)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Refine)
    given_ids, frames = read_given_tracklets(options.given)
    pairs, ious = read_warped_pairs(options.warped_iou, len(frames))
    sure = pairs[find_sure_links(pairs, ious)]
    with open_features(options.features, len(frames), options.given) as features:
        tracklet_ids = refine_tracklets(
            given_ids, frames, features, sure, settings.split_share, settings.max_gap_frames
        )
    found = describe_refinement(given_ids, tracklet_ids)
    with atomic_outputs(options.out, options.summary) as (table, summary):
        columns = {"mask_id": range(len(frames)), "frame": frames, "tracklet_id": tracklet_ids}
        write_table(table, "short_tracklets", columns)
        write_refinement(summary, found)
    if not found.n_masks:
        logger.warning("%s: no masks, so no tracklets", options.given)
    counts = (found.n_given_tracklets, found.n_split_tracklets, found.n_tracklets)
    logger.info("%d tracks given, %d of them split: %d tracklets -> %s", *counts, options.out)
