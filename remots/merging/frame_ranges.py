"""The frames of tracklets as ranges, and where the ranges of two clusters follow each other."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Further away than any frame.
_FAR_FRAMES = np.iinfo(np.int64).max // 4


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

    @cached_property
    def extent(self) -> tuple[int, int]:
        """First frame of all, and number of frames from it to the last."""
        first = int(self.first.min(initial=_FAR_FRAMES))
        return first, int(self.last.max(initial=first)) - first + 1

    @property
    def first_frames(self) -> NDArray[np.int64]:
        """First frame of each tracklet, shape (n_tracklets,)."""
        return self.first[self.offsets[:-1]]

    @property
    def last_frames(self) -> NDArray[np.int64]:
        """Last frame of each tracklet, shape (n_tracklets,)."""
        return self.last[self.offsets[1:] - 1]


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


@dataclass(frozen=True)
class ClusterRows:
    """The frame ranges of several clusters, one after the other, each in the order of time.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_rows,)
        Rows of a `RangeTable`.
    offsets : ndarray of int64, shape (n_clusters + 1,)
        Cluster i has the rows offsets[i] to offsets[i + 1].
    """

    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """Cluster of each row, shape (n_rows,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.offsets[1:] - self.offsets[:-1])


@dataclass(frozen=True)
class Junctions:
    """Where the frames of two clusters, put together, pass from one cluster to the other; shape (n_junctions,).

    Attributes
    ----------
    earlier, later : ndarray of int64
        Rows of a `RangeTable`: the range that is left, and the one that follows.
    pairs : ndarray of int64
        Which pair of clusters they belong to.
    """

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    pairs: NDArray[np.int64]


def rows_of_tracklets(table: RangeTable, tracklet_ids: NDArray[np.integer[Any]]) -> ClusterRows:
    """Take tracklets for clusters of one tracklet each; an id may come more than once."""
    counts = np.diff(table.offsets)[tracklet_ids]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = np.arange(offsets[-1]) + np.repeat(table.offsets[tracklet_ids] - offsets[:-1], counts)
    return ClusterRows(rows, offsets)


def find_junctions(table: RangeTable, one: ClusterRows, other: ClusterRows, of_one: NDArray[np.int64]) -> Junctions:
    """Find where the ranges of two clusters follow each other with no third range of the two between.

    Parameters
    ----------
    table : RangeTable
    one, other : ClusterRows
    of_one : ndarray of int64, shape (n_other_clusters,)
        Each cluster of `other` makes a pair with this cluster of `one`.

    Returns
    -------
    Junctions
        The ranges of a junction overlap only if the two clusters share a frame.
    """
    pairs, rows, own = other.owners, other.rows, one.rows
    if not len(rows) or not len(own):
        return Junctions(*(np.zeros(0, np.int64) for _ in range(3)))
    places = _find_places_in_time(table, one, of_one[pairs], table.first[rows])
    after_first, before_end = places > one.offsets[of_one[pairs]], places < one.offsets[of_one[pairs] + 1]
    before, after = own[places - 1], own[np.minimum(places, len(own) - 1)]
    same_pair = pairs[1:] == pairs[:-1]
    after_first[1:] &= ~same_pair | (table.last[before[1:]] > table.last[rows[:-1]])
    before_end[:-1] &= ~same_pair | (table.first[after[:-1]] < table.first[rows[1:]])
    return Junctions(
        np.concatenate([before[after_first], rows[before_end]]),
        np.concatenate([rows[after_first], after[before_end]]),
        np.concatenate([pairs[after_first], pairs[before_end]]),
    )


def smallest_gaps(table: RangeTable, junctions: Junctions, n_pairs: int) -> NDArray[np.int64]:
    """Find the smallest distance in time between the clusters of each pair.

    Parameters
    ----------
    table : RangeTable
    junctions : Junctions
        Of all the pairs: see `find_junctions`.
    n_pairs : int

    Returns
    -------
    ndarray of int64, shape (n_pairs,), in frames
        0 where they share a frame, 1 where one ends in the frame before the other begins.
    """
    gaps = np.full(n_pairs, _FAR_FRAMES)
    np.minimum.at(gaps, junctions.pairs, table.first[junctions.later] - table.last[junctions.earlier])
    return np.asarray(np.maximum(gaps, 0))


def have_masks_between(
    table: RangeTable, one: ClusterRows, of_one: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell whether clusters have a mask in some frame of a range.

    Parameters
    ----------
    table : RangeTable
    one : ClusterRows
    of_one : ndarray of int64, shape (n,)
        Which cluster of `one` is asked for each range.
    first, last : ndarray of int64, shape (n,)
        The ranges, within the frames of the table.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    places = _find_places_in_time(table, one, of_one, first)
    begins = table.first[one.rows[np.minimum(places, len(one.rows) - 1)]]
    return np.asarray((places < one.offsets[of_one + 1]) & (begins <= last))


def _find_places_in_time(
    table: RangeTable, one: ClusterRows, of_one: NDArray[np.int64], frames: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the first range of a cluster that does not end before a frame, as its place in `one.rows`.

    Where all end before, it is the place behind the cluster's last range.
    """
    lowest, n_frames = table.extent
    keys = one.owners * n_frames + (table.last[one.rows] - lowest)  # ascending: each cluster has a part of its own
    return np.searchsorted(keys, of_one * n_frames + (frames - lowest))
