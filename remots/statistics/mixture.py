"""θ_merge from the tracklets that may be merged themselves: a mixture of the same person and of different people.

Candidate pairs of tracklets are a mixture in unknown shares. What different people look like is known exactly:
tracklets that share a frame. What is left is the same person. A single mask, cut off where somebody was hidden, looks
like nobody, and a long tracklet very much like itself, so pairs are told apart by the size of the smaller of the two.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.size_classes import SIZE_CLASSES, classify, join_classes
from remots.statistics.displacements import place_evidence
from remots.statistics.thresholds import Statistics, Threshold

# Where the same person's similarities are looked for first, in standard deviations above different people's mean.
_FIRST_SHIFT_STDS = 1.5
# Closer than this the two populations cannot be told apart, and their slope means nothing.
_MIN_SHIFT_STDS = 0.25
_FIRST_SHARE = 0.3
_SHARE_LIMITS = (0.005, 0.95)
_N_ROUNDS = 100
_MIN_STD = 1e-3
_MAX_PAIRS = 200_000


@dataclass(frozen=True)
class KnownPairs:
    """Pairs of tracklets that share a frame, so of different people; arrays of shape (n_pairs,).

    Attributes
    ----------
    similarities : ndarray of float64, in [-1, 1]
        Mean cosine similarity of their observations.
    sizes : ndarray of int64
        Masks of the smaller tracklet.
    """

    similarities: NDArray[np.float64]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class CandidatePopulation:
    """Pairs of tracklets that may be merged; arrays of shape (n_pairs,).

    Attributes
    ----------
    similarities, sizes
        As of `KnownPairs`.
    heights, same, different : ndarray of float64
        Displacement across the gap, and its scale for the same and for different people: see
        `remots.statistics.displacements`.
    """

    similarities: NDArray[np.float64]
    sizes: NDArray[np.int64]
    heights: NDArray[np.float64]
    same: NDArray[np.float64]
    different: NDArray[np.float64]

    def sample(self, n_most: int) -> "CandidatePopulation":
        """Keep at most so many pairs, evenly spread over the list."""
        if len(self.similarities) <= n_most:
            return self
        kept = np.linspace(0, len(self.similarities) - 1, n_most).astype(np.int64)
        return CandidatePopulation(
            self.similarities[kept], self.sizes[kept], self.heights[kept], self.same[kept], self.different[kept]
        )


@dataclass(frozen=True)
class Mixture:
    """What the candidates are made of; arrays of shape (n_classes,), by the size of the smaller tracklet.

    Attributes
    ----------
    classes : tuple of int, ascending
        Smallest size of each class.
    same_share : ndarray of float64, in (0, 1)
        Share of the candidates that are the same person.
    different_mean, same_mean, std : ndarray of float64
        Of the similarities; both populations are taken for normal, with one standard deviation.
    stretch : float, at least 1
        By how much real gaps displace people more than gaps cut into tracklets.
    """

    classes: tuple[int, ...]
    same_share: NDArray[np.float64]
    different_mean: NDArray[np.float64]
    same_mean: NDArray[np.float64]
    std: NDArray[np.float64]
    stretch: float = 1.0

    @property
    def slope(self) -> NDArray[np.float64]:
        """Evidence that one unit of similarity brings, in nats."""
        return (self.same_mean - self.different_mean) / self.std**2

    @property
    def boundary(self) -> NDArray[np.float64]:
        """Similarity at which, with no evidence of place, both are equally likely."""
        prior = np.log(self.same_share / (1 - self.same_share))
        return (self.different_mean + self.same_mean) / 2 - prior / self.slope


@dataclass(frozen=True)
class SizedLooks:
    """How the similarity of two tracklets of a size compares with that of two long ones.

    Attributes
    ----------
    classes : tuple of int, ascending
        Smallest size of each class.
    gains, offsets : ndarray of float64, shape (n_classes,)
        A similarity s counts as gain x s + offset.
    """

    classes: tuple[int, ...]
    gains: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def __call__(self, distances: NDArray[np.float64], smaller_sizes: NDArray[Any], /) -> NDArray[np.float64]:
        """Give the distances that long tracklets would have to have for the same evidence, shape (n_pairs,)."""
        rows = classify(smaller_sizes, self.classes)
        return np.asarray(1 - self.gains[rows] * (1 - distances) - self.offsets[rows])


def candidates(
    pairs: CandidatePopulation,
    known: KnownPairs,
    otherwise: Threshold,
    min_pairs: int = 30,
    with_place: bool = True,
) -> Threshold:
    """θ_merge where a candidate pair is as likely of the same person as of two people.

    Parameters
    ----------
    pairs : CandidatePopulation
        All pairs of tracklets that may be merged.
    known : KnownPairs
        All pairs that share a frame.
    otherwise : Threshold
        Of another rule, for where this one has too little to go by.
    min_pairs : int
        With fewer pairs of either kind the rule falls back; with fewer of a size, sizes are put together.
    with_place : bool
        Let the displacement across the gap speak as well.

    Returns
    -------
    Threshold
        The value is that of long tracklets. The statistics hold the mixture (of long tracklets), and what merging
        needs to weigh tracklets of other sizes (`sized_looks`) and place (`place_weight`).

    Notes
    -----
    Not in the paper, which lets the two histograms cross as if the same person were as rare among candidates as among
    intra-frame pairs. With one standard deviation for both populations of a size the evidence is a straight line in the
    similarity, so that evidence of place can be added to it as a similarity.
    """
    rule = "candidates" if with_place else "candidate_looks"
    n_pairs, n_known = len(pairs.similarities), len(known.similarities)
    if min(n_pairs, n_known) < min_pairs:
        fault = f"only {n_pairs} candidate pairs of tracklets and {n_known} that share a frame, fewer than {min_pairs}"
        step = otherwise.fallback or f"the {otherwise.rule} of the histograms instead"
        return replace(otherwise, rule=rule, fallback=f"{fault}; {step}")
    mixture = fit_mixture(pairs, known, min_pairs, with_place)
    value = float(np.clip(mixture.boundary[-1], -1, 1))
    return Threshold(value, rule, None, _describe(mixture, pairs, known, with_place))


def _describe(mixture: Mixture, pairs: CandidatePopulation, known: KnownPairs, with_place: bool) -> Statistics:
    boundary, slope = mixture.boundary, mixture.slope
    statistics: Statistics = {
        "candidate_n": len(pairs.similarities),
        "candidate_same_share": float(np.mean(same_person_probability(mixture, pairs, with_place))),
        "shared_frame_n": len(known.similarities),
        "similarity_per_nat": float(1 / slope[-1]) if with_place else 0.0,
        "place_stretch": mixture.stretch,
    }
    gains = slope / slope[-1]
    offsets = float(np.clip(boundary[-1], -1, 1)) - gains * boundary
    moments = (mixture.different_mean, mixture.same_mean, mixture.std, mixture.same_share, gains, offsets)
    names = ("different_mean", "same_mean", "std", "same_share", "gain", "offset")
    for row, size in enumerate(mixture.classes):
        statistics |= {f"{name}_from_{size}": float(values[row]) for name, values in zip(names, moments, strict=True)}
    return statistics


def sized_looks(threshold: Threshold) -> SizedLooks | None:
    """Give what a threshold's file says of tracklets of each size; None where all count alike."""
    found = {size: threshold.statistics.get(f"gain_from_{size}") for size in SIZE_CLASSES}
    classes = tuple(size for size, gain in found.items() if gain is not None)
    if not classes:
        return None
    columns = [[threshold.statistics[f"{name}_from_{size}"] for size in classes] for name in ("gain", "offset")]
    gains, offsets = (np.array(column, np.float64) for column in columns)
    return SizedLooks(classes, gains, offsets)


