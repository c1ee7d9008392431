"""The short-term tracker: masks of adjacent frames are linked by linear assignment on appearance (paper 2.3)."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from remots.association.ambiguity import estimate_purity, link_doubts, rival_similarities
from remots.rows import FeatureRows

Assignment = Literal["most_links", "most_similar"]

# Features that are compared at once: 64 MB as float32.
_VALUES_PER_CHUNK = 2**23


@dataclass(frozen=True)
class TrackletSummary:
    """What the short tracklets of a sequence look like; lengths count masks, a share lies in [0, 1].

    ``n_refused_links`` are links that were likely but ambiguous, ``n_split_links`` those that were made and cut again
    (`remots.association.splitting`). ``estimated_purity`` is the share of masks that show the person of most masks of
    their tracklet, as far as the video alone can tell; None where it cannot.
    """

    n_masks: int
    n_tracklets: int
    n_single_mask_tracklets: int
    single_mask_share: float
    mean_length: float
    median_length: float
    max_length: int
    n_refused_links: int
    n_split_links: int
    estimated_purity: float | None

    @property
    def is_degenerate(self) -> bool:
        """Most tracklets are single masks: the threshold links hardly anything."""
        return self.single_mask_share > 0.5


def pair_distances(
    features: FeatureRows, pairs: NDArray[np.integer[Any]], ious: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    r"""Compute the appearance distance of pairs of masks that overlap along the flow.

    .. math::
        W_{prev,curr} = \begin{cases} \infty & \text{if } IoU(mask_{prev}, mask_{curr}) = 0 \\
                                      1 - f_{prev} \cdot f_{curr} & \text{otherwise} \end{cases}

    Parameters
    ----------
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask; a part is read at a time.
    pairs : ndarray of int, shape (n_pairs, 2)
        Mask ids: of the previous frame, of the current frame.
    ious : ndarray of float, shape (n_pairs,), in [0, 1]
        IoU of the warped previous mask with the current one.

    Returns
    -------
    ndarray of float64, shape (n_pairs,), in [0, 2] or infinite

    Raises
    ------
    ValueError
        If a feature is not finite; names the mask.

    Notes
    -----
    Source: ReMOTS section 2.3, equation 1. The norms of the equation are 1 here.
    """
    distances = np.full(len(pairs), np.inf)
    overlapping = np.flatnonzero(ious > 0)
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, features.shape[1]))
    for start in range(0, len(overlapping), n_rows):
        rows = overlapping[start : start + n_rows]
        similarities = np.einsum("ij,ij->i", features[pairs[rows, 0]], features[pairs[rows, 1]])
        if not np.all(np.isfinite(similarities)):
            broken = pairs[rows[np.flatnonzero(~np.isfinite(similarities))[0]]]
            raise ValueError(f"the feature of mask {broken[0]} or {broken[1]} is not finite")
        distances[rows] = 1 - np.clip(similarities.astype(np.float64), -1, 1)
    return distances


def bound_distances(distances: NDArray[np.float64], theta_short: float | NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Rule out pairs that look too different.

    .. math:: W_{prev,curr} = \infty \text{ if } W_{prev,curr} > 1 - \theta_{short}

    Parameters
    ----------
    distances : ndarray of float64, any shape
        From `pair_distances`.
    theta_short : float, or ndarray of float64 of the same shape
        The similarity below which two masks are never linked.

    Returns
    -------
    ndarray of float64, of the same shape

    Notes
    -----
    Source: ReMOTS section 2.3, equation 2.
    """
    return np.where(distances > 1 - theta_short, np.inf, distances)


