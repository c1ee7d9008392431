"""Links that could as well be others: rivals, doubts, and the share of masks that doubts put into wrong tracklets.

A short tracklet that ends too early is mended by merging; one that holds two people never is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rival_similarities(pairs: NDArray[np.integer[Any]], similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the most similar other pair that has one of a pair's two masks.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        Mask ids: of the previous frame, of the current frame.
    similarities : ndarray of float64, shape (n_pairs,)
        Of each pair; minus infinity where the masks do not overlap along the flow.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        The rival's similarity; minus infinity where there is none.
    """
    rivals = np.full(len(pairs), -np.inf)
    for column in (0, 1):
        order = np.lexsort((-similarities, pairs[:, column]))
        masks, values = pairs[order, column], similarities[order]
        is_best = np.diff(masks, prepend=-1) != 0
        best = values[is_best][np.cumsum(is_best) - 1]
        has_next = np.append(masks[1:] == masks[:-1], False)[: len(masks)]
        following = np.where(has_next, np.append(values[1:], -np.inf)[: len(values)], -np.inf)
        rivals[order] = np.maximum(rivals[order], np.where(is_best, following, best))
    return rivals


def link_doubts(
    similarities: NDArray[np.float64], rivals: NDArray[np.float64], nats_per_similarity: float
) -> NDArray[np.float64]:
    r"""Estimate how likely it is that a link's strongest rival is the right one.

    .. math:: P(wrong) = \frac{1}{1 + \exp(k (s - s_{rival}))}

    Parameters
    ----------
    similarities, rivals : ndarray of float64, shape (n_links,)
        Of the links, and of the strongest rival of each (from `rival_similarities`).
    nats_per_similarity : float
        k: how fast evidence grows with the similarity (from `evidence_slope`).

    Returns
    -------
    ndarray of float64, shape (n_links,), in [0, 1]
        0 where there is no rival: nobody else is near.
    """
    lead = np.clip(nats_per_similarity * (similarities - rivals), -50, np.inf)
    return np.asarray(1 / (1 + np.exp(np.minimum(lead, 700))) * np.isfinite(rivals))


def evidence_slope(different_mean: float, different_std: float, same_mean: float, same_std: float) -> float:
    """Evidence for the same person that a unit of similarity brings, in nats, were both populations normal and alike.

    Parameters
    ----------
    different_mean, different_std, same_mean, same_std : float
        Of the similarities of different people and of the same person.

    Returns
    -------
    float, at least 0
        Difference of the means over the mean variance.
    """
    variance = (different_std**2 + same_std**2) / 2
    return max(0.0, same_mean - different_mean) / max(variance, 1e-12)


def estimate_purity(tracklet_ids: NDArray[np.integer[Any]], doubts: NDArray[np.float64]) -> float:
    """Estimate the share of masks that are of the person whom most masks of their tracklet show.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, masks in the order of frames.
    doubts : ndarray of float64, shape (n_masks,), in [0, 1]
        How likely it is that the link *to* each mask is wrong; 0 for the first of a tracklet.

    Returns
    -------
    float, in [0, 1]
        1 where there are no masks. A wrong link parts a tracklet in two people; the masks of the shorter part count
        as wrong. Wrong links are taken for rare, so that a tracklet has at most one.
    """
    order = np.argsort(tracklet_ids, kind="stable")
    starts = np.flatnonzero(np.diff(tracklet_ids[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(order)))
    before = np.arange(len(order)) - np.repeat(starts, lengths)
    shorter = np.minimum(before, np.repeat(lengths, lengths) - before)
    expected = np.add.reduceat(doubts[order] * shorter, starts) if len(starts) else np.zeros(0)
    return float(1 - np.minimum(expected, lengths / 2).sum() / max(1, len(order)))
