"""θ_merge from the mixture of candidate pairs."""

import numpy as np
import pytest

from remots.size_classes import classify
from remots.statistics.mixture import (
    CandidatePopulation,
    KnownPairs,
    Mixture,
    candidates,
    fit_mixture,
    place_weight,
    same_person_probability,
    sized_looks,
)
from remots.statistics.thresholds import Threshold

OTHERWISE = Threshold(0.7, "crossing", None, {"intra_frame_n": 3})


def population(n_same, n_different, same_mean=0.8, stretch=1.0, sizes=8, seed=0):
    """Pairs of which it is known who is who; place tells the two apart, too."""
    rng = np.random.default_rng(seed)
    n = n_same + n_different
    is_same = np.arange(n) < n_same
    looks = np.where(is_same, rng.normal(same_mean, 0.1, n), rng.normal(0.4, 0.1, n))
    same, different = np.full(n, 0.2), np.full(n, 3.0)
    radii = np.sqrt(1 / rng.uniform(size=n) - 1)  # the radius of a bivariate Student with median 1
    heights = radii * np.where(is_same, 0.2 * stretch, 3.0)
    return CandidatePopulation(looks, np.full(n, sizes), heights, same, different), is_same


def known(n=3000, mean=0.4, std=0.1, sizes=8):
    return KnownPairs(np.random.default_rng(9).normal(mean, std, n), np.full(n, sizes))


def single(same_share, different_mean=0.4, same_mean=0.8, std=0.1):
    return Mixture((1,), *(np.array([value]) for value in (same_share, different_mean, same_mean, std)))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("with_place", [True, False])
def test_the_share_and_the_looks_of_the_same_person_are_found(share, with_place):
    pairs, _ = population(int(4000 * share), int(4000 * (1 - share)))
    mixture = fit_mixture(pairs, known(), with_place=with_place)
    assert mixture.classes == (1,)
    assert mixture.same_share == pytest.approx([share], abs=0.02)
    assert mixture.same_mean == pytest.approx([0.8], abs=0.02)
    assert mixture.different_mean == pytest.approx([0.4], abs=0.01)


def test_the_boundary_is_where_both_are_equally_likely():
    def density(x, mean):
        return np.exp(-((x - mean) ** 2) / 0.02)

    x = single(0.2).boundary
    assert 0.2 * density(x, 0.8) == pytest.approx(0.8 * density(x, 0.4))
    assert single(0.5).boundary == pytest.approx([0.6])


def test_the_rarer_the_same_person_the_higher_the_threshold():
    values = [
        candidates(population(int(4000 * s), int(4000 * (1 - s)))[0], known(), OTHERWISE).value
        for s in (0.05, 0.2, 0.5, 0.8)
    ]
    assert values == sorted(values, reverse=True)


def test_real_gaps_that_displace_more_stretch_the_scale():
    pairs, _ = population(1500, 2500, stretch=2.5)
    assert fit_mixture(pairs, known()).stretch == pytest.approx(2.5, rel=0.1)
    assert fit_mixture(pairs, known(), with_place=False).stretch == 1


def test_place_finds_the_same_person_where_looks_hardly_can():
    pairs, is_same = population(1000, 3000, same_mean=0.45)
    mixture = fit_mixture(pairs, known())
    right = (same_person_probability(mixture, pairs) > 0.5) == is_same
    assert mixture.same_share == pytest.approx([0.25], abs=0.05)
    assert right.mean() > 0.93


def of_two_sizes():
    """Single masks, whose looks are noise, and long tracklets."""
    one, _ = population(500, 1500, same_mean=0.5, sizes=1, seed=1)
    long, _ = population(500, 1500, sizes=20, seed=2)
    columns = ("similarities", "sizes", "heights", "same", "different")
    pairs = CandidatePopulation(*(np.concatenate([getattr(one, name), getattr(long, name)]) for name in columns))
    null = [known(sizes=1), known(sizes=20)]
    return pairs, KnownPairs(*(np.concatenate([getattr(x, n) for x in null]) for n in ("similarities", "sizes")))


