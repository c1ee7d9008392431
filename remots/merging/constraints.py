"""Which tracklets may be merged at all: those within θ_t frames of each other that share no frame (paper 2.5)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PAIRS_PER_CHUNK = 2**20
# Further away than any frame; twice of it still fits into an int64.
_FAR = np.array([np.iinfo(np.int64).max // 4])


@dataclass(frozen=True)
class FrameRanges:
    """The frames of one tracklet or cluster, as disjoint ranges in rising order.

    Attributes
    ----------
    first, last : ndarray of int64, shape (n_ranges,)
        First and last frame of each range, both included.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(frozen=True)
class RangeTable:
    """The frame ranges of all tracklets, one below the other, in the order of tracklets and frames.

    Attributes
    ----------
    tracklet_ids, first, last : ndarray of int64, shape (n_ranges,)
        A tracklet without holes has one range.
    offsets : ndarray of int64, shape (n_tracklets + 1,)
        Tracklet i has the rows offsets[i] to offsets[i + 1].
    """

    tracklet_ids: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @property
    def n_tracklets(self) -> int:
        """Number of tracklets."""
        return len(self.offsets) - 1

    def of(self, tracklet_id: int) -> FrameRanges:
        """Give the ranges of one tracklet."""
        rows = slice(self.offsets[tracklet_id], self.offsets[tracklet_id + 1])
        return FrameRanges(self.first[rows], self.last[rows])


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of tracklets, each once, sorted; arrays of shape (n_pairs,).

    Attributes
    ----------
    a, b : ndarray of int32
        Tracklet ids, a < b.
    gap_frames : ndarray of int32, at most θ_t
        Distance in time: 1 where one ends in the frame before the other begins; 0 where they share a frame.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    gap_frames: NDArray[np.int32]


def build_frame_ranges(tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]]) -> RangeTable:
    """Collect the frames of each tracklet.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, numbered from 0 without holes.
    frames : ndarray of int, shape (n_masks,)
        Frame of each mask.

    Returns
    -------
    RangeTable

    Raises
    ------
    ValueError
        If a number is left out, or a tracklet has two masks in one frame; names them.
    """
    order = np.lexsort((frames, tracklet_ids))
    ids, sorted_frames = tracklet_ids[order].astype(np.int64), frames[order].astype(np.int64)
    n_tracklets = int(ids[-1]) + 1 if len(ids) else 0
    missing = np.flatnonzero(np.bincount(ids, minlength=n_tracklets) == 0)
    if len(missing):
        raise ValueError(f"tracklet {missing[0]} has no masks; number tracklets from 0 without holes")
    same_tracklet = ids[1:] == ids[:-1]
    step = np.diff(sorted_frames)
    twice = np.flatnonzero(same_tracklet & (step == 0))
    if len(twice):
        raise ValueError(f"tracklet {ids[twice[0]]} has two masks in frame {sorted_frames[twice[0]]}")
    is_start = np.concatenate([[True], ~same_tracklet | (step > 1)])[: len(ids)]
    starts = np.flatnonzero(is_start)
    ends = np.append(starts[1:], len(ids)) - 1
    range_ids = ids[starts]
    offsets = np.searchsorted(range_ids, np.arange(n_tracklets + 1))
    return RangeTable(range_ids, sorted_frames[starts], sorted_frames[ends[: len(starts)]], offsets)