def assign_pairs(
    pairs: NDArray[np.integer[Any]],
    distances: NDArray[np.float64],
    max_distance: float | NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Choose pairs by linear assignment over a sparse list.

    Each mask takes part in at most one chosen pair on either side. As many pairs as possible are chosen, and among such
    choices the one with the least sum of distances: what a solver finds on the full matrix with a huge number in place
    of infinity, once the pairs of that number are thrown away. A mask without any finite pair stays unmatched.

    With `max_distance`, the choice is instead the one with the greatest sum of what each pair falls short of it: two
    poor links are not made for want of a good one.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        Mask ids of the previous and of the current frame. Pairs of many frames may be given at once.
    distances : ndarray of float64, shape (n_pairs,)
        Infinite where a pair is ruled out.
    max_distance : float, or ndarray of float64 of shape (n_pairs,), optional
        No finite distance exceeds it: what it costs to leave a mask without a link; the same for all pairs of a frame.

    Returns
    -------
    ndarray of int64, shape (n_links,)
        Which of the pairs are chosen, ascending.

    Notes
    -----
    Source: ReMOTS section 2.3, "linear assignment". Masks that no chain of pairs connects do not compete, so each
    connected group is solved alone; most groups are a single pair, or a star, in which the nearest pair wins.
    """
    finite = np.flatnonzero(np.isfinite(distances))
    if not len(finite):
        return finite
    _, rows = np.unique(pairs[finite, 0], return_inverse=True)
    _, columns = np.unique(pairs[finite, 1], return_inverse=True)
    groups = _connected_groups(rows, columns)
    order = np.lexsort((distances[finite], groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    is_star = _is_star(rows[order], columns[order], starts)
    chosen = [order[starts[is_star]]]
    ends = np.append(starts[1:], len(order))
    costs = None if max_distance is None else np.broadcast_to(max_distance, distances.shape)[finite]
    for start, end in zip(starts[~is_star].tolist(), ends[~is_star].tolist(), strict=True):
        members = order[start:end]
        most = None if costs is None else float(costs[members[0]])
        chosen.append(members[_solve(rows[members], columns[members], distances[finite[members]], most)])
    return np.sort(finite[np.concatenate(chosen)])


def _connected_groups(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the group of each pair; two pairs are in one group where a chain of shared masks connects them."""
    n_rows = int(rows.max()) + 1
    n_nodes = n_rows + int(columns.max()) + 1
    graph = coo_array((np.ones(len(rows), np.int8), (rows, n_rows + columns)), shape=(n_nodes, n_nodes))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[rows], np.int64)


