"""Tracklets of another tracker, split where their own looks say that two people were joined.

A track from elsewhere may lose its person, and find somebody again many frames later. What is judged is therefore each
step from one mask of a track to its next, over any gap: the mean looks of up to eight masks before it and after it::

    frames     1  2  3  4  5           12 13 14 15
    track      A  A  A  A  A . . . . . B  B  B  B
    one step                 └── 7 ──┘               .61: of one person, .78 is seldom undercut over so long a gap

What one person looks like after so long a gap is learnt from the tracks themselves, where geometry alone links them
without a break: two places of such a chain, so many frames apart, are the same person for sure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.association.splitting import CONTEXT_MASKS, MIN_LINKS_PER_CLASS
from remots.rows import FeatureRows
from remots.size_classes import classify, join_classes

# Gaps are of one class from so many frames on.
GAP_CLASSES = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Refinement:
    """What became of the tracklets of another tracker; lengths count masks, a share lies in [0, 1]."""

    n_masks: int
    n_given_tracklets: int
    n_split_tracklets: int
    n_tracklets: int
    n_single_mask_tracklets: int
    single_mask_share: float
    mean_length: float
    median_length: float
    max_length: int


Places = NDArray[np.integer[Any]]


def refine_tracklets(
    tracklet_ids: NDArray[np.integer[Any]],
    frames: NDArray[np.integer[Any]],
    features: FeatureRows,
    sure_links: NDArray[np.integer[Any]],
    share: float,
    max_gap_frames: int | None = None,
    n_context: int = CONTEXT_MASKS,
) -> NDArray[np.int64]:
    """Split tracklets at steps whose two sides look less alike than one person does over such a gap.

    Parameters
    ----------
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        Tracklet and frame of each mask, masks in the order of frames.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask; a tracklet is read at a time.
    sure_links : ndarray of int, shape (n_links, 2)
        Mask ids of pairs of adjacent frames that geometry alone decides.
    share : float, in [0, 1)
        Share of what surely is one person that is given up: what is below their quantile is split. 0 splits no step for
        its looks.
    max_gap_frames : int, at least 1, optional
        Steps over longer gaps are always split; 1 leaves no holes. By default none is split for its length.
    n_context : int
        At most so many masks on either side are compared.

    Returns
    -------
    ndarray of int64, shape (n_masks,)
        Numbered from 0, in the order of the tracklets' first masks.

    Notes
    -----
    Not in the paper. The weakest step goes first, and the contexts of its two parts are looked at anew, as in
    `remots.association.splitting`. Where fewer than `MIN_LINKS_PER_CLASS` comparisons over a gap are known to be of one
    person, those over shorter gaps count: that splits more, and what belongs together is merged later.
    """
    pieces = _masks_by_tracklet(tracklet_ids)
    if max_gap_frames is not None:
        cuts = [np.flatnonzero(np.diff(frames[masks]) > max_gap_frames) + 1 for masks in pieces]
        pieces = [part for masks, own in zip(pieces, cuts, strict=True) for part in np.split(masks, own)]
    limits = _Limits(pieces, features, sure_links, share, n_context) if share else None
    if limits is not None and limits.is_known:
        pieces = [part for masks in pieces for part in _split(masks, frames, features, limits, n_context)]
    pieces.sort(key=lambda masks: int(masks[0]))
    refined = np.empty(len(tracklet_ids), np.int64)
    for number, masks in enumerate(pieces):
        refined[masks] = number
    return refined


def describe_refinement(given_ids: NDArray[np.integer[Any]], tracklet_ids: NDArray[np.integer[Any]]) -> Refinement:
    """Count given tracklets and what became of them.

    Parameters
    ----------
    given_ids, tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, before and after `refine_tracklets`.

    Returns
    -------
    Refinement
        All zero where there are no masks.
    """
    pairs = np.unique(np.column_stack([given_ids, tracklet_ids]), axis=0)
    _, n_parts = np.unique(pairs[:, 0], return_counts=True)
    _, lengths = np.unique(tracklet_ids, return_counts=True)
    n_single = int((lengths == 1).sum())
    return Refinement(
        n_masks=len(tracklet_ids),
        n_given_tracklets=len(n_parts),
        n_split_tracklets=int((n_parts > 1).sum()),
        n_tracklets=len(lengths),
        n_single_mask_tracklets=n_single,
        single_mask_share=n_single / max(1, len(lengths)),
        mean_length=float(lengths.mean()) if len(lengths) else 0.0,
        median_length=float(np.median(lengths)) if len(lengths) else 0.0,
        max_length=int(lengths.max(initial=0)),
    )


def compare_contexts(
    features: NDArray[np.floating[Any]], ends: Places, starts: Places, n_context: int = CONTEXT_MASKS
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compare what comes up to some masks of a tracklet with what comes from later ones on.

    Parameters
    ----------
    features : ndarray of float, shape (n_masks, n_dimensions)
        Unit-norm features of the masks of one tracklet, in the order of time.
    ends, starts : ndarray of int, shape (n,)
        Places of the last masks before, and of the first after.
    n_context : int
        At most so many masks on either side are taken.

    Returns
    -------
    similarities : ndarray of float64, shape (n,), in [-1, 1]
        Mean cosine similarity of the masks of one side with those of the other.
    sizes : ndarray of int64, shape (n,)
        Masks of the smaller side.
    """
    running = np.zeros((len(features) + 1, features.shape[1]))
    np.cumsum(features, axis=0, out=running[1:])
    first, last = np.maximum(ends + 1 - n_context, 0), np.minimum(starts + n_context, len(features))
    products = np.einsum("ij,ij->i", running[ends + 1] - running[first], running[last] - running[starts])
    n_before, n_after = ends + 1 - first, last - starts
    return products / (n_before * n_after), np.minimum(n_before, n_after)


