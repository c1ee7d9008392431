"""Thresholds, read off histograms of similarities: θ_short (paper 2.3) and θ_merge (2.5).

Each rule is a pure function of histograms. Where a rule makes no sense of what it is given, a stated step takes its
place, and the threshold says so in `Threshold.fallback`.

Different people are intra-frame pairs; the same people are sure links (θ_short) or intra-tracklet pairs (θ_merge).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from remots.statistics.histograms import (
    FINE_BIN_WIDTH,
    SimilarityHistogram,
    fine_bin_edges,
    quantile,
    share_below,
)

# No similarity is below -1: any two masks that overlap along the flow may be linked.
LINK_ALL_THAT_OVERLAP = -1.0
# No distance of different masks is 0: nothing is merged.
MERGE_NOTHING = 1.0
# A threshold that rules out more of the sure links than this makes tracklets of single masks.
MAX_SURE_LINKS_LOST = 0.5
# Share of same-person pairs that θ_merge gives up where there is nobody to tell them from.
SAME_PERSON_QUANTILE = 0.05
PAPER_N_SIGMAS = 3.0
_MIN_STD = 1e-6
# From here on a similarity is 1 but for rounding and the width of a bin.
_ALMOST_ONE = 1 - FINE_BIN_WIDTH

_NOBODY_ELSE = "nobody shares a frame with another, so overlap along the flow alone decides"
_LEAST_ERROR = "the boundary of least total error between the means instead"

Statistics = dict[str, int | float | None]


@dataclass(frozen=True)
class Threshold:
    """A similarity threshold and how it came about.

    Attributes
    ----------
    value : float
        A similarity; pairs below it are ruled out.
    rule : str
        The rule that was asked for; ``"fixed"`` where the value was set by hand.
    fallback : str or None
        What was done instead and why; None where the rule itself gave the value.
    statistics : dict
        Sample sizes, means and deviations that the rule looked at; None where there is no such number.
    windows : tuple of (float, float)
        Middle frame and own value of each window of the video, where there are any: see `remots.statistics.windows`.
    """

    value: float
    rule: str
    fallback: str | None
    statistics: Statistics
    windows: tuple[tuple[float, float], ...] = ()

    def at(self, frames: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Give the threshold in each of the frames, shape (n_frames,): between the middles of windows linear."""
        if not self.windows:
            return np.full(len(frames), self.value)
        middles, values = zip(*self.windows, strict=True)
        return np.asarray(np.interp(frames, middles, values))


def fixed(value: float, **populations: SimilarityHistogram) -> Threshold:
    """Take a value set by hand; the populations only give the statistics."""
    return Threshold(value, "fixed", None, describe(value, **populations))


def describe(value: float, **populations: SimilarityHistogram) -> Statistics:
    """Give size, mean, standard deviation and share below a value, for each population of pairs by its name."""
    statistics: Statistics = {}
    for name, histogram in populations.items():
        statistics[f"{name}_n"] = histogram.n
        statistics[f"{name}_mean"] = histogram.mean if histogram.n else None
        statistics[f"{name}_std"] = histogram.std if histogram.n else None
        statistics[f"{name}_share_below"] = share_below(histogram, value) if histogram.n else None
    return statistics


def moments(threshold: Threshold, *populations: str) -> tuple[float, ...] | None:
    """Give mean and standard deviation of each population that a threshold was read off; None where one is unknown."""
    names = [f"{population}_{moment}" for population in populations for moment in ("mean", "std")]
    found = [threshold.statistics.get(name) for name in names]
    return None if None in found else tuple(float(value) for value in found if value is not None)


def upper_tail_mass(n_sigmas: float) -> float:
    """Share of a normal distribution more than `n_sigmas` standard deviations above its mean: 0.00135 for 3."""
    return 0.5 * math.erfc(n_sigmas / math.sqrt(2))


