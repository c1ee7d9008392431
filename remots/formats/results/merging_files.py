"""What merging reads: the short tracklets of a sequence, with the looks and the places of their masks."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.formats.results.corrections import read_corrections
from remots.formats.results.tables import read_table
from remots.formats.results.tracking_files import open_features, read_short_tracklets
from remots.merging.corrections import NO_CORRECTIONS, Corrections, split_tracklets
from remots.merging.distances import sum_features
from remots.merging.frame_ranges import RangeTable, build_frame_ranges, find_end_masks
from remots.merging.sight import Bounds, Sight
from remots.settings import Merge
from remots.statistics.displacements import TrackletPlaces, describe_motion, learn_scales


class Tracklets(NamedTuple):
    """The short tracklets of a sequence, ready to be merged.

    Attributes
    ----------
    ranges : RangeTable
        Their frames.
    sums : ndarray of float32, shape (n_tracklets, n_dimensions)
        Sums of the features of their masks.
    sizes : ndarray of int64, shape (n_tracklets,)
        Their masks.
    places : TrackletPlaces
        Where they begin and end.
    ends, starts : Bounds
        The same for whether they may have left the picture.
    corrections : Corrections
        What people ask of the merging; the tracklets are split already.
    """

    ranges: RangeTable
    sums: NDArray[np.float32]
    sizes: NDArray[np.int64]
    places: TrackletPlaces
    ends: Bounds
    starts: Bounds
    corrections: Corrections

    def sight(self, sequence: Sequence, limits: Merge) -> Sight:
        """Tell who is hidden or gone, in a sequence of some size and frames a second."""
        hidden_frames, gone_frames = (
            math.ceil(seconds * sequence.fps) or limits.max_gap_frames
            for seconds in (limits.max_hidden_seconds, limits.max_gone_seconds)
        )
        return Sight(self.ends, self.starts, (sequence.height_px, sequence.width_px), hidden_frames, gone_frames)


def read_tracklets(short_tracklets: Path, features: Path, masks: Path, corrections: Path | None = None) -> Tracklets:
    """Read short tracklets with the features and the places of their masks.

    Parameters
    ----------
    short_tracklets, features : Path
        A table of short tracklets, an array of features.
    masks : Path
        A table of masks.
    corrections : Path, optional
        See `remots.formats.results.corrections`.

    Returns
    -------
    Tracklets

    Raises
    ------
    InputError
        If a file is missing or malformed, or two do not belong together.
    """
    tracklet_ids, frames = read_short_tracklets(short_tracklets)
    asked = NO_CORRECTIONS
    if corrections is not None:
        _check_tracklets(short_tracklets, tracklet_ids, frames)
        asked = read_corrections(corrections, tracklet_ids, frames, read_mask_boxes(masks, len(frames)))
        tracklet_ids = split_tracklets(tracklet_ids, frames, asked.splits)
    with open_features(features, len(frames), short_tracklets) as rows:
        try:
            ranges = build_frame_ranges(tracklet_ids, frames)
            sums = sum_features(tracklet_ids, rows, ranges.n_tracklets)
        except ValueError as error:
            raise InputError(f"{short_tracklets} and {features}: {error}") from error
    boxes = read_mask_boxes(masks, len(frames))
    motion = describe_motion(tracklet_ids, frames, boxes)
    firsts, lasts = find_end_masks(tracklet_ids, frames)
    places = TrackletPlaces(motion, learn_scales(tracklet_ids, motion), firsts, lasts)
    ends = Bounds(boxes[lasts].astype(np.float64), motion.velocities_before[lasts, 0])
    starts = Bounds(boxes[firsts].astype(np.float64), -motion.velocities_after[firsts, 0])
    sizes = np.bincount(tracklet_ids, minlength=ranges.n_tracklets)
    return Tracklets(ranges, sums, sizes, places, ends, starts, asked)


def _check_tracklets(path: Path, tracklet_ids: NDArray[np.int64], frames: NDArray[np.int64]) -> None:
    try:
        build_frame_ranges(tracklet_ids, frames)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def read_mask_boxes(masks: Path | str, n_masks: int) -> NDArray[np.int64]:
    """Read the box of each mask.

    Parameters
    ----------
    masks : Path
        A table of masks.
    n_masks : int
        How many masks there must be.

    Returns
    -------
    ndarray of int64, shape (n_masks, 4), in px
        Left, top, width and height.

    Raises
    ------
    InputError
        As `read_table`, and if there are more or fewer masks.
    """
    columns = ["left_px", "top_px", "width_px", "height_px"]
    boxes = read_table(masks, "masks", columns=columns)[columns].to_numpy(np.int64)
    if len(boxes) != n_masks:
        raise InputError(f"{masks}: {len(boxes)} masks, but the short tracklets have {n_masks}; associate them again")
    return boxes
