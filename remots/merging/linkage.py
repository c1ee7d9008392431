"""Clustering of tracklets to tracks: centroid linkage under constraints, on a sparse graph (paper 2.5)."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from remots.merging.constraints import (
    CandidatePairs,
    FrameRanges,
    RangeTable,
    find_candidate_pairs,
    gap_frames,
    gaps_to_ranges,
    join_ranges,
    rows_in_time,
)
from remots.rows import FeatureRows

# Features that are compared at once: 16 MB as float32.
_VALUES_PER_CHUNK = 2**22
_PAIRS_PER_CHUNK = 2**12
_JUNCTIONS_PER_CHUNK = 2**18
_FAR = np.array([np.iinfo(np.int64).max // 4])  # further away than any frame


class JunctionBonus(Protocol):
    """What place adds to the similarity of two clusters, judged where one's frames go on after the other's."""

    largest: float
    """No bonus exceeds this, nor is it below 0."""

    def __call__(self, earlier: NDArray[np.int64], later: NDArray[np.int64], /) -> NDArray[np.float64]:
        """Give the bonus of junctions, as similarities; from and to which rows of the `RangeTable` they lead."""


@dataclass(frozen=True)
class Evidence:
    """What else than the distance of their looks decides how near two clusters are.

    Attributes
    ----------
    looks : callable or None
        Turns distances of looks, given the number of observations of the smaller of the two clusters, into distances
        that can be compared: a single mask's tells less than that of a long tracklet.
    place : JunctionBonus or None
        Where the frames of two clusters, put together, pass from one cluster to the other, there is a junction; the
        smallest bonus of all junctions is taken off the distance.
    """

    looks: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None
    place: JunctionBonus | None = None


LOOKS_ALONE = Evidence()


@dataclass(frozen=True)
class Merges:
    """The merges in the order in which they were made; arrays of shape (n_merges,).

    Attributes
    ----------
    a, b : ndarray of int64
        The two clusters, each named by its smallest tracklet id, a < b. The merged cluster is a.
    distance : ndarray of float64, in [0, 2]
        Mean cosine distance of their observations.
    gap_frames : ndarray of int64, at least 1
        Smallest distance in time between them.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    distance: NDArray[np.float64]
    gap_frames: NDArray[np.int64]


def sum_features(
    tracklet_ids: NDArray[np.integer[Any]], features: FeatureRows, n_tracklets: int
) -> NDArray[np.float32]:
    """Add up the features of each tracklet.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, in [0, n_tracklets).
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask; a part is read at a time.
    n_tracklets : int

    Returns
    -------
    ndarray of float32, shape (n_tracklets, n_dimensions)

    Raises
    ------
    ValueError
        If the lengths do not fit together, or a feature is not finite; names the tracklet.
    """
    if len(tracklet_ids) != len(features):
        raise ValueError(f"{len(tracklet_ids)} masks but {len(features)} features")
    sums = np.zeros((n_tracklets, features.shape[1]), np.float32)
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, features.shape[1]))
    for start in range(0, len(tracklet_ids), n_rows):
        rows = np.arange(start, min(start + n_rows, len(tracklet_ids)))
        ids = tracklet_ids[rows]
        order = np.argsort(ids, kind="stable")
        starts = np.flatnonzero(np.diff(ids[order], prepend=-1))
        sums[ids[order[starts]]] += np.add.reduceat(features[rows][order], starts, axis=0)
    broken = np.flatnonzero(~np.isfinite(sums.sum(axis=1)))
    if len(broken):
        raise ValueError(f"a feature of tracklet {broken[0]} is not finite")
    return sums