def mean_plus_sigmas(
    intra_frame: SimilarityHistogram,
    sure_link: SimilarityHistogram,
    n_sigmas: float = PAPER_N_SIGMAS,
    min_pairs: int = 30,
    sure_link_quantile: float = 0.05,
) -> Threshold:
    """θ_short as in the paper: mean plus standard deviations of the intra-frame similarities.

    Parameters
    ----------
    intra_frame : SimilarityHistogram
        Of pairs of different people.
    sure_link : SimilarityHistogram
        Of pairs of adjacent frames that geometry alone decides; they only serve to check and to fall back.
    n_sigmas : float
        Standard deviations above the mean.
    min_pairs : int
        With fewer intra-frame pairs, mean and deviation mean little.
    sure_link_quantile : float, in (0, 1)
        Share of the sure links given up by the second fallback.

    Returns
    -------
    Threshold
        With ``fallback`` set where there are fewer than `min_pairs` pairs, they are all alike, or the value would be 1
        or more, which nothing can reach. Then, in this order, the first that makes sense:

        1. with no intra-frame pair at all, -1: any two masks that overlap along the flow may be linked, as there is
           nobody to be confused with;
        2. the intra-frame quantile with the same tail mass (99.865 % for 3 deviations), unless it is about 1, or more
           than half of the sure links lie below it;
        3. the `sure_link_quantile` of the sure links, if there are at least `min_pairs` of them;
        4. -1: the features tell nothing.

    Notes
    -----
    Source: ReMOTS section 2.3, figure 4.
    """
    value = intra_frame.mean + n_sigmas * intra_frame.std
    fault = _find_fault(intra_frame, value, n_sigmas, min_pairs)
    fallback = None
    if fault:
        value, step = _fall_back_short(intra_frame, sure_link, n_sigmas, min_pairs, sure_link_quantile)
        fallback = f"{fault}; {step}"
    return _threshold_short(value, "mean_plus_sigmas", fallback, intra_frame, sure_link)


def quantile_of_different(
    intra_frame: SimilarityHistogram,
    sure_link: SimilarityHistogram,
    n_sigmas: float = PAPER_N_SIGMAS,
    min_pairs: int = 30,
    sure_link_quantile: float = 0.05,
) -> Threshold:
    """θ_short as the upper quantile of the intra-frame similarities, without taking them for normal.

    Parameters
    ----------
    intra_frame, sure_link, n_sigmas, min_pairs, sure_link_quantile
        As for `mean_plus_sigmas`; `n_sigmas` sets the tail mass above the quantile.

    Returns
    -------
    Threshold
        With fewer than `min_pairs` pairs or a quantile of about 1, it falls back as `mean_plus_sigmas` does.
    """
    value, fallback = LINK_ALL_THAT_OVERLAP, None
    fault = _too_few(intra_frame, min_pairs)
    if not fault:
        value = quantile(intra_frame, 1 - upper_tail_mass(n_sigmas))
        fault = f"the quantile is {value:.4f}, which hardly any pair reaches" if value >= _ALMOST_ONE else None
    if fault:
        value, step = _fall_back_short(intra_frame, sure_link, n_sigmas, min_pairs, sure_link_quantile)
        fallback = f"{fault}; {step}"
    return _threshold_short(value, "quantile", fallback, intra_frame, sure_link)


def sure_links(
    intra_frame: SimilarityHistogram,
    sure_link: SimilarityHistogram,
    n_sigmas: float = PAPER_N_SIGMAS,
    min_pairs: int = 30,
    sure_link_quantile: float = 0.05,
) -> Threshold:
    """θ_short as a lower quantile of the sure links, so that it follows the encoder as that improves.

    Parameters
    ----------
    intra_frame, sure_link, n_sigmas, min_pairs, sure_link_quantile
        As for `mean_plus_sigmas`; `sure_link_quantile` is the share of sure links that is given up.

    Returns
    -------
    Threshold
        With no intra-frame pair at all, -1: there is nobody to be confused with. With fewer than `min_pairs` sure
        links, the value of `mean_plus_sigmas`, or what that falls back to.
    """
    if not intra_frame.n:
        return _threshold_short(LINK_ALL_THAT_OVERLAP, "sure_links", _NOBODY_ELSE, intra_frame, sure_link)
    if sure_link.n >= min_pairs:
        value = quantile(sure_link, sure_link_quantile)
        return _threshold_short(value, "sure_links", None, intra_frame, sure_link)
    paper = mean_plus_sigmas(intra_frame, sure_link, n_sigmas, min_pairs, sure_link_quantile)
    step = paper.fallback or f"mean + {n_sigmas:g} standard deviations of the intra-frame similarities instead"
    fallback = f"only {sure_link.n} sure links, fewer than {min_pairs}; {step}"
    return _threshold_short(paper.value, "sure_links", fallback, intra_frame, sure_link)


SHORT_RULES = {"mean_plus_sigmas": mean_plus_sigmas, "quantile": quantile_of_different, "sure_links": sure_links}


