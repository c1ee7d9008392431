"""The close calls, against the plain clustering."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.evidence import LOOKS_ALONE
from remots.merging.linkage import merge_tracklets
from remots.report.close_calls import find_apart_calls, find_merged_calls
from tests.merging.slow_clustering import prepare, random_tracklets, slow_distance, slow_gap

seeds = st.integers(0, 10**6)
EVERY = 10**6


def merge(features, frames, theta, max_gap):
    sums, sizes, ranges = prepare(features, frames)
    track_ids, merges = merge_tracklets(sums.copy(), sizes, ranges, theta, max_gap)
    return track_ids, (merges.a, merges.b, merges.distance), (sums, sizes, ranges)


def join(features, members):
    return np.concatenate([features[k] for k in members])


def gap(frames, one, other):
    return min(slow_gap(frames[i], frames[j]) for i in one for j in other)


@settings(deadline=None, max_examples=80)
@given(seeds, st.integers(0, 12), st.booleans(), st.floats(-1, 1), st.integers(1, 15))
def test_what_was_merged_lies_over_the_threshold_and_the_least_similar_comes_first(seed, n, holes, theta, max_gap):
    features, frames = random_tracklets(seed, n, holes)
    _, merges, (_, sizes, ranges) = merge(features, frames, theta, max_gap)
    calls = find_merged_calls(merges, sizes, ranges, theta, LOOKS_ALONE, EVERY)
    assert len(calls) == len(merges[0])
    similarities = [call.similarity for call in calls]
    assert similarities == sorted(similarities)
    for call in calls:
        one, other = call.earlier_members, call.later_members
        assert call.similarity >= theta - 1e-4
        assert call.similarity == pytest.approx(1 - slow_distance(join(features, one), join(features, other)), abs=1e-4)
        assert call.gap_frames == gap(frames, one, other)
        assert call.earlier in one
        assert call.later in other
        assert slow_gap(frames[call.earlier], frames[call.later]) == call.gap_frames
    assert find_merged_calls(merges, sizes, ranges, theta, LOOKS_ALONE, 2) == calls[:2]


@settings(deadline=None, max_examples=80)
@given(seeds, st.integers(0, 12), st.booleans(), st.floats(-1, 1), st.integers(1, 15))
def test_what_was_kept_apart_is_each_pair_of_tracks_that_only_the_threshold_parts(seed, n, holes, theta, max_gap):
    features, frames = random_tracklets(seed, n, holes)
    track_ids, _, (sums, sizes, ranges) = merge(features, frames, theta, max_gap)
    calls = find_apart_calls(track_ids, sums, sizes, ranges, theta, max_gap, LOOKS_ALONE, None, EVERY)
    tracks = [np.flatnonzero(track_ids == track).tolist() for track in sorted(set(track_ids.tolist()))]
    expected = {
        (frozenset(one), frozenset(other)): 1 - slow_distance(join(features, one), join(features, other))
        for one, other in itertools.combinations(tracks, 2)
        if 0 < gap(frames, one, other) <= max_gap
    }
    found = {}
    for call in calls:
        pair = frozenset(call.earlier_members), frozenset(call.later_members)
        found[pair if pair in expected else pair[::-1]] = call.similarity
    assert found == pytest.approx(expected, abs=1e-4)
    assert [call.similarity for call in calls] == sorted((call.similarity for call in calls), reverse=True)
    assert all(call.similarity <= theta + 1e-4 for call in calls)


def test_a_merge_that_somebody_asked_for_is_no_close_call():
    features = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    _, sizes, ranges = prepare(features, [[1], [2]])
    by_hand = (np.array([0]), np.array([1]), np.array([1.0]))
    assert find_merged_calls(by_hand, sizes, ranges, 0.5, LOOKS_ALONE, EVERY) == []


def test_tracklets_without_a_track_are_no_close_call():
    features = [np.array([[1.0, 0.0]]), np.array([[0.8, 0.6]])]
    sums, sizes, ranges = prepare(features, [[1], [2]])
    limits = (0.9, 15, LOOKS_ALONE, None, EVERY)
    assert len(find_apart_calls(np.array([1, 2]), sums, sizes, ranges, *limits)) == 1
    assert find_apart_calls(np.array([1, -1]), sums, sizes, ranges, *limits) == []
