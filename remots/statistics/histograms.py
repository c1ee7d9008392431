"""Histograms of cosine similarities, filled piece by piece (paper figures 4 and 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Quantiles are read off bins at most this wide: untrained encoders crowd all similarities between 0.95 and 1.
FINE_BIN_WIDTH = 1e-4


@dataclass(frozen=True)
class SimilarityHistogram:
    """How the similarities of one population of mask pairs are spread.

    Attributes
    ----------
    bin_edges : ndarray of float64, shape (n_bins + 1,), unitless, from -1 to 1
        Bins of one width. A similarity on an edge belongs to the bin above it; 1 to the last bin.
    counts : ndarray of int64, shape (n_bins,)
        Pairs in each bin.
    fine_counts : ndarray of int64, shape (n_bins * k,)
        The same pairs in bins k times as narrow, at most `FINE_BIN_WIDTH` wide.
    n : int
        Pairs in all.
    mean, std : float
        Exact mean and standard deviation of the similarities (not of the bins); NaN where there are no pairs.
    """

    bin_edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    fine_counts: NDArray[np.int64]
    n: int
    mean: float
    std: float


def fill_histogram(blocks: Iterable[NDArray[np.floating]], n_bins: int) -> SimilarityHistogram:
    """Count similarities that come in blocks; only one block need be in memory.

    Parameters
    ----------
    blocks : iterable of ndarray of float, shape (any,)
        Similarities; rounding may take them a little out of [-1, 1].
    n_bins : int
        Bins from -1 to 1.

    Returns
    -------
    SimilarityHistogram
        The standard deviation is the population's (divided by n).

    Raises
    ------
    ValueError
        If a similarity is not finite, or `n_bins` is below 1.

    Notes
    -----
    Mean and squared deviations of the blocks are joined as Chan, Golub and LeVeque (1979) do: sums of squares would
    lose the small deviations of crowded similarities.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; it must be at least 1")
    n_fine = n_bins * int(np.ceil(2 / (FINE_BIN_WIDTH * n_bins) - 1e-9))
    fine_counts = np.zeros(n_fine, np.int64)
    moments = _Moments()
    for block in blocks:
        values = np.clip(np.asarray(block, np.float64), -1, 1)
        if not len(values):
            continue
        if not np.all(np.isfinite(values)):
            raise ValueError("a similarity is not finite; look for broken features")
        fine_counts += np.bincount(_bins_of(values, n_fine), minlength=n_fine)
        block_mean = float(values.mean())
        moments = moments.join(_Moments(len(values), block_mean, float(np.square(values - block_mean).sum())))
    return _histogram(n_bins, fine_counts, moments)


def join_histograms(parts: Sequence[SimilarityHistogram]) -> SimilarityHistogram:
    """Put histograms of parts of a population together; no similarity is looked at again.

    Parameters
    ----------
    parts : sequence of SimilarityHistogram
        At least one, all with the same bins.

    Returns
    -------
    SimilarityHistogram
        What `fill_histogram` gives for all similarities at once, mean and deviation but for rounding.
    """
    moments = _Moments()
    for part in parts:
        if part.n:
            moments = moments.join(_Moments(part.n, part.mean, part.std * part.std * part.n))
    return _histogram(len(parts[0].counts), np.sum([part.fine_counts for part in parts], axis=0), moments)


class _Moments(NamedTuple):
    """Size, mean, and sum of squared deviations from it."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def join(self, other: "_Moments") -> "_Moments":
        n, shift = self.n + other.n, other.mean - self.mean
        squares = self.squares + (other.squares + shift * shift * self.n * other.n / n)
        return _Moments(n, self.mean + shift * other.n / n, squares)


def _histogram(n_bins: int, fine_counts: NDArray[np.int64], moments: _Moments) -> SimilarityHistogram:
    counts = fine_counts.reshape(n_bins, -1).sum(axis=1)
    std = float(np.sqrt(moments.squares / moments.n)) if moments.n else float("nan")
    mean = moments.mean if moments.n else float("nan")
    return SimilarityHistogram(np.linspace(-1, 1, n_bins + 1), counts, fine_counts, moments.n, mean, std)


def _bins_of(values: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    return np.minimum(((values + 1) * (n_bins / 2)).astype(np.int64), n_bins - 1)


def density(histogram: SimilarityHistogram) -> NDArray[np.float64]:
    """Scale a histogram to unit area.

    Parameters
    ----------
    histogram : SimilarityHistogram

    Returns
    -------
    ndarray of float64, shape (n_bins,), pairs per unit of similarity
        All 0 for an empty histogram.
    """
    widths = np.diff(histogram.bin_edges)
    return np.asarray(histogram.counts / (max(histogram.n, 1) * widths))


def fine_bin_edges(histogram: SimilarityHistogram) -> NDArray[np.float64]:
    """Give the edges of the narrow bins, shape (len(fine_counts) + 1,), from -1 to 1."""
    return np.linspace(-1, 1, len(histogram.fine_counts) + 1)


def share_below(histogram: SimilarityHistogram, similarity: float) -> float:
    """Give the share of the pairs that are less similar than a given value.

    Parameters
    ----------
    histogram : SimilarityHistogram
        Not empty.
    similarity : float

    Returns
    -------
    float, in [0, 1]
        Linear within a narrow bin.
    """
    cumulative = np.concatenate([[0], np.cumsum(histogram.fine_counts)])
    return float(np.interp(similarity, fine_bin_edges(histogram), cumulative) / histogram.n)


def quantile(histogram: SimilarityHistogram, share: float) -> float:
    """Give the similarity that a given share of the pairs stays below.

    Parameters
    ----------
    histogram : SimilarityHistogram
        Not empty.
    share : float, in [0, 1]

    Returns
    -------
    float, in [-1, 1]
        Linear within a narrow bin, so at most one such bin away from the quantile of the similarities themselves. Where
        the share falls between two occupied bins, the lower one's upper edge.

    Raises
    ------
    ValueError
        If the histogram is empty or the share is not in [0, 1].
    """
    if not histogram.n:
        raise ValueError("an empty histogram has no quantiles")
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {share} is not in [0, 1]")
    cumulative = np.cumsum(histogram.fine_counts)
    target = share * histogram.n
    occupied = np.flatnonzero(histogram.fine_counts)
    place = int(occupied[min(int(np.searchsorted(cumulative[occupied], target)), len(occupied) - 1)])
    within = (target - (cumulative[place] - histogram.fine_counts[place])) / histogram.fine_counts[place]
    edges = fine_bin_edges(histogram)
    return float(edges[place] + np.clip(within, 0, 1) * (edges[place + 1] - edges[place]))