def tracklet_distances(sums: NDArray[np.float32], sizes: NDArray[Any], pairs: CandidatePairs) -> NDArray[np.float64]:
    r"""Distance of each candidate pair of tracklets; that of all other pairs is infinite.

    .. math::
        W_{k1,k2} = \frac{1}{N_{k1} N_{k2}} \sum_i \sum_j (1 - f_i^{k1} \cdot f_j^{k2})
                  = 1 - \bar f^{k1} \cdot \bar f^{k2}

    Parameters
    ----------
    sums : ndarray of float32, shape (n_tracklets, n_dimensions)
        Sums of the unit-norm features.
    sizes : ndarray of int64, shape (n_tracklets,)
        Observations of each tracklet.
    pairs : CandidatePairs
        The pairs whose distance is finite.

    Returns
    -------
    ndarray of float64, shape (n_pairs,), in [0, 2]

    Notes
    -----
    Source: ReMOTS section 2.5, the distance matrix W^long (called equation 3 here). The mean of all products of two
    sets of vectors is the product of their means, so nobody needs the N_k1 x N_k2 products.
    """
    products = np.empty(len(pairs.a))
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, 2 * sums.shape[1]))
    for start in range(0, len(products), n_rows):
        chunk = slice(start, start + n_rows)
        products[chunk] = np.einsum("ij,ij->i", sums[pairs.a[chunk]], sums[pairs.b[chunk]])
    return np.asarray(1 - products / (sizes[pairs.a] * sizes[pairs.b]))


def merge_tracklets(
    sums: NDArray[np.float32],
    sizes: NDArray[np.int64],
    ranges: RangeTable,
    theta_merge: float,
    max_gap_frames: int,
    evidence: Evidence = LOOKS_ALONE,
) -> tuple[NDArray[np.int64], Merges]:
    """Merge short-term tracklets to tracks, the most similar first.

    Parameters
    ----------
    sums : ndarray of float32, shape (n_tracklets, n_dimensions)
        Sums of the unit-norm features of each tracklet: see `sum_features`. The array is used up.
    sizes : ndarray of int64, shape (n_tracklets,)
        Observations of each tracklet.
    ranges : RangeTable
        The frames of each tracklet.
    theta_merge : float
        Merging stops when the two nearest clusters are less similar than this.
    max_gap_frames : int
        θ_t: clusters further apart in time are not merged.
    evidence : Evidence
        By default the distance of looks alone counts, as in the paper.

    Returns
    -------
    track_ids : ndarray of int64, shape (n_tracklets,)
        Track of each tracklet: 1, 2, 3, … in the order in which the tracks appear (then of their smallest tracklet id).
    merges : Merges
        A higher `theta_merge` gives the first part of the same list.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    Source: ReMOTS section 2.5; other evidence is not in the paper. A cluster's feature is the mean over all its
    observations, its frames are the union of its tracklets' frames, and its gap to another cluster is the smallest
    between their tracklets. Clusters that share a frame are never merged. Of equally near pairs the one of the smallest
    tracklet ids goes first.

    The distance of a merged cluster to a third is the mean, weighted by size, of its parts' distances, so it never
    falls below both of them. Below the distance just merged it falls only where one part was too far in time from the
    third.

    The neighbours of a cluster are kept as the tracklets they once were, and looked up when they are needed: a merge
    takes time in proportion to the neighbours of the two clusters. Outdated pairs stay in the heap until they come up.
    """
    if not len(sums) == len(sizes) == ranges.n_tracklets:
        raise ValueError(f"{len(sums)} sums, {len(sizes)} sizes and {ranges.n_tracklets} ranges do not fit together")
    pairs = find_candidate_pairs(ranges, max_gap_frames)
    clustering = _Clustering(sums, sizes, ranges, pairs, 1 - theta_merge, evidence)
    clustering.run()
    return _number_tracks(clustering.roots(), ranges), clustering.merges()


# Distance, two clusters, and their versions, by which an outdated pair is known. Pairs sort as merges are made.
_Pair = tuple[float, int, int, int, int]


class _NearPairs(NamedTuple):
    distance: NDArray[np.float64]
    a: NDArray[np.int32]
    b: NDArray[np.int32]


