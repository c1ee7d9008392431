"""The decisions of the merging that were close: what only just was merged, and what only just was not."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.merging.constraints import CandidatePairs, find_candidate_pairs
from remots.merging.distances import tracklet_distances
from remots.merging.evidence import Evidence
from remots.merging.frame_ranges import ClusterRows, Junctions, RangeTable, find_junctions, smallest_gaps
from remots.merging.sight import Sight

# The last merges are those with the least evidence, but for a few; no need to look at the thousands before.
_N_LAST_MERGES = 1000
_MAX_PAIRS = 20_000
_ROUNDING = 1e-4  # distances are stored as float32


class CloseCall(NamedTuple):
    """Two clusters of short tracklets that were merged, or kept apart.

    Attributes
    ----------
    similarity : float
        By all the evidence there is; compares with θ_merge.
    gap_frames : int
        Smallest distance in time.
    earlier, later : int
        The short tracklets on the two sides of that gap.
    earlier_members, later_members : list of int
        All short tracklets of the clusters to which these belong.
    """

    similarity: float
    gap_frames: int
    earlier: int
    later: int
    earlier_members: list[int]
    later_members: list[int]


def find_merged_calls(
    merges: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
    sizes: NDArray[np.int64],
    ranges: RangeTable,
    theta_merge: float,
    evidence: Evidence,
    n_most: int,
    n_by_hand: int = 0,
) -> list[CloseCall]:
    """Find the merges that had the least evidence.

    Parameters
    ----------
    merges : (a, b, distances), arrays of shape (n_merges,)
        The clusters and the distances of their looks, in the order in which they were merged: see
        `remots.merging.linkage.Merges`.
    sizes : ndarray of int64, shape (n_tracklets,)
        Masks of each short tracklet.
    ranges : RangeTable
    theta_merge : float
        No merge was made with less evidence than this.
    evidence : Evidence
        What the merging went by.
    n_most : int
        How many at most.
    n_by_hand : int
        So many merges at the start of the list were asked for by hand, and are passed over.

    Returns
    -------
    list of CloseCall
        The least similar first.
    """
    clusters = list(_replay(merges[0], merges[1], max(n_by_hand, len(merges[0]) - _N_LAST_MERGES)))
    one, other = ([pair[side] for pair in clusters] for side in (0, 1))
    distances = merges[2][len(merges[2]) - len(clusters) :]
    return _closest(one, other, distances, sizes, ranges, evidence, (theta_merge, np.inf), None, n_most)


def find_apart_calls(
    track_ids: NDArray[np.int64],
    sums: NDArray[np.float32],
    sizes: NDArray[np.int64],
    ranges: RangeTable,
    theta_merge: float,
    max_gap_frames: int,
    evidence: Evidence,
    sight: Sight | None,
    n_most: int,
    cannot_links: NDArray[np.int64] | None = None,
) -> list[CloseCall]:
    """Find the tracks that lacked the least to be merged.

    Parameters
    ----------
    track_ids : ndarray of int64, shape (n_tracklets,)
        Track of each short tracklet; -1 for none.
    sums, sizes, ranges, theta_merge, max_gap_frames, evidence, sight
        As for `remots.merging.linkage.merge_tracklets`.
    n_most : int
        How many at most.
    cannot_links : ndarray of int64, shape (n_cannot_links, 2), optional
        Short tracklets that are different people by hand: their tracks are passed over.

    Returns
    -------
    list of CloseCall
        Pairs of tracks that nothing but the threshold keeps apart, the most similar first.
    """
    a, b = _pairs_of_tracks(track_ids, find_candidate_pairs(ranges, max_gap_frames, sight), cannot_links)
    n_tracks = int(track_ids.max(initial=-1)) + 1
    track_sums, track_sizes = np.zeros((n_tracks, sums.shape[1]), np.float32), np.zeros(n_tracks, np.int64)
    belongs = track_ids >= 0
    np.add.at(track_sums, track_ids[belongs], sums[belongs])
    np.add.at(track_sizes, track_ids[belongs], sizes[belongs])
    distances = tracklet_distances(track_sums, track_sizes, CandidatePairs(a, b, np.zeros(len(a), np.int32)))
    nearest = np.argsort(distances, kind="stable")[:_MAX_PAIRS]
    members = _members(track_ids, n_tracks)
    one, other = ([members[track] for track in side[nearest].tolist()] for side in (a, b))
    allowed = None if sight is None else (sight, max_gap_frames)
    limits = (-np.inf, theta_merge)
    return _closest(one, other, distances[nearest], sizes, ranges, evidence, limits, allowed, n_most)


def _closest(
    one: Sequence[NDArray[np.int64]],
    other: Sequence[NDArray[np.int64]],
    distances: NDArray[np.float64],
    sizes: NDArray[np.int64],
    ranges: RangeTable,
    evidence: Evidence,
    limits: tuple[float, float],
    allowed: tuple[Sight, int] | None,
    n_most: int,
) -> list[CloseCall]:
    """Weigh pairs of clusters, given as their members, and choose those nearest to the finite one of the limits."""
    if not len(one):
        return []
    smaller = np.minimum(*(np.array([sizes[ids].sum() for ids in side], np.float64) for side in (one, other)))
    one_rows, other_rows = _rows_in_time(ranges, one), _rows_in_time(ranges, other)
    junctions = find_junctions(ranges, one_rows, other_rows, np.arange(len(one)))
    gaps = smallest_gaps(ranges, junctions, len(one))
    similarities = 1 - evidence.weigh_place(evidence.weigh_looks(distances, smaller), junctions)
    low, high = limits
    fits = (gaps > 0) & (similarities >= low - _ROUNDING) & (similarities <= high + _ROUNDING)
    fits &= _may_all_follow(ranges, junctions, len(one), allowed)
    fitting = np.flatnonzero(fits)
    order = similarities if np.isfinite(low) else -similarities
    chosen = fitting[np.argsort(order[fitting], kind="stable")][:n_most].tolist()
    return [_describe(i, float(similarities[i]), one[i], other[i], ranges, junctions) for i in chosen]


def _describe(
    pair: int,
    similarity: float,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    ranges: RangeTable,
    junctions: Junctions,
) -> CloseCall:
    own = np.flatnonzero(junctions.pairs == pair)
    gaps = ranges.first[junctions.later[own]] - ranges.last[junctions.earlier[own]]
    nearest = own[np.argmin(gaps)]
    earlier, later = (int(ranges.tracklet_ids[rows[nearest]]) for rows in (junctions.earlier, junctions.later))
    sides = (one, other) if earlier in one else (other, one)
    return CloseCall(similarity, int(gaps.min()), earlier, later, sides[0].tolist(), sides[1].tolist())


def _replay(
    a: NDArray[np.int64], b: NDArray[np.int64], first: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Make the merges again, and give the members of the two clusters of each from `first` on."""
    members: dict[int, list[int]] = {}
    for number, (one, other) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        own, joined = members.setdefault(one, [one]), members.pop(other, [other])
        if number >= first:
            yield np.array(own, np.int64), np.array(joined, np.int64)
        own += joined