def _threshold_short(
    value: float, rule: str, fallback: str | None, intra_frame: SimilarityHistogram, sure_link: SimilarityHistogram
) -> Threshold:
    return Threshold(float(value), rule, fallback, describe(value, intra_frame=intra_frame, sure_link=sure_link))


def loses_sure_links(threshold: Threshold) -> bool:
    """Tell whether θ_short rules out more than half of the sure links: tracklets of single masks would come of it."""
    lost = threshold.statistics.get("sure_link_share_below")
    return lost is not None and lost > MAX_SURE_LINKS_LOST


def _too_few(intra_frame: SimilarityHistogram, min_pairs: int) -> str | None:
    if intra_frame.n >= min_pairs:
        return None
    return f"only {intra_frame.n} intra-frame pairs, fewer than {min_pairs}"


def _find_fault(intra_frame: SimilarityHistogram, value: float, n_sigmas: float, min_pairs: int) -> str | None:
    """Say why mean plus deviations is of no use, or None."""
    too_few = _too_few(intra_frame, min_pairs)
    if too_few:
        return too_few
    if intra_frame.std < _MIN_STD:
        return f"all intra-frame similarities are {intra_frame.mean:.4f}"
    if not math.isfinite(value) or value >= 1:
        return (
            f"mean + {n_sigmas:g} standard deviations is {value:.4f} "
            f"({intra_frame.mean:.4f} + {n_sigmas:g} x {intra_frame.std:.4f}), which no similarity exceeds"
        )
    return None


def _fall_back_short(
    intra_frame: SimilarityHistogram,
    sure_link: SimilarityHistogram,
    n_sigmas: float,
    min_pairs: int,
    sure_link_quantile: float,
) -> tuple[float, str]:
    """Give the first value that makes sense, and its description: see `mean_plus_sigmas`."""
    if not intra_frame.n:
        return LINK_ALL_THAT_OVERLAP, _NOBODY_ELSE
    tail_mass = upper_tail_mass(n_sigmas)
    enough_links = sure_link.n >= min_pairs
    value = quantile(intra_frame, 1 - tail_mass)
    lost = share_below(sure_link, value) if enough_links else 0.0
    if value < _ALMOST_ONE and lost <= MAX_SURE_LINKS_LOST:
        return value, f"the intra-frame quantile with the same tail mass ({tail_mass:.3g}) instead"
    skipped = f"the intra-frame quantile with the same tail mass, {value:.4f}, would link next to nothing"
    if enough_links:
        value = quantile(sure_link, sure_link_quantile)
        return value, f"{skipped}; the {sure_link_quantile:g} quantile of the sure links instead"
    return LINK_ALL_THAT_OVERLAP, f"{skipped}; overlap along the flow alone decides instead"


def crossing(intra_frame: SimilarityHistogram, intra_tracklet: SimilarityHistogram, min_pairs: int = 30) -> Threshold:
    """θ_merge as in the paper: where the histograms of different and of the same people cross, both of unit area.

    Parameters
    ----------
    intra_frame : SimilarityHistogram
        Of pairs of different people.
    intra_tracklet : SimilarityHistogram
        Of pairs within short tracklets, the same people.
    min_pairs : int
        With fewer pairs in either histogram the rule falls back.

    Returns
    -------
    Threshold
        The crossing between the two means. Where there is none or more than one, or fewer than `min_pairs` pairs of
        either population, the boundary of least total error between the means. With no pairs at all of one population,
        the other alone: mean + 3 standard deviations of different people, as θ_short (or their quantile of the same
        tail mass, where that is 1 or more), or the 5 % quantile of the same people. With no pairs of both, 1: nothing
        is merged.

    Notes
    -----
    Source: ReMOTS section 2.5, figure 5. Histograms of few pairs cross by chance in their empty bins, so both are
    smoothed first, with a Gaussian as wide as Silverman's rule says for their own size and spread.
    """
    statistics_of = {"intra_frame": intra_frame, "intra_tracklet": intra_tracklet}
    fallback: str | None
    if intra_frame.n >= min_pairs and intra_tracklet.n >= min_pairs:
        value, fallback = _cross(intra_frame, intra_tracklet)
    else:
        value, fallback = _fall_back_merge(intra_frame, intra_tracklet)
    return Threshold(float(value), "crossing", fallback, describe(value, **statistics_of))