def place_weight(threshold: Threshold) -> tuple[float, float] | None:
    """Give what a nat of evidence of place is worth as a similarity, and its stretch; None where only looks count."""
    per_nat, stretch = (threshold.statistics.get(name) for name in ("similarity_per_nat", "place_stretch"))
    return (float(per_nat), float(stretch)) if per_nat and stretch else None


def fit_mixture(pairs: CandidatePopulation, known: KnownPairs, min_pairs: int = 30, with_place: bool = True) -> Mixture:
    """Fit the mixture by expectation maximisation, different people held fast.

    Parameters
    ----------
    pairs, known, min_pairs, with_place
        As for `candidates`; not empty.

    Returns
    -------
    Mixture
    """
    pairs = pairs.sample(_MAX_PAIRS)
    classes = join_classes(pairs.sizes, known.sizes, min_pairs)
    of_known, rows = classify(known.sizes, classes), classify(pairs.sizes, classes)
    mean = np.array([known.similarities[of_known == row].mean() for row in range(len(classes))])
    std = np.array([max(known.similarities[of_known == row].std(), _MIN_STD) for row in range(len(classes))])
    mixture = Mixture(classes, np.full(len(classes), _FIRST_SHARE), mean, mean + _FIRST_SHIFT_STDS * std, std)
    displaced = np.flatnonzero((pairs.same < pairs.different) & with_place)
    stretches = pairs.heights[displaced] / pairs.same[displaced]
    order = np.argsort(stretches, kind="stable")
    displaced, stretches = displaced[order], stretches[order]
    place = pairs.heights[displaced], pairs.same[displaced], pairs.different[displaced]
    n_pairs = np.bincount(rows, minlength=len(classes))
    for _ in range(_N_ROUNDS):
        weights = _probability(mixture, pairs.similarities, rows, displaced, place)
        totals = np.bincount(rows, weights, len(classes))
        same_mean = np.bincount(rows, weights * pairs.similarities, len(classes)) / np.maximum(totals, 1e-12)
        before, mixture = (
            mixture,
            replace(
                mixture,
                same_share=np.clip(totals / n_pairs, *_SHARE_LIMITS),
                same_mean=np.maximum(same_mean, mean + _MIN_SHIFT_STDS * std),
                stretch=_weighted_median(stretches, weights[displaced]),
            ),
        )
        if _are_equal(before, mixture):  # and so would all further rounds be
            break
    return mixture


