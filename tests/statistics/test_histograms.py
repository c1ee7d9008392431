"""Histograms that are filled piece by piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from remots.statistics.histograms import (
    FINE_BIN_WIDTH,
    density,
    fill_histogram,
    fine_bin_edges,
    join_histograms,
    quantile,
    share_below,
)

similarities = arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1))


@settings(deadline=None, max_examples=100)
@given(similarities, st.integers(1, 300))
def test_counts_mean_and_deviation_are_those_of_the_similarities(values, n_bins):
    histogram = fill_histogram([values], n_bins)
    slow = np.zeros(n_bins, int)
    for value in values:
        slow[min(int((value + 1) * (n_bins * 50000 / 2) // 50000), n_bins - 1)] += 1
    # A value within rounding of an edge may fall on either side of it.
    assert np.abs(np.cumsum(histogram.counts - slow)).max() <= np.sum(near_an_edge(values, n_bins))
    assert histogram.n == histogram.counts.sum() == histogram.fine_counts.sum() == len(values)
    assert histogram.mean == pytest.approx(values.mean(), abs=1e-12)
    assert histogram.std == pytest.approx(values.std(), abs=1e-9)
    assert histogram.bin_edges[[0, -1]].tolist() == [-1, 1]


def near_an_edge(values, n_bins):
    place = (values + 1) * n_bins / 2
    return np.abs(place - np.rint(place)) < 1e-9


@settings(deadline=None, max_examples=60)
@given(similarities, st.lists(st.integers(0, 60), max_size=4))
def test_it_does_not_matter_into_which_blocks_the_similarities_are_cut(values, cuts):
    whole = fill_histogram([values], 40)
    parts = fill_histogram(np.split(values, sorted(cuts)), 40)
    assert np.array_equal(parts.fine_counts, whole.fine_counts)
    assert np.array_equal(parts.counts, whole.counts)
    assert parts.mean == pytest.approx(whole.mean, abs=1e-12)
    assert parts.std == pytest.approx(whole.std, abs=1e-12)


@pytest.mark.parametrize("n_bins", [1, 7, 37, 200, 9999, 10000, 25000])
def test_narrow_bins_part_the_wide_ones_and_are_narrow_enough(n_bins):
    histogram = fill_histogram([np.linspace(-1, 1, 1001)], n_bins)
    assert len(histogram.fine_counts) % n_bins == 0
    assert 2 / len(histogram.fine_counts) <= FINE_BIN_WIDTH * (1 + 1e-9)
    assert np.array_equal(histogram.fine_counts.reshape(n_bins, -1).sum(axis=1), histogram.counts)


def test_a_similarity_on_an_edge_belongs_above_it_and_one_to_the_last_bin():
    assert fill_histogram([np.array([-1, -0.5, 0, 0.5, 1])], 4).counts.tolist() == [1, 1, 1, 2]


def test_rounding_out_of_range_is_cut_off():
    histogram = fill_histogram([np.array([1.0000001, -1.0000001], np.float32)], 2)
    assert histogram.counts.tolist() == [1, 1]
    assert histogram.mean == 0


def test_crowded_similarities_keep_their_small_deviation():
    values = 0.999 + 1e-7 * np.random.default_rng(0).normal(size=5000)
    histogram = fill_histogram(np.split(values, 50), 200)
    assert histogram.std == pytest.approx(values.std(), rel=1e-6)


def test_no_similarities_give_an_empty_histogram():
    for blocks in ([], [np.zeros(0, np.float32)]):
        histogram = fill_histogram(blocks, 5)
        assert histogram.n == 0
        assert histogram.counts.tolist() == [0] * 5
        assert np.isnan(histogram.mean)
        assert density(histogram).tolist() == [0] * 5


def test_a_similarity_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        fill_histogram([np.array([0.5, np.nan])], 10)


def test_the_density_has_unit_area():
    histogram = fill_histogram([np.random.default_rng(1).uniform(-1, 1, 500)], 37)
    assert density(histogram) @ np.diff(histogram.bin_edges) == pytest.approx(1)


@settings(deadline=None, max_examples=100)
@given(similarities, st.floats(0, 1))
def test_a_quantile_is_at_most_one_narrow_bin_off(values, share):
    found = quantile(fill_histogram([values], 200), share)
    width = FINE_BIN_WIDTH * (1 + 1e-6)
    assert np.sum(values < found - width) <= share * len(values) + 1e-9
    assert np.sum(values <= found + width) >= share * len(values) - 1e-9
    assert values.min() - width <= found <= values.max() + width


@settings(deadline=None, max_examples=100)
@given(similarities, st.floats(-1, 1))
def test_the_share_below_is_at_most_one_narrow_bin_off(values, similarity):
    share = share_below(fill_histogram([values], 200), similarity)
    low, high = np.mean(values < similarity - FINE_BIN_WIDTH), np.mean(values <= similarity + FINE_BIN_WIDTH)
    assert low - 1e-9 <= share <= high + 1e-9


def test_share_below_undoes_the_quantile():
    histogram = fill_histogram([np.random.default_rng(2).normal(0.4, 0.1, 10000)], 200)
    for share in (0.001, 0.05, 0.5, 0.99865):
        assert share_below(histogram, quantile(histogram, share)) == pytest.approx(share, abs=1e-9)


def test_an_empty_histogram_has_no_quantiles():
    with pytest.raises(ValueError, match="empty"):
        quantile(fill_histogram([], 10), 0.5)


def test_a_share_above_one_is_refused():
    with pytest.raises(ValueError, match=r"share of 1\.5"):
        quantile(fill_histogram([np.ones(3)], 10), 1.5)


def test_narrow_edges_run_from_minus_one_to_one():
    edges = fine_bin_edges(fill_histogram([np.ones(3)], 10))
    assert edges[[0, -1]].tolist() == [-1, 1]
    assert np.diff(edges).max() == pytest.approx(FINE_BIN_WIDTH)


@settings(deadline=None, max_examples=60)
@given(st.lists(similarities | st.just(np.zeros(0)), min_size=1, max_size=5), st.integers(1, 300))
def test_parts_put_together_are_the_whole(parts, n_bins):
    joined = join_histograms([fill_histogram([part], n_bins) for part in parts])
    whole = fill_histogram([np.concatenate(parts)], n_bins)
    assert joined.n == whole.n
    for field in ("bin_edges", "counts", "fine_counts"):
        assert np.array_equal(getattr(joined, field), getattr(whole, field))
    assert joined.mean == pytest.approx(whole.mean, abs=1e-12, nan_ok=True)
    assert joined.std == pytest.approx(whole.std, abs=1e-9, nan_ok=True)
