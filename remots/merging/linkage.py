"""Clustering of tracklets to tracks: centroid linkage under constraints, on a sparse graph (paper 2.5)."""

import heapq
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from remots.merging.clusters import Clusters, NearList, NearPairs, Unions
from remots.merging.constraints import find_candidate_pairs
from remots.merging.corrections import NO_CORRECTIONS, Corrections
from remots.merging.evidence import LOOKS_ALONE, Evidence
from remots.merging.frame_ranges import RangeTable
from remots.merging.sight import Sight

_PAIRS_PER_CHUNK = 2**12
# Pairs that are worked out together. More change nothing but the time: what comes after the first new pair is in vain.
_PAIRS_TOGETHER = 8


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


def merge_tracklets(
    sums: NDArray[np.float32],
    sizes: NDArray[np.int64],
    ranges: RangeTable,
    theta_merge: float,
    max_gap_frames: int,
    evidence: Evidence = LOOKS_ALONE,
    sight: Sight | None = None,
    corrections: Corrections = NO_CORRECTIONS,
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
    sight : Sight, optional
        By default θ_t holds for all gaps, as in the paper.
    corrections : Corrections, optional
        What people ask for: see `remots.merging.corrections`. Must links are made first, whatever the gap or the looks;
        cannot links keep whole clusters apart; dropped tracklets get no track.

    Returns
    -------
    track_ids : ndarray of int64, shape (n_tracklets,)
        Track of each tracklet: 1, 2, 3, … in the order in which the tracks appear (then of their smallest tracklet id);
        0 for those that are dropped.
    merges : Merges
        A higher `theta_merge` gives the first part of the same list. Must links come first.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    Source: ReMOTS section 2.5; other evidence is not in the paper. A cluster's feature is the mean over all its
    observations, its frames are the union of its tracklets' frames, and its gap to another cluster is the smallest
    between their tracklets. Clusters that share a frame are never merged; nor are they with `sight` if, in the order of
    time, one of them follows the other where it may not (without it, that comes up only where a tracklet has holes, and
    the smallest gap alone counts). Of equally near pairs the one of the smallest tracklet ids goes first.

    The distance of a merged cluster to a third is the mean, weighted by size, of its parts' distances, so it never
    falls below both of them. Below the distance just merged it falls only where one part was too far in time from the
    third.

    A merge takes time in proportion to the neighbours of the two clusters. The next pairs in line are worked out
    together, and merged together as far as that is what merging one after the other would have done: until one is near
    a cluster that another takes away, or a pair of a new cluster comes before it.
    """
    if not len(sums) == len(sizes) == ranges.n_tracklets:
        raise ValueError(f"{len(sums)} sums, {len(sizes)} sizes and {ranges.n_tracklets} ranges do not fit together")
    pairs = corrections.permit(find_candidate_pairs(ranges, max_gap_frames, sight), ranges.n_tracklets)
    may_follow = None if sight is None else partial(sight.may_follow, ranges, max_gap_frames)
    clusters = Clusters(sums, sizes, ranges, pairs, 1 - theta_merge, evidence, may_follow)
    clusters.keep_apart(corrections.cannot_links)
    queue = _Queue(clusters.find_near_pairs(pairs), ranges.n_tracklets)
    del pairs
    merges = _merge_all(clusters, queue, corrections.must_links)
    kept = np.ones(ranges.n_tracklets, bool)
    kept[corrections.dropped] = False
    track_ids = np.zeros(ranges.n_tracklets, np.int64)
    track_ids[kept] = _number_tracks(clusters.names[kept], ranges.first_frames[kept])
    return track_ids, merges


# Distance, two clusters, their versions (by which an outdated pair is known), and their gap in frames.
_Pair = tuple[float, int, int, int, int, int]
_Source = Generator[_Pair, None, None]


class _Queue:
    """Pairs of clusters in the order of distance, less those that are outdated.

    Pairs come from sorted sources, one for the tracklets and one for each cluster made; the heap holds the next of
    each.
    """

    def __init__(self, near_pairs: NearPairs, n_tracklets: int) -> None:
        self._versions = [0] * n_tracklets  # how often a cluster has grown; -1 once it is part of another
        self._sources: dict[int, _Source] = {}
        self._heap: list[tuple[_Pair, _Source | None]] = []
        self._add_next(self._pairs_of_tracklets(near_pairs))

    def take(self, n_most: int) -> list[_Pair]:
        """Take the next pairs out."""
        taken: list[_Pair] = []
        while self._heap and len(taken) < n_most:
            pair, source = heapq.heappop(self._heap)
            self._add_next(source)
            if self._versions[pair[1]] == pair[3] and self._versions[pair[2]] == pair[4]:
                taken.append(pair)
        return taken

    def put_back(self, pairs: Iterable[_Pair]) -> None:
        """Put pairs back that were taken out."""
        for pair in pairs:
            heapq.heappush(self._heap, (pair, None))

    def replace(self, a: int, b: int, near: NearList) -> None:
        """Note that two clusters have become one, called a, and add its pairs, nearest first."""
        self._versions[a] += 1
        self._versions[b] = -1
        for name in (a, b):
            if name in self._sources:
                self._sources.pop(name).close()  # frees its pairs
        if near.others:
            self._sources[a] = self._pairs_of(a, near)
            self._add_next(self._sources[a])

    def _add_next(self, source: _Source | None) -> None:
        pair = next(source, None) if source is not None else None
        if pair is not None:
            heapq.heappush(self._heap, (pair, source))

    def _pairs_of_tracklets(self, near_pairs: NearPairs) -> _Source:
        """Yield the pairs of tracklets of which neither has been merged yet, nearest first."""
        versions = self._versions
        for start in range(0, len(near_pairs.a), _PAIRS_PER_CHUNK):
            near = near_pairs.at(slice(start, start + _PAIRS_PER_CHUNK))
            columns = (near.distances.tolist(), near.a.tolist(), near.b.tolist(), near.gap_frames.tolist())
            for distance, a, b, gap in zip(*columns, strict=True):
                if versions[a] == 0 and versions[b] == 0:
                    yield distance, a, b, 0, 0, gap

    def _pairs_of(self, cluster: int, near: NearList) -> _Source:
        """Yield the pairs of a new cluster that are still up to date."""
        versions = self._versions
        version = versions[cluster]
        other_versions = [versions[other] for other in near.others]
        for other, distance, gap, other_version in zip(*near, other_versions, strict=True):
            if versions[other] != other_version:
                continue
            if cluster < other:
                yield distance, cluster, other, version, other_version, gap
            else:
                yield distance, other, cluster, other_version, version, gap


def _merge_all(clusters: Clusters, queue: _Queue, must_links: NDArray[np.int64]) -> Merges:
    """Merge what must be, and then until no pair is near enough."""
    done = [_join(clusters, queue, a, b) for a, b in must_links.tolist()]
    while taken := queue.take(_PAIRS_TOGETHER):
        merged = _merge_first(clusters, queue, taken)
        done += [(pair[1], pair[2], distance, pair[5]) for pair, distance in merged]
    a, b, distances, gaps = zip(*done, strict=True) if done else ((), (), (), ())
    return Merges(
        np.array(a, np.int64), np.array(b, np.int64), np.array(distances, np.float64), np.array(gaps, np.int64)
    )


def _join(clusters: Clusters, queue: _Queue, a: int, b: int) -> tuple[int, int, float, int]:
    """Merge two clusters whatever their distance; gives them with the distance of their looks and their gap."""
    unions = clusters.plan_unions([a], [b])
    found = a, b, clusters.distances_of_looks([a], [b])[0], clusters.gap_frames(a, b)
    clusters.make_unions(unions, 1)
    queue.replace(a, b, unions.near[0])
    return found


def _merge_first(clusters: Clusters, queue: _Queue, pairs: list[_Pair]) -> list[tuple[_Pair, float]]:
    """Merge as many of the next pairs as can be merged together, and put the others back; at least one.

    Gives the merged pairs, and the distances of their looks.
    """
    chosen = _choose_disjoint(pairs)
    unions = clusters.plan_unions([pair[1] for pair in chosen], [pair[2] for pair in chosen])
    chosen = chosen[: _count_in_order(chosen, unions, clusters.count_independent(unions))]
    distances = clusters.distances_of_looks([pair[1] for pair in chosen], [pair[2] for pair in chosen])
    clusters.make_unions(unions, len(chosen))
    for pair, near in zip(chosen, unions.near, strict=False):
        queue.replace(pair[1], pair[2], near)  # one by one: some of the pairs are outdated by the next
    queue.put_back(set(pairs).difference(chosen))
    return list(zip(chosen, distances, strict=True))


def _choose_disjoint(pairs: list[_Pair]) -> list[_Pair]:
    """Choose the pairs that have no cluster in common with one chosen before: merging that would outdate them."""
    chosen, names = [], set[int]()
    for pair in pairs:
        if names.isdisjoint(pair[1:3]):
            chosen.append(pair)
            names.update(pair[1:3])
    return chosen


def _count_in_order(pairs: list[_Pair], unions: Unions, n_most: int) -> int:
    """Count the first pairs that come before all the new pairs which merging those before them would make."""
    nearest: tuple[float, ...] = (np.inf,)
    for i, (pair, near) in enumerate(zip(pairs, unions.near, strict=True)):
        if i == n_most or pair[:3] > nearest:
            return i
        if near.others:
            other = near.others[0]
            nearest = min(nearest, (near.distances[0], min(pair[1], other), max(pair[1], other)))
    return len(pairs)


def _number_tracks(names: NDArray[np.int32], first_frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give track numbers from 1 on, in the order of the tracks' first frames; names are those of the clusters."""
    clusters, members = np.unique(names, return_inverse=True)
    begins = np.full(len(clusters), np.iinfo(np.int64).max)
    np.minimum.at(begins, members, first_frames)
    ranks = np.empty(len(clusters), np.int64)
    ranks[np.lexsort((clusters, begins))] = np.arange(1, len(clusters) + 1)
    return np.asarray(ranks[members])