def _masks_by_tracklet(tracklet_ids: NDArray[np.integer[Any]]) -> list[NDArray[np.int64]]:
    """Give the masks of each tracklet in the order of time."""
    order = np.argsort(tracklet_ids, kind="stable")
    starts = np.flatnonzero(np.diff(tracklet_ids[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []


class _Limits:
    """The least similarity that passes, by the gap and by the size of the smaller side."""

    def __init__(
        self,
        pieces: Sequence[NDArray[np.int64]],
        features: FeatureRows,
        sure_links: NDArray[np.integer[Any]],
        share: float,
        n_context: int,
    ) -> None:
        chains = _sure_chains(pieces, sure_links)
        self._tables: list[tuple[tuple[int, ...], NDArray[np.float64]]] = []
        for first, end in zip(GAP_CLASSES, (*GAP_CLASSES[1:], 2 * GAP_CLASSES[-1]), strict=True):
            found = [_compare_within(chain, features, (first + end) // 2, n_context) for chain in chains]
            similarities = np.concatenate([np.zeros(0), *(each[0] for each in found)])
            sizes = np.concatenate([np.zeros(0, np.int64), *(each[1] for each in found)])
            if len(similarities) < MIN_LINKS_PER_CLASS:
                break
            classes = join_classes(sizes, sizes, MIN_LINKS_PER_CLASS)
            rows = classify(sizes, classes)
            values = [np.quantile(similarities[rows == row], share) for row in range(len(classes))]
            self._tables.append((classes, np.array(values)))

    @property
    def is_known(self) -> bool:
        """Whether anything is known of what one person looks like."""
        return bool(self._tables)

    def margins(
        self, similarities: NDArray[np.float64], sizes: NDArray[np.int64], gaps: NDArray[np.integer[Any]]
    ) -> NDArray[np.float64]:
        """Give by how much each step passes; negative where it does not."""
        margins = np.empty(len(similarities))
        of_gap = np.minimum(classify(gaps, GAP_CLASSES), len(self._tables) - 1)
        for place, (classes, values) in enumerate(self._tables):
            own = of_gap == place
            margins[own] = similarities[own] - values[classify(sizes[own], classes)]
        return margins


def _sure_chains(pieces: Sequence[NDArray[np.int64]], sure_links: NDArray[np.integer[Any]]) -> list[NDArray[np.int64]]:
    """Give the parts of tracklets that geometry alone links, frame by frame."""
    surely_before = dict(zip(sure_links[:, 1].tolist(), sure_links[:, 0].tolist(), strict=True))
    chains = []
    for masks in pieces:
        own = masks.tolist()
        cuts = [i for i in range(1, len(own)) if surely_before.get(own[i]) != own[i - 1]]
        chains += [chain for chain in np.split(masks, cuts) if len(chain) > 1]
    return chains


def _compare_within(
    chain: NDArray[np.int64], features: FeatureRows, gap: int, n_context: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compare the places of a chain that are so many frames apart."""
    if len(chain) <= gap:
        return np.zeros(0), np.zeros(0, np.int64)
    ends = np.arange(len(chain) - gap)
    return compare_contexts(features[chain], ends, ends + gap, n_context)


def _split(
    masks: NDArray[np.int64],
    frames: NDArray[np.integer[Any]],
    features: FeatureRows,
    limits: _Limits,
    n_context: int,
) -> Iterator[NDArray[np.int64]]:
    """Cut the weakest step that does not pass, and so on in the two parts; gives the parts."""
    own, gaps = features[masks], np.diff(frames[masks])
    waiting = [(0, len(masks))]
    while waiting:
        first, end = waiting.pop()
        ends = np.arange(end - first - 1)
        compared = compare_contexts(own[first:end], ends, ends + 1, n_context)
        margins = limits.margins(*compared, gaps[first : end - 1])
        weakest = int(np.argmin(margins)) if len(margins) else -1
        if weakest < 0 or margins[weakest] >= 0:
            yield masks[first:end]
        else:
            waiting += [(first, first + weakest + 1), (first + weakest + 1, end)]
