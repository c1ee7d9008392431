"""The three populations of mask pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.statistics import similarities
from remots.statistics.similarities import (
    intra_frame_similarities,
    intra_tracklet_similarities,
    pair_similarities,
)


def random_features(seed, n_masks, n_dimensions=3):
    rows = np.random.default_rng(seed).normal(size=(n_masks, n_dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def joined(blocks):
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def slow_pairs(groups, features):
    """Cosines of all pairs within a group, one by one."""
    return [
        float(features[i].astype(float) @ features[j])
        for i, j in itertools.combinations(range(len(features)), 2)
        if groups[i] == groups[j]
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), max_size=25), st.integers(0, 1000))
def test_intra_frame_pairs_are_all_pairs_of_one_frame(frames, seed):
    frames = np.sort(np.array(frames, np.int64))
    features = random_features(seed, len(frames))
    found = joined(intra_frame_similarities(frames, features))
    assert sorted(found) == pytest.approx(sorted(slow_pairs(frames, features)), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 6), max_size=25), st.integers(0, 1000))
def test_intra_tracklet_pairs_are_all_pairs_of_one_tracklet(tracklet_ids, seed):
    tracklet_ids = np.array(tracklet_ids, np.int64)
    features = random_features(seed, len(tracklet_ids))
    found = joined(intra_tracklet_similarities(tracklet_ids, features))
    assert sorted(found) == pytest.approx(sorted(slow_pairs(tracklet_ids, features)), abs=1e-6)


def test_a_long_video_is_read_in_parts_of_whole_frames(monkeypatch):
    frames = np.repeat([1, 2, 4, 5, 6], [4, 1, 9, 3, 2])
    features = random_features(0, len(frames))
    whole = joined(intra_frame_similarities(frames, features))
    read = []

    class Store:
        shape = features.shape

        def __len__(self):
            return len(features)

        def __getitem__(self, rows):
            read.append(len(rows))
            return features[rows]

    monkeypatch.setattr(similarities, "_VALUES_PER_CHUNK", 6 * 3)
    assert np.array_equal(joined(intra_frame_similarities(frames, Store())), whole)
    assert read == [5, 9, 5]  # at most 6 masks, or one crowded frame


def test_of_a_long_tracklet_masks_are_taken_at_even_steps_with_both_ends():
    angles = np.linspace(0, 1, 9)
    features = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    found = joined(intra_tracklet_similarities(np.zeros(9, np.int64), features, max_observations=3))
    assert found == pytest.approx([np.cos(0.5), np.cos(1), np.cos(0.5)], abs=1e-6)


def test_a_tracklet_of_a_thousand_masks_gives_2016_pairs():
    features = random_features(1, 1000)
    assert len(joined(intra_tracklet_similarities(np.zeros(1000, np.int64), features))) == 64 * 63 // 2


def test_masks_alone_in_frame_or_tracklet_give_no_pairs():
    features = random_features(2, 3)
    assert list(intra_frame_similarities(np.array([1, 2, 5]), features)) == []
    assert list(intra_tracklet_similarities(np.array([0, 1, 2]), features)) == []


def test_similarities_of_given_pairs_come_in_their_order(monkeypatch):
    features = random_features(3, 20)
    pairs = np.random.default_rng(4).integers(0, 20, (50, 2))
    expected = [float(features[i].astype(float) @ features[j]) for i, j in pairs]
    assert joined(pair_similarities(pairs, features)) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(similarities, "_VALUES_PER_CHUNK", 40)
    blocks = list(pair_similarities(pairs, features))
    assert len(blocks) > 5
    assert joined(blocks) == pytest.approx(expected, abs=1e-6)