def _pairs_of_tracks(
    track_ids: NDArray[np.int64], pairs: CandidatePairs, cannot_links: NDArray[np.int64] | None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the pairs of tracks of which some tracklets are a candidate pair, and none are different people by hand."""
    one, other = track_ids[pairs.a], track_ids[pairs.b]
    different = (one != other) & (one >= 0) & (other >= 0)
    n_tracks = int(track_ids.max(initial=0)) + 1
    keys = np.unique(np.minimum(one, other)[different] * n_tracks + np.maximum(one, other)[different])
    if cannot_links is not None:
        parted = np.sort(track_ids[cannot_links], axis=1)
        keys = np.setdiff1d(keys, parted[:, 0] * n_tracks + parted[:, 1])
    low, high = np.divmod(keys, n_tracks)
    return low.astype(np.int32), high.astype(np.int32)


def _members(track_ids: NDArray[np.int64], n_tracks: int) -> list[NDArray[np.int64]]:
    order = np.argsort(track_ids, kind="stable")
    bounds = np.searchsorted(track_ids[order], np.arange(n_tracks + 1))
    return np.split(order, bounds)[1:-1]


def _rows_in_time(ranges: RangeTable, clusters: Sequence[NDArray[np.int64]]) -> ClusterRows:
    """Give the rows of clusters of tracklets, those of each cluster in the order of time."""
    parts = []
    for ids in clusters:
        rows = np.concatenate([np.arange(ranges.offsets[i], ranges.offsets[i + 1]) for i in ids.tolist()])
        parts.append(rows[np.argsort(ranges.first[rows], kind="stable")])
    return ClusterRows(np.concatenate(parts), np.concatenate([[0], np.cumsum([len(part) for part in parts])]))


def _may_all_follow(
    ranges: RangeTable, junctions: Junctions, n_pairs: int, allowed: tuple[Sight, int] | None
) -> NDArray[np.bool_]:
    """Tell of which pairs each junction is one where the later range may follow the earlier one."""
    may = np.ones(n_pairs, bool)
    if allowed is not None:
        sight, max_gap_frames = allowed
        may[junctions.pairs[~sight.may_follow(ranges, max_gap_frames, junctions.earlier, junctions.later)]] = False
    return may