def _is_star(rows: NDArray[np.int64], columns: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which groups have one mask only in one of the frames, so that a single pair can be chosen."""
    one_row = np.minimum.reduceat(rows, starts) == np.maximum.reduceat(rows, starts)
    one_column = np.minimum.reduceat(columns, starts) == np.maximum.reduceat(columns, starts)
    return np.asarray(one_row | one_column)


def _solve(
    rows: NDArray[np.int64], columns: NDArray[np.int64], distances: NDArray[np.float64], max_distance: float | None
) -> NDArray[np.int64]:
    """Solve one group; gives the places of the chosen pairs."""
    row_ids, row_places = np.unique(rows, return_inverse=True)
    column_ids, column_places = np.unique(columns, return_inverse=True)
    shape = (len(row_ids), len(column_ids))
    pair_at = np.full(shape, -1)
    pair_at[row_places, column_places] = np.arange(len(rows))
    # One ruled-out pair costs more than any choice of finite ones, so the solver takes as few of them as it can.
    most = float(min(shape) + 1) * max(1.0, float(distances.max()))
    costs = np.full(shape, most if max_distance is None else max_distance)
    costs[row_places, column_places] = distances
    found = pair_at[linear_sum_assignment(costs)]
    return found[found >= 0]


class Links(NamedTuple):
    """The links that were made.

    Attributes
    ----------
    pairs : ndarray of int, shape (n_links, 2)
        Mask ids of the previous and of the current frame.
    similarities : ndarray of float64, shape (n_links,)
        Cosine similarities.
    rivals : ndarray of float64, shape (n_links,)
        Similarity of the most similar other pair with one of the two masks; minus infinity where there is none.
    n_refused : int
        Links that were chosen but refused as ambiguous.
    """

    pairs: NDArray[np.int64]
    similarities: NDArray[np.float64]
    rivals: NDArray[np.float64]
    n_refused: int


def choose_links(
    features: FeatureRows,
    pairs: NDArray[np.integer[Any]],
    ious: NDArray[np.floating[Any]],
    theta_short: float | NDArray[np.float64],
    assignment: Assignment = "most_links",
    min_lead: float = 0.0,
) -> Links:
    """Choose which masks of adjacent frames are linked.

    Parameters
    ----------
    features, pairs, ious, theta_short
        As for `link_short_tracklets`.
    assignment : {"most_links", "most_similar"}
        As many links as possible, the most similar among equally many (the paper's linear assignment), or the greatest
        sum of similarity above θ_short.
    min_lead : float, at least 0
        A link is refused where a rival, another pair with one of its masks, comes as near as this to its similarity.

    Returns
    -------
    Links

    Notes
    -----
    Source: ReMOTS section 2.3 for ``"most_links"`` with no lead asked for. The rest is not in the paper: a mixed
    tracklet can never be mended, a short one is merged later.
    """
    unbounded = pair_distances(features, pairs, ious)
    distances = bound_distances(unbounded, theta_short)
    chosen = assign_pairs(pairs, distances, 1 - theta_short if assignment == "most_similar" else None)
    rivals = rival_similarities(pairs, 1 - unbounded)[chosen]
    similarities = 1 - unbounded[chosen]
    kept = similarities - rivals >= min_lead if min_lead > 0 else np.ones(len(chosen), bool)
    return Links(pairs[chosen[kept]].astype(np.int64), similarities[kept], rivals[kept], int((~kept).sum()))


def link_short_tracklets(
    frames: NDArray[np.integer[Any]],
    features: FeatureRows,
    pairs: NDArray[np.integer[Any]],
    ious: NDArray[np.floating[Any]],
    theta_short: float | NDArray[np.float64],
    assignment: Assignment = "most_links",
    min_lead: float = 0.0,
) -> tuple[NDArray[np.int64], Links]:
    """Link masks of adjacent frames to short-term tracklets.

    Parameters
    ----------
    frames : ndarray of int, shape (n_masks,)
        Frame of each mask, ascending.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask.
    pairs : ndarray of int, shape (n_pairs, 2)
        Mask ids of pairs that overlap along the flow: of a frame, and of the next.
    ious : ndarray of float, shape (n_pairs,), in [0, 1]
        IoU of the warped previous mask with the current one.
    theta_short : float, or ndarray of float64 of shape (n_pairs,)
        The similarity below which two masks are never linked; of each pair, where it is local.
    assignment, min_lead
        See `choose_links`.

    Returns
    -------
    tracklet_ids : ndarray of int64, shape (n_masks,)
        Tracklet id of each mask: 0, 1, 2, … in the order of the tracklets' first masks. Every mask has one; a tracklet
        has no holes.
    links : Links
        What they are made of.

    Raises
    ------
    ValueError
        If arrays do not fit together, or a pair is not from adjacent frames.

    Notes
    -----
    Source: ReMOTS section 2.3.
    """
    _check_input(frames, features, pairs, ious)
    links = choose_links(features, pairs, ious, theta_short, assignment, min_lead)
    predecessors = np.full(len(frames), -1)
    predecessors[links.pairs[:, 1]] = links.pairs[:, 0]
    tracklet_ids: list[int] = []
    n_tracklets = 0
    for predecessor in predecessors.tolist():  # a predecessor lies in the frame before, so it is numbered already
        if predecessor < 0:
            tracklet_ids.append(n_tracklets)
            n_tracklets += 1
        else:
            tracklet_ids.append(tracklet_ids[predecessor])
    return np.array(tracklet_ids, np.int64), links


def _check_input(
    frames: NDArray[np.integer[Any]],
    features: FeatureRows,
    pairs: NDArray[np.integer[Any]],
    ious: NDArray[np.floating[Any]],
) -> None:
    if len(features) != len(frames):
        raise ValueError(f"{len(frames)} masks but {len(features)} features")
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) != len(ious):
        raise ValueError(f"pairs of shape {pairs.shape} and {len(ious)} IoUs do not fit together")
    if np.any(np.diff(frames) < 0):
        raise ValueError("masks are not sorted by frame")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(frames)):
        raise ValueError(f"a pair names mask {pairs.max()}, but there are {len(frames)} masks")
    apart = np.flatnonzero(frames[pairs[:, 1]] != frames[pairs[:, 0]] + 1)
    if len(apart):
        raise ValueError(f"masks {pairs[apart[0], 0]} and {pairs[apart[0], 1]} are not in adjacent frames")


def summarise_tracklets(
    tracklet_ids: NDArray[np.integer[Any]], links: Links, nats_per_similarity: float | None = None
) -> TrackletSummary:
    """Count tracklets and their lengths, and estimate how pure they are.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, numbered from 0.
    links : Links
        What they are made of; those between two tracklets were cut again.
    nats_per_similarity : float, optional
        See `remots.association.ambiguity.evidence_slope`; without it no purity is estimated.

    Returns
    -------
    TrackletSummary
        All zero where there are no masks.
    """
    lengths = np.bincount(tracklet_ids) if len(tracklet_ids) else np.zeros(0, np.int64)
    n_single = int((lengths == 1).sum())
    is_whole = tracklet_ids[links.pairs[:, 0]] == tracklet_ids[links.pairs[:, 1]]
    purity = None
    if nats_per_similarity is not None:
        doubts = np.zeros(len(tracklet_ids))
        doubts[links.pairs[:, 1]] = is_whole * link_doubts(links.similarities, links.rivals, nats_per_similarity)
        purity = estimate_purity(tracklet_ids, doubts)
    return TrackletSummary(
        n_masks=len(tracklet_ids),
        n_tracklets=len(lengths),
        n_single_mask_tracklets=n_single,
        single_mask_share=n_single / max(1, len(lengths)),
        mean_length=float(lengths.mean()) if len(lengths) else 0.0,
        median_length=float(np.median(lengths)) if len(lengths) else 0.0,
        max_length=int(lengths.max(initial=0)),
        n_refused_links=links.n_refused,
        n_split_links=int((~is_whole).sum()),
        estimated_purity=purity,
    )
