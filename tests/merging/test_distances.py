"""Sums of features, and equation 3."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging import distances
from remots.merging.constraints import find_candidate_pairs
from remots.merging.distances import sum_features, tracklet_distances
from tests.merging.slow_clustering import prepare, random_tracklets, slow_distance

seeds = st.integers(0, 10**6)


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(0, 8), st.booleans())
def test_equation_3_is_the_mean_of_all_pairwise_distances(seed, n_tracklets, holes):
    features, frames = random_tracklets(seed, n_tracklets, holes)
    sums, sizes, ranges = prepare(features, frames)
    pairs = find_candidate_pairs(ranges, 15)
    found = tracklet_distances(sums, sizes, pairs)
    for a, b, distance in zip(pairs.a, pairs.b, found, strict=True):
        assert distance == pytest.approx(slow_distance(features[a], features[b]), abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 40))
def test_sums_of_features_do_not_depend_on_how_they_are_read(seed, n_values):
    rng = np.random.default_rng(seed)
    ids = np.concatenate([np.arange(5), rng.integers(0, 5, 30)])
    features = rng.normal(size=(35, 4)).astype(np.float32)
    slow = [features[ids == k].sum(axis=0) for k in range(5)]
    chunk = distances._VALUES_PER_CHUNK
    try:
        distances._VALUES_PER_CHUNK = n_values
        assert sum_features(ids, features, 5) == pytest.approx(np.array(slow), abs=1e-5)
    finally:
        distances._VALUES_PER_CHUNK = chunk


def test_a_feature_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match="feature of tracklet 1 is not finite"):
        sum_features(np.array([0, 1]), np.array([[1, 0], [np.inf, 0]], np.float32), 2)


def test_masks_and_features_of_different_numbers_are_refused():
    with pytest.raises(ValueError, match="3 masks but 2 features"):
        sum_features(np.zeros(3, np.int64), np.ones((2, 2), np.float32), 1)
