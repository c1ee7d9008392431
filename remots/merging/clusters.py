"""Clusters in the making: what each consists of, what is near it, and many unions of two at once."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.merging.constraints import CandidatePairs
from remots.merging.distances import tracklet_distances
from remots.merging.evidence import Evidence
from remots.merging.frame_ranges import (
    ClusterRows,
    Junctions,
    RangeTable,
    find_junctions,
    have_masks_between,
    rows_of_tracklets,
    smallest_gaps,
)
from remots.merging.number_lists import NumberLists

_PAIRS_PER_CHUNK = 2**17

# Rows of the earlier and of the later ranges of junctions; gives which may be.
JunctionTest = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class NearPairs:
    """Pairs that are near enough to be merged; arrays of shape (n_pairs,).

    Attributes
    ----------
    a, b : ndarray of int
        Clusters.
    distances : ndarray of float64
        By all the evidence there is.
    gap_frames : ndarray of int
        Smallest distance in time, at least 1.
    """

    a: NDArray[np.integer[Any]]
    b: NDArray[np.integer[Any]]
    distances: NDArray[np.float64]
    gap_frames: NDArray[np.integer[Any]]

    def at(self, places: NDArray[np.int64] | slice) -> "NearPairs":
        """Give some of the pairs."""
        return NearPairs(self.a[places], self.b[places], self.distances[places], self.gap_frames[places])

    def by_a(self, n: int) -> list["NearList"]:
        """Part pairs that are sorted by `a`, which is in [0, n)."""
        others, distances, gaps = self.b.tolist(), self.distances.tolist(), self.gap_frames.tolist()
        bounds = self.a.searchsorted(np.arange(n + 1)).tolist()
        return [
            NearList(others[start:end], distances[start:end], gaps[start:end])
            for start, end in itertools.pairwise(bounds)
        ]


class NearList(NamedTuple):
    """Clusters near enough to be merged with a certain one, nearest first; lists of length n_near."""

    others: list[int]
    distances: list[float]
    gap_frames: list[int]


@dataclass(frozen=True)
class Unions:
    """What merging some pairs of clusters, of which no two share one, would make of them.

    Attributes
    ----------
    a, b : ndarray of int64, shape (n_unions,)
        The two clusters; the union is called a.
    rows : ClusterRows
        Frame ranges of each union.
    sums : ndarray of float32, shape (n_unions, n_dimensions)
        Sums of the features.
    sizes : ndarray of float64, shape (n_unions,)
        Observations.
    neighbours : ndarray of int32, shape (n_neighbours,)
        Clusters near each union in time, the unions' lists one after the other, each ascending.
    offsets : ndarray of int64, shape (n_unions + 1,)
        Union i has the neighbours offsets[i] to offsets[i + 1].
    near : list of NearList, length n_unions
        Those of the neighbours that are near enough to be merged with each union.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    rows: ClusterRows
    sums: NDArray[np.float32]
    sizes: NDArray[np.float64]
    neighbours: NDArray[np.int32]
    offsets: NDArray[np.int64]
    near: list[NearList]