def _are_equal(one: Mixture, other: Mixture) -> bool:
    """Tell whether two mixtures of the same pairs are the same to the last bit."""
    return (
        one.stretch == other.stretch
        and np.array_equal(one.same_share, other.same_share)
        and np.array_equal(one.same_mean, other.same_mean)
    )


def _weighted_median(ascending: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Median of the stretches; 1 where there are none, and never less."""
    cumulative = np.cumsum(weights)
    if not len(ascending) or cumulative[-1] <= 0:
        return 1.0
    return max(1.0, float(ascending[min(np.searchsorted(cumulative, cumulative[-1] / 2), len(ascending) - 1)]))


def same_person_probability(
    mixture: Mixture, pairs: CandidatePopulation, with_place: bool = True
) -> NDArray[np.float64]:
    """Probability of each candidate pair to be the same person, shape (n_pairs,), by its looks and its place."""
    rows = classify(pairs.sizes, mixture.classes)
    displaced = np.flatnonzero((pairs.same < pairs.different) & with_place)
    place = pairs.heights[displaced], pairs.same[displaced], pairs.different[displaced]
    return _probability(mixture, pairs.similarities, rows, displaced, place)


def _probability(
    mixture: Mixture,
    similarities: NDArray[np.float64],
    rows: NDArray[np.int64],
    displaced: NDArray[np.int64],
    place: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Probability of each pair to be the same person.

    `rows` are the classes of the pairs, `displaced` those whose place counts, `place` their heights and two scales.
    """
    evidence = mixture.slope[rows] * (similarities - mixture.boundary[rows])
    evidence[displaced] += place_evidence(*place, mixture.stretch)
    return np.asarray(1 / (1 + np.exp(-np.clip(evidence, -50, 50))))