def test_each_size_of_tracklets_has_looks_of_its_own():
    mixture = fit_mixture(*of_two_sizes(), with_place=False)
    assert mixture.classes == (1, 8)
    assert mixture.same_mean == pytest.approx([0.5, 0.8], abs=0.04)
    assert mixture.slope[0] < mixture.slope[1]


def test_sized_looks_give_each_size_its_own_evidence():
    pairs, null = of_two_sizes()
    threshold = candidates(pairs, null, OTHERWISE)
    mixture = fit_mixture(pairs, null)
    per_nat, _ = place_weight(threshold)
    looks = sized_looks(threshold)
    similarities, sizes = np.array([0.3, 0.9, 0.3, 0.9]), np.array([1, 3, 8, 100])
    rows = classify(sizes, mixture.classes)
    evidence = mixture.slope[rows] * (similarities - mixture.boundary[rows])
    assert threshold.value - per_nat * -evidence == pytest.approx(1 - looks(1 - similarities, sizes))
    assert 1 - looks(1 - similarities, sizes)[2:] == pytest.approx(similarities[2:])  # long ones count as they are


def test_the_threshold_file_says_what_it_is_made_from():
    threshold = candidates(population(1000, 3000)[0], known(), OTHERWISE)
    assert (threshold.rule, threshold.fallback) == ("candidates", None)
    assert threshold.statistics["candidate_n"] == 4000
    assert threshold.statistics["shared_frame_n"] == 3000
    assert threshold.statistics["candidate_same_share"] == pytest.approx(0.25, abs=0.02)
    per_nat, stretch = place_weight(threshold)
    assert per_nat == pytest.approx(0.1**2 / 0.4, rel=0.1)
    assert stretch == pytest.approx(1, abs=0.1)


def test_without_place_there_is_nothing_to_weigh():
    threshold = candidates(population(1000, 3000)[0], known(), OTHERWISE, with_place=False)
    assert threshold.rule == "candidate_looks"
    assert place_weight(threshold) is None
    assert sized_looks(threshold) is not None
    assert place_weight(OTHERWISE) is sized_looks(OTHERWISE) is None


@pytest.mark.parametrize(("n_pairs", "n_known"), [(0, 0), (29, 3000), (4000, 29)])
def test_too_few_pairs_take_the_other_rule(n_pairs, n_known):
    pairs, _ = population(n_pairs // 2, n_pairs - n_pairs // 2)
    threshold = candidates(pairs, known(n_known), OTHERWISE)
    assert (threshold.value, threshold.rule, threshold.statistics) == (0.7, "candidates", OTHERWISE.statistics)
    assert threshold.fallback == (
        f"only {n_pairs} candidate pairs of tracklets and {n_known} that share a frame, fewer than 30; "
        "the crossing of the histograms instead"
    )


@pytest.mark.parametrize(("mean", "std"), [(0.9, 0.0), (0.4, 0.1), (1.0, 0.0)])
def test_a_threshold_is_a_similarity_however_poor_the_features(mean, std):
    pairs, _ = population(10, 3990, same_mean=0.35)
    threshold = candidates(pairs, known(mean=mean, std=std), OTHERWISE)
    assert -1 <= threshold.value <= 1
    assert all(np.isfinite(value) for value in threshold.statistics.values())


def test_long_lists_are_thinned_out_evenly(monkeypatch):
    pairs, _ = population(3000, 3000)
    whole = fit_mixture(pairs, known())
    monkeypatch.setattr("remots.statistics.mixture._MAX_PAIRS", 2000)
    thinned = fit_mixture(pairs, known())
    assert thinned.boundary != whole.boundary
    assert thinned.boundary == pytest.approx(whole.boundary, abs=0.02)
