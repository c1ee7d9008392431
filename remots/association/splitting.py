"""Short tracklets that hold two people, split where their looks change for good.

A link compares two masks. Where one person walks out from behind another, each mask resembles the one before it, and
yet the person at the end is not the one at the beginning. The mean looks of the masks on either side of a link see it::

    masks of a tracklet    A A A A B B B B
    link by link             .97 .98 .97 .89 .96 .97 .98     .89 is not below θ_short
    context by context       .98 .95 .91 .84 .90 .94 .98     .84 is far below what contexts of one person show
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.rows import FeatureRows
from remots.size_classes import classify, join_classes

CONTEXT_MASKS = 8
MIN_LINKS_PER_CLASS = 30


def context_similarities(
    features: NDArray[np.floating[Any]], n_context: int = CONTEXT_MASKS
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compare what comes before each link of a tracklet with what comes after it.

    Parameters
    ----------
    features : ndarray of float, shape (n_masks, n_dimensions)
        Unit-norm features of the masks of one tracklet, in the order of time.
    n_context : int
        At most so many masks on either side are taken.

    Returns
    -------
    similarities : ndarray of float64, shape (n_masks - 1,), in [-1, 1]
        Mean cosine similarity of the masks before a link and of those after it.
    sizes : ndarray of int64, shape (n_masks - 1,)
        Masks of the smaller side.
    """
    n_masks = len(features)
    links = np.arange(1, n_masks)
    running = np.zeros((n_masks + 1, features.shape[1]))
    np.cumsum(features, axis=0, out=running[1:])
    first, end = np.maximum(links - n_context, 0), np.minimum(links + n_context, n_masks)
    products = np.einsum("ij,ij->i", running[links] - running[first], running[end] - running[links])
    n_before, n_after = links - first, end - links
    return products / (n_before * n_after), np.minimum(n_before, n_after)


def split_mixed_tracklets(
    tracklet_ids: NDArray[np.integer[Any]],
    features: FeatureRows,
    sure_links: NDArray[np.integer[Any]],
    share: float,
    n_context: int = CONTEXT_MASKS,
) -> NDArray[np.int64]:
    """Split tracklets at links whose two sides look less alike than those of sure links do.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, masks in the order of frames.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask; a tracklet is read at a time.
    sure_links : ndarray of int, shape (n_links, 2)
        Mask ids of pairs of adjacent frames that geometry alone decides.
    share : float, in [0, 1)
        Share of the sure links that is given up: what is below their quantile is split. 0 splits nothing.
    n_context : int
        See `context_similarities`.

    Returns
    -------
    ndarray of int64, shape (n_masks,)
        Numbered as before: in the order of the tracklets' first masks.

    Notes
    -----
    Not in the paper, which trains the encoder on the tracklets as they are: a mixed one then teaches that two people
    are one. The weakest link of a tracklet goes first, and the contexts of its two parts are looked at anew, as they no
    longer reach across the cut. Where there are fewer than `MIN_LINKS_PER_CLASS` sure links nothing is split.
    """
    tracklets = _masks_by_tracklet(tracklet_ids)
    limits = _find_limits(tracklets, features, sure_links, share, n_context) if share else None
    if limits is None:
        return np.asarray(tracklet_ids, np.int64)
    parts = [part for masks in tracklets for part in _split(masks, features, limits, n_context)]
    parts.sort(key=lambda masks: int(masks[0]))
    split_ids = np.empty(len(tracklet_ids), np.int64)
    for number, masks in enumerate(parts):
        split_ids[masks] = number
    return split_ids


def _masks_by_tracklet(tracklet_ids: NDArray[np.integer[Any]]) -> list[NDArray[np.int64]]:
    """Give the masks of each tracklet in the order of time."""
    order = np.argsort(tracklet_ids, kind="stable")
    starts = np.flatnonzero(np.diff(tracklet_ids[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []


class _Limits:
    """The least similarity of two contexts that passes, by the size of the smaller."""

    def __init__(self, similarities: NDArray[np.float64], sizes: NDArray[np.int64], share: float) -> None:
        self._classes = join_classes(sizes, sizes, MIN_LINKS_PER_CLASS)
        rows = classify(sizes, self._classes)
        self._values = np.array([np.quantile(similarities[rows == row], share) for row in range(len(self._classes))])

    def margins(self, similarities: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give by how much each link passes; negative where it does not."""
        return np.asarray(similarities - self._values[classify(sizes, self._classes)])


def _find_limits(
    tracklets: Sequence[NDArray[np.int64]],
    features: FeatureRows,
    sure_links: NDArray[np.integer[Any]],
    share: float,
    n_context: int,
) -> _Limits | None:
    """Read the limits off the sure links within tracklets; None where there are too few."""
    surely_before = np.full(len(features), -1)
    surely_before[sure_links[:, 1]] = sure_links[:, 0]
    similarities, sizes = [np.zeros(0)], [np.zeros(0, np.int64)]
    for masks in tracklets:
        is_sure = surely_before[masks[1:]] == masks[:-1]
        if is_sure.any():
            found, smaller = context_similarities(features[masks], n_context)
            similarities.append(found[is_sure])
            sizes.append(smaller[is_sure])
    joined = np.concatenate(similarities)
    return _Limits(joined, np.concatenate(sizes), share) if len(joined) >= MIN_LINKS_PER_CLASS else None


def _split(
    masks: NDArray[np.int64], features: FeatureRows, limits: _Limits, n_context: int
) -> Iterator[NDArray[np.int64]]:
    """Cut the weakest link that does not pass, and so on in the two parts; gives the parts."""
    if len(masks) == 1:
        yield masks
        return
    waiting = [(0, len(masks))]
    own = features[masks]
    while waiting:
        first, end = waiting.pop()
        margins = limits.margins(*context_similarities(own[first:end], n_context))
        weakest = int(np.argmin(margins)) if len(margins) else -1
        if weakest < 0 or margins[weakest] >= 0:
            yield masks[first:end]
        else:
            waiting += [(first, first + weakest + 1), (first + weakest + 1, end)]