class Clusters:
    """Clusters in the making; each is named by its smallest tracklet, and what other names hold is outdated.

    The neighbours of a cluster are kept as the clusters they once were, and looked up when they are needed.

    Parameters
    ----------
    sums, sizes, table
        As for `remots.merging.linkage.merge_tracklets`.
    pairs : CandidatePairs
        All pairs of tracklets within θ_t.
    max_distance : float
        1 - θ_merge.
    evidence : Evidence
    may_follow : callable, optional
        Tells of junctions whether the later range may follow the earlier one; by default every one may.

    Attributes
    ----------
    names : ndarray of int32, shape (n_tracklets,)
        Cluster of each tracklet.
    """

    def __init__(
        self,
        sums: NDArray[np.float32],
        sizes: NDArray[np.int64],
        table: RangeTable,
        pairs: CandidatePairs,
        max_distance: float,
        evidence: Evidence,
        may_follow: JunctionTest | None = None,
    ) -> None:
        self.names = np.arange(len(sums), dtype=np.int32)
        self._sums, self._sizes = sums, sizes.astype(np.float64)
        self._table, self._evidence, self._max_distance = table, evidence, max_distance
        self._may_follow = may_follow
        self._first, self._last = table.first_frames, table.last_frames
        self._has_holes = np.diff(table.offsets) > 1
        self._rows = NumberLists(np.arange(len(table.first)), table.offsets)
        self._neighbours = _list_neighbours(pairs, len(sums))
        self._taken_by = np.full(len(sums), len(sums), np.int32)
        self._cannot_links = np.zeros((0, 2), np.int64)

    def keep_apart(self, cannot_links: NDArray[np.int64]) -> None:
        """Never bring the clusters of two such tracklets together, shape (n_links, 2); `pairs` have none of them."""
        self._cannot_links = np.concatenate([cannot_links, cannot_links[:, ::-1]])

    def find_near_pairs(self, pairs: CandidatePairs) -> NearPairs:
        """Find the pairs of tracklets that are near enough, nearest first, then by their ids, as they come.

        Parameters
        ----------
        pairs : CandidatePairs
            All pairs of tracklets within θ_t, before any merge.

        Returns
        -------
        NearPairs
        """
        starts = range(0, max(len(pairs.a), 1), _PAIRS_PER_CHUNK)
        parts = [self._find_near_among(pairs.at(slice(start, start + _PAIRS_PER_CHUNK))) for start in starts]
        columns = ([getattr(part, name) for part in parts] for name in ("a", "b", "distances", "gap_frames"))
        near = NearPairs(*map(np.concatenate, columns))
        return near.at(np.argsort(near.distances, kind="stable"))

    def _find_near_among(self, pairs: CandidatePairs) -> NearPairs:
        distances = tracklet_distances(self._sums, self._sizes, pairs)
        distances = self._evidence.weigh_looks(distances, np.minimum(self._sizes[pairs.a], self._sizes[pairs.b]))
        reached = self._within_reach(distances)
        pairs, distances = pairs.at(reached), distances[reached]
        one, other = rows_of_tracklets(self._table, pairs.a), rows_of_tracklets(self._table, pairs.b)
        junctions = find_junctions(self._table, one, other, np.arange(len(pairs.a)))
        near = NearPairs(pairs.a, pairs.b, self._weigh(distances, junctions), pairs.gap_frames)
        return near.at(np.flatnonzero(near.distances <= self._max_distance))

    def _weigh(self, distances: NDArray[np.float64], junctions: Junctions) -> NDArray[np.float64]:
        """Let place speak as well; infinite where a range may not follow another."""
        weighed = self._evidence.weigh_place(distances, junctions)
        if self._may_follow is None:
            return weighed
        barred = junctions.pairs[~self._may_follow(junctions.earlier, junctions.later)]
        return np.where(np.bincount(barred, minlength=len(weighed)) > 0, np.inf, weighed)

    def distances_of_looks(self, a: list[int], b: list[int]) -> list[float]:
        """Give the mean cosine distances of pairs of clusters, length n_pairs."""
        sums, sizes = self._sums, self._sizes
        return [float(1 - float(sums[i] @ sums[j]) / (sizes[i] * sizes[j])) for i, j in zip(a, b, strict=True)]

    def gap_frames(self, a: int, b: int) -> int:
        """Give the smallest distance in time of two clusters."""
        one, other = (ClusterRows(*self._rows.take(np.array([name]))) for name in (a, b))
        return int(smallest_gaps(self._table, find_junctions(self._table, one, other, np.zeros(1, np.int64)), 1)[0])

    def plan_unions(self, a: list[int], b: list[int]) -> Unions:
        """Work out what merging pairs of clusters would give; nothing is changed yet.

        Parameters
        ----------
        a, b : list of int, length n_unions
            Clusters that share no frame, a < b; none comes twice.

        Returns
        -------
        Unions
        """
        names = np.array([a, b], np.int64)
        rows = self._join_rows(names)
        sums, sizes = self._sums[names[0]] + self._sums[names[1]], self._sizes[names].sum(axis=0)
        neighbours, owners = self._join_neighbours(names, rows)
        offsets = np.searchsorted(owners, np.arange(len(a) + 1))
        other_sizes, own_sizes = self._sizes[neighbours], sizes[owners]
        distances = 1 - self._multiply(sums, neighbours, offsets) / (other_sizes * own_sizes)
        distances = self._evidence.weigh_looks(distances, np.minimum(other_sizes, own_sizes))
        reached = self._within_reach(distances)
        near = self._find_near_others(rows, owners[reached], neighbours[reached], distances[reached])
        return Unions(names[0], names[1], rows, sums, sizes, neighbours, offsets, near.by_a(len(a)))

    def count_independent(self, unions: Unions) -> int:
        """Count the first unions of which none is near a cluster that one before it takes away; at least 1."""
        order = np.arange(len(unions.a))
        self._taken_by[unions.a] = self._taken_by[unions.b] = order
        owners = np.repeat(order, unions.offsets[1:] - unions.offsets[:-1])
        dependent = owners[self._taken_by[unions.neighbours] < owners]
        self._taken_by[unions.a] = self._taken_by[unions.b] = len(self._taken_by)
        return int(dependent[0]) if len(dependent) else len(order)

    def make_unions(self, unions: Unions, n_first: int) -> None:
        """Merge the first pairs of clusters as planned.

        Parameters
        ----------
        unions : Unions
            From `plan_unions`; no merge was made since.
        n_first : int
            How many of them; no more than `count_independent` allows.
        """
        a, b = unions.a[:n_first], unions.b[:n_first]
        self._sums[a], self._sizes[a] = unions.sums[:n_first], unions.sizes[:n_first]
        self._first[a] = np.minimum(self._first[a], self._first[b])
        self._last[a] = np.maximum(self._last[a], self._last[b])
        self._has_holes[a] = True
        n_rows, n_neighbours = int(unions.rows.offsets[n_first]), int(unions.offsets[n_first])
        rows = unions.rows.rows[:n_rows]
        self.names[self._table.tracklet_ids[rows]] = a[unions.rows.owners[:n_rows]]
        self._rows.replace(a, rows, unions.rows.offsets[: n_first + 1], b)
        self._neighbours.replace(a, unions.neighbours[:n_neighbours], unions.offsets[: n_first + 1], b)

    def _within_reach(self, distances: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the places of the pairs that are near enough if place does its best."""
        return np.flatnonzero(distances <= self._max_distance + self._evidence.largest_bonus)

    def _multiply(
        self, sums: NDArray[np.float32], others: NDArray[np.int32], offsets: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Multiply the sums of unions with those of their neighbours, shape (n_neighbours,)."""
        rows = self._sums[others]
        products = np.empty(len(others))
        bounds = offsets.tolist()
        for own, start, end in zip(sums, bounds[:-1], bounds[1:], strict=True):
            products[start:end] = rows[start:end] @ own
        return products

    def _join_rows(self, names: NDArray[np.int64]) -> ClusterRows:
        """Put the rows of pairs of clusters together, in the order of time; names have the shape (2, n_pairs)."""
        rows, offsets = self._rows.take(names.T.ravel())
        joined = ClusterRows(rows, offsets[::2])
        return ClusterRows(rows[np.lexsort((self._table.first[rows], joined.owners))], joined.offsets)

    def _join_neighbours(
        self, names: NDArray[np.int64], rows: ClusterRows
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Give the clusters that either part of a union was next to, less those that surely share a frame with it.

        Returns the clusters, and the union that each belongs to, sorted by union and cluster.
        """
        found, offsets = self._neighbours.take(names.T.ravel())
        n_names = len(self.names)
        keys = np.repeat(np.arange(names.shape[1]) * n_names, offsets[2::2] - offsets[:-2:2]) + self.names[found]
        keys.sort()
        kept = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=kept[1:])
        owners, others = np.divmod(keys[kept], n_names)
        apart = np.flatnonzero((names[:, owners] != others).all(axis=0) & ~self._surely_share(rows, owners, others))
        if len(self._cannot_links):
            apart = apart[~self._may_not_join(names, owners[apart], others[apart])]
        return others[apart].astype(np.int32), owners[apart]

    def _may_not_join(
        self, names: NDArray[np.int64], owners: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which clusters a cannot link keeps from a union."""
        one, other = self.names[self._cannot_links].T.astype(np.int64)
        keys = one * len(self.names) + other
        return np.asarray(np.isin(names[:, owners] * len(self.names) + others, keys).any(axis=0))

    def _surely_share(
        self, rows: ClusterRows, owners: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which clusters share a frame with a union as far as their first and last frames show.

        For clusters without holes that is all there is to know; the others are found when they are near enough.
        """
        first, last = self._first[others], self._last[others]
        until = np.where(self._has_holes[others], first, last)
        starts, ends = np.concatenate([first, last]), np.concatenate([until, last])
        shared = have_masks_between(self._table, rows, np.concatenate([owners, owners]), starts, ends)
        return shared[: len(others)] | shared[len(others) :]

    def _find_near_others(
        self, rows: ClusterRows, owners: NDArray[np.int64], others: NDArray[np.int32], distances: NDArray[np.float64]
    ) -> NearPairs:
        """Find the clusters near enough to be merged with a union, by union (its place), then the nearest first."""
        junctions = find_junctions(self._table, rows, ClusterRows(*self._rows.take(others)), owners)
        gaps = smallest_gaps(self._table, junctions, len(others))
        near = NearPairs(owners, others, self._weigh(distances, junctions), gaps)
        near = near.at(np.flatnonzero((near.distances <= self._max_distance) & (gaps > 0)))
        return near.at(np.lexsort((near.distances, near.a)))  # equally near ones stay sorted by their names


def _list_neighbours(pairs: CandidatePairs, n_tracklets: int) -> NumberLists:
    """Collect the other ends of each tracklet's pairs."""
    counts = np.bincount(pairs.a, minlength=n_tracklets) + np.bincount(pairs.b, minlength=n_tracklets)
    order = np.argsort(np.concatenate([pairs.a, pairs.b]), kind="stable")
    return NumberLists(np.concatenate([pairs.b, pairs.a])[order], np.concatenate([[0], np.cumsum(counts)]))