def find_end_masks(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the first and the last mask of each frame range.

    Parameters
    ----------
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        As for `build_frame_ranges`.

    Returns
    -------
    first_masks, last_masks : ndarray of int64, shape (n_ranges,)
        Mask ids, in the order of the rows of `RangeTable`.
    """
    order = np.lexsort((frames, tracklet_ids))
    follows = (np.diff(tracklet_ids[order]) == 0) & (np.diff(frames[order]) == 1)
    starts = np.flatnonzero(np.concatenate([[True], ~follows])[: len(order)])
    ends = np.append(starts[1:], len(order))[: len(starts)] - 1
    return order[starts], order[ends]


def find_shared_frame_pairs(ranges: RangeTable) -> CandidatePairs:
    """Find the pairs of tracklets that share a frame: different people for sure.

    Parameters
    ----------
    ranges : RangeTable
        The frames of each tracklet.

    Returns
    -------
    CandidatePairs
        With no gap. Time and memory grow with their number.
    """
    by_first = np.argsort(ranges.first, kind="stable")
    firsts = ranges.first[by_first]
    low = np.arange(1, len(by_first) + 1)
    n_later = np.searchsorted(firsts, ranges.last[by_first], side="right") - low
    parts = [
        _pair_up(ranges, by_first, low[rows], n_later[rows], by_first[rows])
        for rows in np.split(np.arange(len(low)), _chunk_bounds(n_later))
    ]
    a, b, overlaps = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return CandidatePairs(*_sort_and_drop_repeats(a, b, overlaps))


def rows_in_time(ranges: RangeTable, pairs: CandidatePairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the first rows of the tracklets of each pair, that of the tracklet that begins earlier first.

    Parameters
    ----------
    ranges : RangeTable
    pairs : CandidatePairs

    Returns
    -------
    earlier, later : ndarray of int64, shape (n_pairs,)
        Rows of `ranges`.
    """
    rows_a, rows_b = ranges.offsets[pairs.a], ranges.offsets[pairs.b]
    in_order = ranges.first[rows_a] < ranges.first[rows_b]
    return np.where(in_order, rows_a, rows_b), np.where(in_order, rows_b, rows_a)


def smaller_sizes(sizes: NDArray[np.integer[Any]], pairs: CandidatePairs) -> NDArray[np.int64]:
    """Give the size of the smaller tracklet of each pair, shape (n_pairs,), from the sizes of all tracklets."""
    return np.asarray(np.minimum(sizes[pairs.a], sizes[pairs.b]), np.int64)


def find_candidate_pairs(ranges: RangeTable, max_gap_frames: int) -> CandidatePairs:
    """Find the pairs of tracklets whose distance is finite.

    Parameters
    ----------
    ranges : RangeTable
        The frames of each tracklet.
    max_gap_frames : int
        θ_t: the largest allowed gap.

    Returns
    -------
    CandidatePairs
        Pairs of different tracklets that share no frame and are at most θ_t frames apart. Time and memory grow with
        their number, not with the square of the number of tracklets.

    Notes
    -----
    Source: ReMOTS section 2.5, the first three cases of the distance matrix.
    """
    by_first = np.argsort(ranges.first, kind="stable")
    firsts = ranges.first[by_first]
    low = np.searchsorted(firsts, ranges.last, side="right")
    n_later = np.searchsorted(firsts, ranges.last + max_gap_frames, side="right") - low
    parts = [
        _pair_up(ranges, by_first, low[rows], n_later[rows], rows)
        for rows in np.split(np.arange(len(low)), _chunk_bounds(n_later))
    ]
    a, b, gaps = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if len(ranges.first) > ranges.n_tracklets or np.any(np.diff(ranges.first) < 0):
        a, b, gaps = _sort_and_drop_repeats(a, b, gaps)
    if len(ranges.first) > ranges.n_tracklets:  # only tracklets with holes can be near each other and share a frame
        apart = np.array([gap_frames(ranges.of(i), ranges.of(j)) > 0 for i, j in zip(a, b, strict=True)], bool)
        a, b, gaps = a[apart], b[apart], gaps[apart]
    return CandidatePairs(a, b, gaps)


def _chunk_bounds(n_later: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut the rows where they have made up `_PAIRS_PER_CHUNK` pairs, so that only the result is large."""
    return np.flatnonzero(np.diff(np.cumsum(n_later) // _PAIRS_PER_CHUNK)) + 1


def _pair_up(
    ranges: RangeTable,
    by_first: NDArray[np.int64],
    low: NDArray[np.int64],
    n_later: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Pair each row with the `n_later` ranges from place `low` on, in the order of their first frames."""
    earlier = np.repeat(rows, n_later)
    later = by_first[np.arange(len(earlier)) - np.repeat(np.cumsum(n_later) - n_later - low, n_later)]
    gaps = np.maximum(ranges.first[later] - ranges.last[earlier], 0)
    return _sort_and_drop_repeats(ranges.tracklet_ids[earlier], ranges.tracklet_ids[later], gaps)


def _sort_and_drop_repeats(
    one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]], gaps: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Sort pairs by their smaller and larger id; keep each pair once, with its smallest gap, and none with itself."""
    n_ids, n_gaps = int(one.max(initial=0) + other.max(initial=0)) + 1, int(gaps.max(initial=0)) + 1
    keys = np.minimum(one, other).astype(np.int64)  # one number sorts fastest
    keys = (keys * n_ids + np.maximum(one, other)) * n_gaps + gaps
    keys.sort()
    pairs, gaps = np.divmod(keys, n_gaps)
    a, b = np.divmod(pairs, n_ids)
    kept = (np.diff(pairs, prepend=-1) != 0) & (a != b)
    return a[kept].astype(np.int32), b[kept].astype(np.int32), gaps[kept].astype(np.int32)


def gap_frames(one: FrameRanges, other: FrameRanges) -> int:
    """Give the smallest distance in time between two tracklets or clusters.

    Parameters
    ----------
    one, other : FrameRanges

    Returns
    -------
    int, in frames
        0 where they share a frame, 1 where one ends in the frame before the other begins.
    """
    if len(one.first) == len(other.first) == 1:
        return int(max(one.first[0] - other.last[0], other.first[0] - one.last[0], 0))
    return int(gaps_to_ranges(one, other.first, other.last).min())


def gaps_to_ranges(one: FrameRanges, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Do as `gap_frames` does, for one cluster against many single ranges.

    Parameters
    ----------
    one : FrameRanges
    first, last : ndarray of int64, shape (n,)
        First and last frame of each range.

    Returns
    -------
    ndarray of int64, shape (n,), in frames
    """
    place = one.last.searchsorted(first)  # the first of one's ranges that does not end before
    starts_after = np.concatenate([one.first, _FAR])
    ends_before = np.concatenate([-_FAR, one.last])
    nearest = np.minimum(starts_after[place] - last, first - ends_before[place])
    return np.asarray(np.maximum(nearest, 0))


def join_ranges(one: FrameRanges, other: FrameRanges) -> FrameRanges:
    """Union of the frames of two clusters that share none.

    Parameters
    ----------
    one, other : FrameRanges

    Returns
    -------
    FrameRanges
        Ranges that touch are not joined; they stay disjoint and in rising order.
    """
    return FrameRanges(
        np.sort(np.concatenate([one.first, other.first])), np.sort(np.concatenate([one.last, other.last]))
    )