def _cross(different: SimilarityHistogram, same: SimilarityHistogram) -> tuple[float, str | None]:
    """Find the one crossing between the means; else the boundary of least total error, and why."""
    if different.mean >= same.mean:
        value = least_error_boundary(different, same)
        return value, f"the same people are not more similar than different people; {_LEAST_ERROR}"
    crossings = find_crossings(different, same)
    if len(crossings) == 1:
        return float(crossings[0]), None
    times = f"{len(crossings)} times" if len(crossings) else "never"
    value = least_error_boundary(different, same)
    return value, f"the histograms cross {times} between their means; {_LEAST_ERROR}"


def find_crossings(different: SimilarityHistogram, same: SimilarityHistogram) -> NDArray[np.float64]:
    """Find where the smoothed densities of two histograms cross between their means.

    Parameters
    ----------
    different, same : SimilarityHistogram
        Not empty, of one width of bins.

    Returns
    -------
    ndarray of float64, shape (n_crossings,), ascending
        Between the two bins where the order of the densities turns around; in the middle of a gap where both are 0.
    """
    edges = fine_bin_edges(different)
    centres = (edges[:-1] + edges[1:]) / 2
    low, high = sorted((different.mean, same.mean))
    difference = _smooth_density(same) - _smooth_density(different)
    # One bin more on either side: the means themselves are within.
    between = slice(max(0, int(np.searchsorted(centres, low)) - 1), int(np.searchsorted(centres, high)) + 1)
    difference, centres = difference[between], centres[between]
    signed = np.flatnonzero(difference)
    turns = np.flatnonzero(np.diff(np.sign(difference[signed])))
    before, after = signed[turns], signed[turns + 1]
    share = np.where(after == before + 1, difference[before] / (difference[before] - difference[after]), 0.5)
    return np.asarray(centres[before] + share * (centres[after] - centres[before]))


def _smooth_density(histogram: SimilarityHistogram) -> NDArray[np.float64]:
    """Density per narrow bin, smoothed as wide as Silverman's rule says."""
    bin_width = 2 / len(histogram.fine_counts)
    bandwidth = max(0.9 * histogram.std * histogram.n ** (-1 / 5), bin_width / 2)
    shares = histogram.fine_counts / histogram.n
    return np.asarray(gaussian_filter1d(shares, bandwidth / bin_width, mode="reflect"))


def least_error_boundary(different: SimilarityHistogram, same: SimilarityHistogram) -> float:
    """Boundary between the means that puts the smallest share of the two populations on the wrong side.

    Parameters
    ----------
    different, same : SimilarityHistogram
        Not empty, of one width of bins.

    Returns
    -------
    float, in [-1, 1]
        The similarity t between the two means with the least P(different >= t) + P(same < t); in the middle of those
        that are equally good.
    """
    edges = fine_bin_edges(different)
    wrong_different = 1 - np.concatenate([[0], np.cumsum(different.fine_counts)]) / different.n
    wrong_same = np.concatenate([[0], np.cumsum(same.fine_counts)]) / same.n
    low, high = sorted((different.mean, same.mean))
    inside = np.flatnonzero((edges >= low) & (edges <= high))
    if not len(inside):
        return (low + high) / 2
    error = (wrong_different + wrong_same)[inside]
    best = inside[error <= error.min() + 1e-12]
    return float(edges[best[len(best) // 2]])


def _fall_back_merge(different: SimilarityHistogram, same: SimilarityHistogram) -> tuple[float, str]:
    """Give a value where a population is too small for a crossing, and its description: see `crossing`."""
    fault = f"only {different.n} intra-frame and {same.n} intra-tracklet pairs"
    if different.n and same.n:
        return least_error_boundary(different, same), f"{fault}; {_LEAST_ERROR}"
    if same.n:
        value = quantile(same, SAME_PERSON_QUANTILE)
        return value, f"{fault}; the {SAME_PERSON_QUANTILE:g} quantile of the intra-tracklet similarities instead"
    if not different.n:
        return MERGE_NOTHING, f"{fault}; nothing is merged"
    value = different.mean + PAPER_N_SIGMAS * different.std
    if value < 1:
        return value, f"{fault}; mean + {PAPER_N_SIGMAS:g} standard deviations of the intra-frame similarities instead"
    value = quantile(different, 1 - upper_tail_mass(PAPER_N_SIGMAS))
    return value, f"{fault}; the upper quantile of the intra-frame similarities instead"
