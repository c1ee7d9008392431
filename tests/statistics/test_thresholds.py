"""θ_short and θ_merge: the paper's rules, and every stated fallback."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.statistics.histograms import fill_histogram, quantile
from remots.statistics.thresholds import (
    SHORT_RULES,
    crossing,
    find_crossings,
    fixed,
    least_error_boundary,
    loses_sure_links,
    mean_plus_sigmas,
    quantile_of_different,
    sure_links,
    upper_tail_mass,
)


def histogram_of(*values):
    return fill_histogram([np.concatenate([np.zeros(0), *map(np.atleast_1d, values)])], 200)


def normal(mean, std, n=20000, seed=0):
    return np.clip(np.random.default_rng(seed).normal(mean, std, n), -1, 1)


NOBODY = histogram_of()
GOOD_LINKS = histogram_of(normal(0.9, 0.03))


def test_theta_short_is_mean_plus_three_standard_deviations():
    values = normal(0.48, 0.09)
    threshold = mean_plus_sigmas(histogram_of(values), GOOD_LINKS)
    assert threshold.value == pytest.approx(values.mean() + 3 * values.std(), abs=1e-9)
    assert threshold.value == pytest.approx(0.75, abs=0.01)
    assert (threshold.rule, threshold.fallback) == ("mean_plus_sigmas", None)
    assert threshold.statistics["intra_frame_n"] == 20000
    assert threshold.statistics["intra_frame_mean"] == pytest.approx(values.mean())
    assert threshold.statistics["intra_frame_std"] == pytest.approx(values.std())
    assert threshold.statistics["sure_link_share_below"] == pytest.approx(0, abs=0.001)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.1, 5))
def test_more_deviations_never_lower_theta_short(n_sigmas):
    histogram = histogram_of(normal(0.3, 0.05))
    low, high = (mean_plus_sigmas(histogram, NOBODY, n).value for n in (n_sigmas, n_sigmas + 0.1))
    assert low < high


def test_three_deviations_of_a_normal_distribution_leave_135_in_100000_above():
    assert upper_tail_mass(3) == pytest.approx(0.0013499, abs=1e-7)


def test_where_theta_short_would_be_above_one_the_quantile_of_the_same_tail_takes_its_place():
    values = normal(0.98, 0.03)
    values = values[values < 0.9975]
    different = histogram_of(values)
    links = histogram_of(np.linspace(0.9974, 0.9999, 500))
    threshold = mean_plus_sigmas(different, links)
    assert threshold.value == pytest.approx(quantile(different, 1 - upper_tail_mass(3)))
    assert threshold.value < 0.998
    assert threshold.rule == "mean_plus_sigmas"
    assert "mean + 3 standard deviations is 1.0" in threshold.fallback
    assert "intra-frame quantile with the same tail mass (0.00135) instead" in threshold.fallback


def test_where_that_quantile_would_cut_the_sure_links_their_own_lower_quantile_takes_its_place():
    different = histogram_of(normal(0.98, 0.03))
    links = histogram_of(np.linspace(0.99, 0.999, 500))
    threshold = mean_plus_sigmas(different, links)
    assert threshold.value == pytest.approx(quantile(links, 0.05))
    assert threshold.statistics["sure_link_share_below"] == pytest.approx(0.05)
    assert "0.05 quantile of the sure links instead" in threshold.fallback
    assert not loses_sure_links(threshold)


def test_where_nothing_is_left_to_go_by_overlap_alone_decides():
    threshold = mean_plus_sigmas(histogram_of(normal(1, 0.001)), NOBODY)
    assert threshold.value == -1
    assert "overlap along the flow alone decides" in threshold.fallback


@pytest.mark.parametrize("links", [NOBODY, GOOD_LINKS])
def test_with_one_person_alone_any_overlap_links(links):
    threshold = mean_plus_sigmas(NOBODY, links)
    assert threshold.value == -1
    assert "only 0 intra-frame pairs, fewer than 30" in threshold.fallback
    assert "nobody shares a frame" in threshold.fallback
    assert threshold.statistics["intra_frame_mean"] is None


def test_with_a_handful_of_pairs_their_quantile_is_taken():
    threshold = mean_plus_sigmas(histogram_of([0.2, 0.5, 0.4]), GOOD_LINKS)
    assert threshold.value == pytest.approx(0.5, abs=1e-3)
    assert "only 3 intra-frame pairs, fewer than 30; the intra-frame quantile" in threshold.fallback
    assert mean_plus_sigmas(histogram_of([0.2, 0.5, 0.4]), GOOD_LINKS, min_pairs=3).fallback is None


def test_similarities_that_are_all_alike_have_no_deviation_to_go_by():
    threshold = mean_plus_sigmas(histogram_of(np.full(100, 0.3)), GOOD_LINKS)
    assert threshold.value == pytest.approx(0.3, abs=1e-3)
    assert "all intra-frame similarities are 0.3000" in threshold.fallback


def test_a_constant_encoder_leaves_it_to_the_overlap():
    everything = histogram_of(np.ones(500))
    threshold = mean_plus_sigmas(everything, NOBODY)
    assert threshold.value == -1
    assert "all intra-frame similarities are 1.0000" in threshold.fallback


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.floats(-1, 1), max_size=60),
    st.lists(st.floats(-1, 1), max_size=60),
    st.sampled_from(sorted(SHORT_RULES)),
    st.integers(2, 40),
)
def test_theta_short_can_always_be_reached_and_a_fallback_never_cuts_most_sure_links(different, links, rule, min_pairs):
    threshold = SHORT_RULES[rule](histogram_of(different), histogram_of(links), 3.0, min_pairs, 0.05)
    assert -1 <= threshold.value <= 1
    assert threshold.rule == rule
    if rule != "sure_links":
        assert threshold.value < 1
    if threshold.fallback and len(links) >= min_pairs:
        assert not loses_sure_links(threshold)


def test_a_threshold_below_one_that_cuts_most_sure_links_is_told():
    # As measured for an untrained EfficientNet: no rule is broken, and yet tracklets would be single masks.
    threshold = mean_plus_sigmas(histogram_of(normal(0.5, 0.1)), histogram_of(normal(0.76, 0.08)))
    assert threshold.fallback is None
    assert loses_sure_links(threshold)
    assert not loses_sure_links(mean_plus_sigmas(histogram_of(normal(0.5, 0.1)), GOOD_LINKS))
    assert not loses_sure_links(mean_plus_sigmas(histogram_of(normal(0.5, 0.1)), NOBODY))


def test_the_quantile_rule_takes_the_tail_without_taking_it_for_normal():
    values = np.random.default_rng(3).uniform(0, 0.6, 50000)
    threshold = quantile_of_different(histogram_of(values), GOOD_LINKS)
    assert threshold.value == pytest.approx(0.6 * (1 - 0.00135), abs=1e-3)
    assert (threshold.rule, threshold.fallback) == ("quantile", None)
    assert quantile_of_different(NOBODY, GOOD_LINKS).value == -1
    assert "hardly any pair reaches" in quantile_of_different(histogram_of(np.ones(99)), GOOD_LINKS).fallback


def test_the_sure_link_rule_gives_up_a_share_of_the_sure_links():
    threshold = sure_links(histogram_of(normal(0.5, 0.1)), GOOD_LINKS, sure_link_quantile=0.1)
    assert threshold.value == pytest.approx(0.9 - 1.2816 * 0.03, abs=2e-3)
    assert threshold.statistics["sure_link_share_below"] == pytest.approx(0.1)
    assert threshold.fallback is None


def test_without_sure_links_their_rule_falls_back_to_the_papers():
    different = histogram_of(normal(0.5, 0.1))
    threshold = sure_links(different, histogram_of([0.9] * 5))
    assert threshold.value == mean_plus_sigmas(different, NOBODY).value
    assert threshold.rule == "sure_links"
    assert "only 5 sure links, fewer than 30; mean + 3 standard deviations" in threshold.fallback


def test_a_value_set_by_hand_is_taken_as_it_is():
    threshold = fixed(0.42, intra_frame=histogram_of(normal(0.5, 0.1)), sure_link=NOBODY)
    assert (threshold.value, threshold.rule, threshold.fallback) == (0.42, "fixed", None)
    assert threshold.statistics["intra_frame_share_below"] == pytest.approx(0.21, abs=0.01)


def test_two_normal_histograms_of_one_width_cross_half_way():
    threshold = crossing(histogram_of(normal(0.3, 0.08)), histogram_of(normal(0.8, 0.08, seed=1)))
    assert threshold.value == pytest.approx(0.55, abs=0.01)
    assert (threshold.rule, threshold.fallback) == ("crossing", None)
    assert threshold.statistics["intra_tracklet_n"] == 20000


def test_the_crossing_counts_shares_and_not_pairs():
    few = crossing(histogram_of(normal(0.3, 0.08, 2000)), histogram_of(normal(0.8, 0.08, 90000, 1)))
    assert few.value == pytest.approx(0.55, abs=0.015)


def normal_crossing(m1, s1, m2, s2):
    """Where two normal densities are equal, between their means."""
    a, b = 1 / s2**2 - 1 / s1**2, 2 * (m1 / s1**2 - m2 / s2**2)
    c = m2**2 / s2**2 - m1**2 / s1**2 + 2 * np.log(s2 / s1)
    return next(root.real for root in np.roots([a, b, c]) if m1 < root.real < m2)


def test_histograms_of_different_widths_cross_where_their_densities_are_equal():
    found = crossing(histogram_of(normal(0.4, 0.12, 60000)), histogram_of(normal(0.8, 0.05, 60000, 1)))
    assert found.fallback is None
    assert found.value == pytest.approx(normal_crossing(0.4, 0.12, 0.8, 0.05), abs=0.01)


def test_crowded_similarities_cross_within_one_bin_of_the_figure():
    # Untrained encoder: both populations lie between 0.99 and 1, in a single bin of a histogram of 200.
    different, same = histogram_of(normal(0.992, 0.0006)), histogram_of(normal(0.996, 0.0006, seed=1))
    assert crossing(different, same).value == pytest.approx(0.994, abs=2e-4)


def test_histograms_with_a_gap_between_them_cross_in_its_middle():
    different, same = histogram_of(np.linspace(-0.1, 0.2, 400)), histogram_of(np.linspace(0.6, 0.9, 400))
    threshold = crossing(different, same)
    assert threshold.fallback is None
    assert threshold.value == pytest.approx(0.4, abs=0.01)


def test_where_they_cross_three_times_the_least_error_decides_and_it_is_said():
    different = histogram_of(normal(0.2, 0.03, 10000), normal(0.6, 0.03, 4000, 1))
    same = histogram_of(normal(0.45, 0.03, 2000, 2), normal(0.8, 0.03, 10000, 3))
    assert len(find_crossings(different, same)) == 3
    threshold = crossing(different, same)
    assert "cross 3 times between their means; the boundary of least total error" in threshold.fallback
    assert threshold.value == pytest.approx(least_error_boundary(different, same))
    assert 0.62 < threshold.value < 0.75


def test_where_they_never_cross_between_the_means_it_is_said():
    # Same people: mostly like different people, and a few far above, who pull the mean up but are few at any one place.
    different = histogram_of(normal(0.3, 0.05, 20000))
    same = histogram_of(normal(0.3, 0.05, 19000, 1), normal(0.95, 0.01, 1000, 2))
    assert different.mean < same.mean < 0.4
    threshold = crossing(different, same)
    times = len(find_crossings(different, same))
    assert times != 1
    assert f"cross {times or 'never'}" in threshold.fallback.replace(" times", "")
    assert different.mean <= threshold.value <= same.mean


def test_where_the_same_people_are_less_similar_it_is_said():
    threshold = crossing(histogram_of(normal(0.8, 0.05)), histogram_of(normal(0.3, 0.05, seed=1)))
    assert "not more similar than different people" in threshold.fallback
    assert 0.299 < threshold.value < 0.801


def test_identical_histograms_still_give_a_threshold():
    both = histogram_of(np.full(100, 0.7))
    threshold = crossing(both, both)
    assert threshold.value == pytest.approx(0.7, abs=1e-3)
    assert threshold.fallback


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_no_boundary_between_the_means_has_less_total_error(seed):
    rng = np.random.default_rng(seed)
    # In the middle of narrow bins, so that the histogram loses nothing.
    different, same = (np.floor(rng.beta(*shape) * 1000) / 1000 + 5e-5 for shape in ((2, 3, 40), (3, 2, 30)))
    found = least_error_boundary(histogram_of(different), histogram_of(same))
    low, high = sorted((different.mean(), same.mean()))

    def error(boundary):
        return np.mean(different >= boundary) + np.mean(same < boundary)

    edges = np.linspace(-1, 1, 20001)
    assert low <= found <= high
    assert error(found) <= min(error(edge) for edge in edges[(edges >= low) & (edges <= high)]) + 1e-9


def test_with_too_few_pairs_the_least_error_decides_without_smoothing():
    threshold = crossing(histogram_of([0.1, 0.2, 0.3]), histogram_of([0.7, 0.8, 0.9, 0.95]))
    assert threshold.value == pytest.approx(0.5, abs=1e-3)
    assert "only 3 intra-frame and 4 intra-tracklet pairs; the boundary of least total error" in threshold.fallback
    assert crossing(histogram_of([0.1, 0.2, 0.3]), histogram_of([0.7, 0.8, 0.9]), min_pairs=3).fallback is None


def test_without_same_pairs_different_people_alone_decide():
    values = normal(0.48, 0.09)
    threshold = crossing(histogram_of(values), NOBODY)
    assert threshold.value == pytest.approx(values.mean() + 3 * values.std(), abs=1e-9)
    assert "0 intra-tracklet pairs; mean + 3 standard deviations" in threshold.fallback


def test_without_same_pairs_and_with_crowded_similarities_their_quantile_decides():
    different = histogram_of(normal(0.98, 0.03))
    threshold = crossing(different, NOBODY)
    assert threshold.value == pytest.approx(quantile(different, 1 - upper_tail_mass(3)))
    assert "upper quantile of the intra-frame similarities instead" in threshold.fallback


def test_with_nobody_to_tell_from_the_same_people_alone_decide():
    same = histogram_of(normal(0.8, 0.05))
    threshold = crossing(NOBODY, same)
    assert threshold.value == pytest.approx(quantile(same, 0.05))
    assert "only 0 intra-frame and 20000 intra-tracklet pairs; the 0.05 quantile" in threshold.fallback


def test_with_no_pairs_at_all_nothing_is_merged():
    threshold = crossing(NOBODY, NOBODY)
    assert threshold.value == 1
    assert "nothing is merged" in threshold.fallback


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1, 1), max_size=60), st.lists(st.floats(-1, 1), max_size=60), st.integers(2, 40))
def test_theta_merge_is_a_similarity_whatever_the_histograms(different, same, min_pairs):
    threshold = crossing(histogram_of(different), histogram_of(same), min_pairs)
    assert -1 <= threshold.value <= 1