class _Clustering:
    """Clusters in the making; each is named by its smallest tracklet, and what other names hold is outdated."""

    def __init__(
        self,
        sums: NDArray[np.float32],
        sizes: NDArray[np.int64],
        ranges: RangeTable,
        pairs: CandidatePairs,
        max_distance: float,
        evidence: Evidence,
    ) -> None:
        self._sums = sums
        self._sizes = sizes.astype(np.float64)
        self._max_distance = max_distance
        self._parents = np.arange(len(sums), dtype=np.int32)
        self._versions = [0] * len(sums)  # how often a cluster has grown; -1 once it is part of another
        self._first, self._last = _extents(ranges)
        self._n_ranges = np.diff(ranges.offsets)
        self._table = ranges
        self._ranges: dict[int, FrameRanges] = {}
        self._looks, self._place = evidence.looks, evidence.place
        self._reach = max_distance + (evidence.place.largest if evidence.place else 0.0)
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._later = _neighbour_lists(pairs.a, pairs.b, len(sums))
        self._earlier = _neighbour_lists(pairs.b, pairs.a, len(sums))
        self._neighbours: dict[int, NDArray[np.int32]] = {}
        self._near_pairs = self._find_near_pairs(pairs)
        self._heap: list[tuple[float, int, int, int, int, Iterator[_Pair]]] = []
        self._done: list[tuple[int, int, float, int]] = []

    def run(self) -> None:
        """Merge until no pair is near enough.

        Pairs come from sorted sources, one for the tracklets and one a cluster made; the heap holds the next of each.
        """
        self._add_next(self._first_pairs())
        while self._heap:
            distance, a, b, version_a, version_b, source = heapq.heappop(self._heap)
            if self._versions[a] == version_a and self._versions[b] == version_b:
                self._merge(a, b, distance)
            self._add_next(source)

    def _add_next(self, source: Iterator[_Pair]) -> None:
        pair = next(source, None)
        if pair is not None:
            heapq.heappush(self._heap, (*pair, source))

    def _first_pairs(self) -> Iterator[_Pair]:
        """Yield the pairs of tracklets of which neither has been merged yet, nearest first."""
        versions = self._versions
        for start in range(0, len(self._near_pairs.a), _PAIRS_PER_CHUNK):
            columns = (column[start : start + _PAIRS_PER_CHUNK].tolist() for column in self._near_pairs)
            for distance, a, b in zip(*columns, strict=True):
                if versions[a] == 0 and versions[b] == 0:
                    yield distance, a, b, 0, 0

    def _pairs_of(self, cluster: int, others: NDArray[np.int32]) -> Iterator[_Pair]:
        """Yield the pairs of a new cluster that are still up to date, nearest first."""
        products = self._sums[others] @ self._sums[cluster]
        distances = 1 - products.astype(np.float64) / (self._sizes[others] * self._sizes[cluster])
        if self._looks is not None:
            distances = self._looks(distances, np.minimum(self._sizes[others], self._sizes[cluster]))
        if self._place is not None:
            within_reach = np.flatnonzero(distances <= self._reach)
            others, distances = others[within_reach], distances[within_reach]
            distances = distances - self._bonuses_of(self._place, cluster, others)
        near = np.flatnonzero(distances <= self._max_distance)
        near = near[np.argsort(distances[near], kind="stable")]  # others come sorted, as ties ask for
        return self._while_current(cluster, distances[near].tolist(), others[near].tolist())

    def _while_current(self, cluster: int, distances: list[float], others: list[int]) -> Iterator[_Pair]:
        versions = self._versions
        version = versions[cluster]
        other_versions = [versions[other] for other in others]
        for distance, other, other_version in zip(distances, others, other_versions, strict=True):
            if versions[cluster] != version:
                return
            if versions[other] != other_version:
                continue
            if cluster < other:
                yield distance, cluster, other, version, other_version
            else:
                yield distance, other, cluster, other_version, version

    def _merge(self, a: int, b: int, distance: float) -> None:
        """Merge two clusters, unless they share a frame."""
        ranges_a, ranges_b = self._ranges_of(a), self._ranges_of(b)
        gap = gap_frames(ranges_a, ranges_b)
        if gap == 0:
            return
        if self._looks is not None or self._place is not None:  # what is written down is the distance of their looks
            distance = float(1 - float(self._sums[a] @ self._sums[b]) / (self._sizes[a] * self._sizes[b]))
        if self._place is not None:
            self._rows[a] = self._join_rows(a, b)
            self._rows.pop(b, None)
        self._done.append((a, b, distance, gap))
        self._sums[a] += self._sums[b]
        self._sizes[a] += self._sizes[b]
        self._n_ranges[a] += self._n_ranges[b]
        self._first[a] = min(self._first[a], self._first[b])
        self._last[a] = max(self._last[a], self._last[b])
        self._ranges[a] = join_ranges(ranges_a, ranges_b)
        self._ranges.pop(b, None)
        self._parents[b] = a
        self._versions[a] += 1
        self._versions[b] = -1
        neighbours = self._join_neighbours(a, b)
        self._neighbours[a] = neighbours
        self._neighbours.pop(b, None)
        self._add_next(self._pairs_of(a, neighbours))

    def _join_neighbours(self, a: int, b: int) -> NDArray[np.int32]:
        """Give the clusters that either was next to, ascending, less those that surely share a frame with the union."""
        found: NDArray[np.int32] = self._find_roots(np.concatenate([self._neighbours_of(a), self._neighbours_of(b)]))
        found.sort()
        is_new = found != a
        is_new[1:] &= found[1:] != found[:-1]
        found = found[is_new]
        apart = ~self._surely_share_frames(a, found)
        return np.asarray(found[apart])

    def _surely_share_frames(self, cluster: int, others: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which clusters share a frame with one as far as their first and last frames show.

        For clusters without holes that is all there is to know; those that it misses are found when they come up.
        """
        first, last = self._first[others], self._last[others]
        with_holes = np.flatnonzero(self._n_ranges[others] > 1)
        ends = (first[with_holes], last[with_holes])
        gaps = gaps_to_ranges(self._ranges_of(cluster), np.concatenate([first, *ends]), np.concatenate([last, *ends]))
        shared: NDArray[np.bool_] = gaps[: len(others)] == 0
        shared[with_holes] = np.any(gaps[len(others) :].reshape(2, -1) == 0, axis=0)
        return shared

    def _find_near_pairs(self, pairs: CandidatePairs) -> _NearPairs:
        """Sort the pairs of tracklets that are near enough by distance; they come sorted by their ids."""
        distances = tracklet_distances(self._sums, self._sizes, pairs)
        if self._looks is not None:
            distances = self._looks(distances, np.minimum(self._sizes[pairs.a], self._sizes[pairs.b]))
        if self._place is not None:
            within_reach = np.flatnonzero(distances <= self._reach)
            distances = distances[within_reach]
            pairs = CandidatePairs(pairs.a[within_reach], pairs.b[within_reach], pairs.gap_frames[within_reach])
            distances = distances - self._bonuses_of_tracklets(self._place, pairs)
        near = np.flatnonzero(distances <= self._max_distance)
        near = near[np.argsort(distances[near], kind="stable")]
        return _NearPairs(distances[near], pairs.a[near], pairs.b[near])

    def _bonuses_of_tracklets(self, bonus: JunctionBonus, pairs: CandidatePairs) -> NDArray[np.float64]:
        """Bonus of each pair of tracklets: one junction, but for tracklets with holes."""
        earlier, later = rows_in_time(self._table, pairs)
        bonuses = np.empty(len(earlier))
        for start in range(0, len(earlier), _JUNCTIONS_PER_CHUNK):
            chunk = slice(start, start + _JUNCTIONS_PER_CHUNK)
            bonuses[chunk] = bonus(earlier[chunk], later[chunk])
        for place in np.flatnonzero(self._n_ranges[pairs.a] + self._n_ranges[pairs.b] > 2).tolist():
            bonuses[place] = self._bonuses_of(bonus, int(pairs.a[place]), pairs.b[place : place + 1])[0]
        return bonuses

    def _bonuses_of(self, bonus: JunctionBonus, cluster: int, others: NDArray[np.int32]) -> NDArray[np.float64]:
        """Give the smallest bonus of the junctions between a cluster and each of others that share no frame with it."""
        if not len(others):
            return np.zeros(0)
        rows_of = [self._rows_of(other) for other in others.tolist()]
        own, rows = self._rows_of(cluster), np.concatenate(rows_of)
        owners = np.repeat(np.arange(len(others)), [len(of_other) for of_other in rows_of])
        earlier, later, of_junctions = self._find_junctions(own, rows, owners)
        bonuses = np.full(len(others), np.inf)
        np.minimum.at(bonuses, of_junctions, bonus(earlier, later))
        return bonuses

    def _find_junctions(
        self, own: NDArray[np.int64], rows: NDArray[np.int64], owners: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Find where a cluster's ranges and those of others follow each other with no third range of the two between.

        Rows of one owner stand together, in the order of time. Gives the earlier row, the later row, and the owner.
        """
        table = self._table
        next_own = np.searchsorted(table.last[own], table.first[rows])
        same_owner = owners[1:] == owners[:-1]
        own_last = np.concatenate([-_FAR, table.last[own]])[next_own]
        own_first = np.concatenate([table.first[own], _FAR])[next_own]
        from_own, to_own = next_own > 0, next_own < len(own)
        from_own[1:] &= ~same_owner | (own_last[1:] > table.last[rows[:-1]])
        to_own[:-1] &= ~same_owner | (own_first[:-1] < table.first[rows[1:]])
        before = own[next_own[from_own] - 1]
        after = own[next_own[to_own]]
        earlier, later = np.concatenate([before, rows[to_own]]), np.concatenate([rows[from_own], after])
        return earlier, later, np.concatenate([owners[from_own], owners[to_own]])

    def _rows_of(self, cluster: int) -> NDArray[np.int64]:
        kept = self._rows.get(cluster)
        return np.arange(*self._table.offsets[cluster : cluster + 2]) if kept is None else kept

    def _join_rows(self, a: int, b: int) -> NDArray[np.int64]:
        rows = np.concatenate([self._rows_of(a), self._rows_of(b)])
        return np.asarray(rows[np.argsort(self._table.first[rows])])

    def _ranges_of(self, cluster: int) -> FrameRanges:
        return self._ranges.get(cluster) or self._table.of(cluster)

    def _neighbours_of(self, cluster: int) -> NDArray[np.int32]:
        kept = self._neighbours.get(cluster)
        return np.concatenate([self._later.of(cluster), self._earlier.of(cluster)]) if kept is None else kept

    def _find_roots(self, tracklets: NDArray[np.int32]) -> NDArray[np.int32]:
        """Look up the clusters that the tracklets belong to now, and shorten the way for the next time."""
        roots = self._parents[tracklets]
        while True:
            further = self._parents[roots]
            if np.array_equal(further, roots):
                break
            roots = further
        self._parents[tracklets] = roots
        return roots

    def roots(self) -> NDArray[np.int32]:
        """Cluster of each tracklet."""
        return self._find_roots(np.arange(len(self._parents), dtype=np.int32))

    def merges(self) -> Merges:
        """Give the merges made so far."""
        a, b, distance, gap = zip(*self._done, strict=True) if self._done else ((), (), (), ())
        return Merges(
            np.array(a, np.int64), np.array(b, np.int64), np.array(distance, np.float64), np.array(gap, np.int64)
        )


@dataclass(frozen=True)
class _NeighbourLists:
    """Neighbours of all tracklets, one list after the other."""

    neighbours: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def of(self, tracklet: int) -> NDArray[np.int32]:
        return self.neighbours[self.offsets[tracklet] : self.offsets[tracklet + 1]]


def _neighbour_lists(own: NDArray[np.int32], other: NDArray[np.int32], n_tracklets: int) -> _NeighbourLists:
    """Collect the other ends of each tracklet's pairs."""
    offsets = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=n_tracklets))])
    return _NeighbourLists(other[np.argsort(own, kind="stable")], offsets)


def _extents(ranges: RangeTable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frame of each tracklet."""
    return ranges.first[ranges.offsets[:-1]], ranges.last[ranges.offsets[1:] - 1]


def _number_tracks(roots: Iterable[int], ranges: RangeTable) -> NDArray[np.int64]:
    """Give track numbers from 1 on, in the order of the tracks' first frames."""
    clusters, members = np.unique(np.asarray(roots), return_inverse=True)
    first_frames = np.full(len(clusters), np.iinfo(np.int64).max)
    np.minimum.at(first_frames, members, _extents(ranges)[0])
    ranks = np.empty(len(clusters), np.int64)
    ranks[np.lexsort((clusters, first_frames))] = np.arange(1, len(clusters) + 1)
    return np.asarray(ranks[members])
