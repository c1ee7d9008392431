"""Rivals of a link, how much they make it doubtful, and what doubts say of the tracklets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.association.ambiguity import estimate_purity, evidence_slope, link_doubts, rival_similarities


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(0, 12))
def test_the_rival_is_the_most_similar_other_pair_with_one_of_the_masks(seed, n_pairs):
    rng = np.random.default_rng(seed)
    every = np.array([(i, j) for i in range(4) for j in range(4, 8)])
    pairs = every[rng.permutation(16)[:n_pairs]]
    similarities = rng.choice([0.1, 0.5, 0.5, 0.9, -np.inf], n_pairs)
    found = rival_similarities(pairs, similarities)
    for k, (i, j) in enumerate(pairs):
        others = [similarities[m] for m in range(n_pairs) if m != k and (pairs[m, 0] == i or pairs[m, 1] == j)]
        assert found[k] == max(others, default=-np.inf)


def test_a_doubt_is_one_half_where_rival_and_link_are_equal_and_none_without_a_rival():
    doubts = link_doubts(np.array([0.5, 0.5, 0.6, 0.5]), np.array([0.5, -np.inf, 0.5, 0.6]), 10.0)
    assert doubts == pytest.approx([0.5, 0, 1 / (1 + np.e), np.e / (1 + np.e)])


def test_the_slope_is_the_log_ratio_of_two_normal_densities_of_one_width():
    slope = evidence_slope(0.2, 0.1, 0.7, 0.1)

    def log_ratio(x):
        return (-((x - 0.7) ** 2) + (x - 0.2) ** 2) / (2 * 0.1**2)

    assert slope == pytest.approx(log_ratio(0.6) - log_ratio(-0.4))
    assert evidence_slope(0.7, 0.1, 0.2, 0.1) == 0
    assert np.isfinite(evidence_slope(0.2, 0.0, 0.7, 0.0))


def test_a_wrong_link_costs_the_shorter_part_of_its_tracklet():
    ids = np.array([0, 0, 1, 0, 1, 0, 0])
    doubts = np.array([0, 1.0, 0, 0, 0, 0, 0])  # the second of five masks: one is another's
    assert estimate_purity(ids, doubts) == pytest.approx(6 / 7)
    doubts = np.array([0, 0, 0, 1.0, 0, 0, 0])  # the third of five: two are
    assert estimate_purity(ids, doubts) == pytest.approx(5 / 7)


def test_the_estimate_is_the_share_of_masks_of_the_majority_where_links_are_wrong_at_random():
    rng = np.random.default_rng(0)
    length, chance, n_tracklets = 40, 0.004, 4000
    wrong = rng.random((n_tracklets, length)) < chance
    wrong[:, 0] = False
    people = wrong.cumsum(axis=1)
    true = np.mean([np.bincount(row).max() / length for row in people])
    ids = np.repeat(np.arange(n_tracklets), length)
    doubts = np.where(np.tile(np.arange(length) > 0, n_tracklets), chance, 0.0)
    assert estimate_purity(ids, doubts) == pytest.approx(true, abs=0.005)
    assert true < 0.97


def test_purity_is_a_share_however_many_links_are_doubtful():
    assert estimate_purity(np.zeros(10, int), np.ones(10)) == pytest.approx(0.5)
    assert estimate_purity(np.zeros(0, int), np.zeros(0)) == 1
