"""Which tracklets may be merged at all: those within θ_t frames of each other that share no frame (paper 2.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.merging.frame_ranges import RangeTable, find_junctions, rows_of_tracklets, smallest_gaps
from remots.merging.sight import Sight

_PAIRS_PER_CHUNK = 2**20


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

    def at(self, places: NDArray[np.int64] | slice) -> "CandidatePairs":
        """Give some of the pairs."""
        return CandidatePairs(self.a[places], self.b[places], self.gap_frames[places])


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


def find_candidate_pairs(ranges: RangeTable, max_gap_frames: int, sight: Sight | None = None) -> CandidatePairs:
    """Find the pairs of tracklets whose distance is finite.

    Parameters
    ----------
    ranges : RangeTable
        The frames of each tracklet.
    max_gap_frames : int
        θ_t: the largest allowed gap.
    sight : Sight, optional
        Who is hidden may be away for longer, and who is gone not for as long.

    Returns
    -------
    CandidatePairs
        Pairs of different tracklets that share no frame and are at most θ_t frames apart. Time and memory grow with
        their number, not with the square of the number of tracklets.

    Notes
    -----
    Source: ReMOTS section 2.5, the first three cases of the distance matrix; `sight` is not in the paper.
    """
    may_follow = None if sight is None else partial(sight.may_follow, ranges, max_gap_frames)
    longest = max_gap_frames if sight is None else sight.longest_gap(max_gap_frames)
    by_first = np.argsort(ranges.first, kind="stable")
    firsts = ranges.first[by_first]
    low = np.searchsorted(firsts, ranges.last, side="right")
    n_later = np.searchsorted(firsts, ranges.last + longest, side="right") - low
    parts = [
        _pair_up(ranges, by_first, low[rows], n_later[rows], rows, may_follow)
        for rows in np.split(np.arange(len(low)), _chunk_bounds(n_later))
    ]
    a, b, gaps = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if len(ranges.first) > ranges.n_tracklets or np.any(np.diff(ranges.first) < 0):
        a, b, gaps = _sort_and_drop_repeats(a, b, gaps)
    if len(ranges.first) > ranges.n_tracklets:  # only tracklets with holes can be near each other and share a frame
        apart = _apart(ranges, a, b)
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
    may_follow: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Pair each row with those of the `n_later` ranges from place `low` on that may follow it."""
    earlier = np.repeat(rows, n_later)
    later = by_first[np.arange(len(earlier)) - np.repeat(np.cumsum(n_later) - n_later - low, n_later)]
    if may_follow is not None:
        followed = may_follow(earlier, later)
        earlier, later = earlier[followed], later[followed]
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


def _apart(ranges: RangeTable, a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which tracklets share no frame, shape (n_pairs,)."""
    apart = np.empty(len(a), bool)
    for start in range(0, len(a), _PAIRS_PER_CHUNK):
        chunk = slice(start, start + _PAIRS_PER_CHUNK)
        one, other = rows_of_tracklets(ranges, a[chunk]), rows_of_tracklets(ranges, b[chunk])
        pairs = np.arange(len(a[chunk]))
        apart[chunk] = smallest_gaps(ranges, find_junctions(ranges, one, other, pairs), len(pairs)) > 0
    return apart
