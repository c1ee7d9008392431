"""Frame ranges, gaps, and the pairs of tracklets that may be merged."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.constraints import (
    FrameRanges,
    build_frame_ranges,
    find_candidate_pairs,
    find_end_masks,
    find_shared_frame_pairs,
    gap_frames,
    gaps_to_ranges,
    join_ranges,
    rows_in_time,
    smaller_sizes,
)
from tests.merging.slow_clustering import slow_gap

frame_sets = st.sets(st.integers(1, 40), min_size=1, max_size=12)


def table_of(frames_by_tracklet):
    ids = np.repeat(np.arange(len(frames_by_tracklet)), [len(frames) for frames in frames_by_tracklet])
    frames = np.array([frame for own in frames_by_tracklet for frame in own], np.int64)
    order = np.random.default_rng(0).permutation(len(ids))
    return build_frame_ranges(ids[order], frames[order])


def frames_of(ranges):
    return {f for first, last in zip(ranges.first, ranges.last, strict=True) for f in range(first, last + 1)}


@settings(deadline=None, max_examples=60)
@given(st.lists(frame_sets, max_size=6))
def test_ranges_hold_the_frames_of_each_tracklet_and_are_as_few_as_can_be(frames):
    table = table_of(frames)
    assert table.n_tracklets == len(frames)
    for tracklet, own in enumerate(frames):
        ranges = table.of(tracklet)
        assert frames_of(ranges) == own
        assert np.all(ranges.first[1:] > ranges.last[:-1] + 1)


@settings(deadline=None, max_examples=150)
@given(frame_sets, frame_sets)
def test_the_gap_is_the_smallest_between_any_two_frames(one, other):
    table = table_of([one, other])
    assert gap_frames(table.of(0), table.of(1)) == gap_frames(table.of(1), table.of(0)) == slow_gap(one, other)


def test_adjacent_frames_are_one_apart_and_a_shared_frame_none():
    def ranges(*pairs):
        return FrameRanges(*np.array(pairs).T)

    assert gap_frames(ranges((1, 4)), ranges((5, 9))) == 1
    assert gap_frames(ranges((1, 5)), ranges((5, 9))) == 0
    assert gap_frames(ranges((1, 2), (10, 12)), ranges((4, 6))) == 2
    assert gaps_to_ranges(ranges((1, 2), (10, 12)), np.array([3, 20, 2]), np.array([9, 30, 4])).tolist() == [1, 8, 0]


@settings(deadline=None, max_examples=60)
@given(frame_sets, frame_sets)
def test_joined_ranges_hold_the_frames_of_both(one, other):
    other = other - one
    if other:
        table = table_of([one, other])
        joined = join_ranges(table.of(0), table.of(1))
        assert frames_of(joined) == one | other
        assert np.all(joined.first[1:] > joined.last[:-1])


@settings(deadline=None, max_examples=150)
@given(st.lists(frame_sets, max_size=8), st.integers(1, 12))
def test_candidates_are_near_each_other_and_share_no_frame(frames, max_gap):
    found = find_candidate_pairs(table_of(frames), max_gap)
    slow = [
        (a, b, slow_gap(frames[a], frames[b]))
        for a, b in itertools.combinations(range(len(frames)), 2)
        if 0 < slow_gap(frames[a], frames[b]) <= max_gap
    ]
    assert list(zip(found.a.tolist(), found.b.tolist(), found.gap_frames.tolist(), strict=True)) == slow


def test_a_gap_of_fifteen_frames_is_allowed_and_sixteen_is_not():
    pairs = find_candidate_pairs(table_of([{1, 2}, {17}, {18}, {33}]), 15)
    assert list(zip(pairs.a, pairs.b, strict=True)) == [(0, 1), (1, 2), (2, 3)]


def test_without_tracklets_there_is_nothing_to_merge():
    table = build_frame_ranges(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert table.n_tracklets == 0
    assert len(find_candidate_pairs(table, 15).a) == 0


def test_a_tracklet_with_two_masks_in_one_frame_is_refused():
    with pytest.raises(ValueError, match="tracklet 1 has two masks in frame 7"):
        build_frame_ranges(np.array([0, 1, 1]), np.array([7, 7, 7]))


def test_a_tracklet_without_masks_is_refused():
    with pytest.raises(ValueError, match="tracklet 1 has no masks"):
        build_frame_ranges(np.array([0, 2]), np.array([1, 1]))


@settings(deadline=None, max_examples=100)
@given(st.lists(frame_sets, max_size=8))
def test_pairs_that_share_a_frame_are_all_those_that_do(frames):
    found = find_shared_frame_pairs(table_of(frames))
    expected = [(i, j) for i, j in itertools.combinations(range(len(frames)), 2) if frames[i] & frames[j]]
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == expected
    assert not found.gap_frames.any()


@settings(deadline=None, max_examples=60)
@given(st.lists(frame_sets, max_size=6))
def test_the_end_masks_are_those_of_the_first_and_last_frame_of_each_range(frames):
    ids = np.repeat(np.arange(len(frames)), [len(own) for own in frames])
    every = np.array([frame for own in frames for frame in own], np.int64)
    order = np.random.default_rng(1).permutation(len(ids))
    ids, every = ids[order], every[order]
    table = build_frame_ranges(ids, every)
    first, last = find_end_masks(ids, every)
    assert np.array_equal(every[first], table.first)
    assert np.array_equal(every[last], table.last)
    assert np.array_equal(ids[first], table.tracklet_ids)
    assert np.array_equal(ids[last], table.tracklet_ids)


def test_rows_come_in_the_order_of_time():
    table = table_of([{8, 9}, {1, 2}, {4}])
    pairs = find_candidate_pairs(table, 15)
    assert smaller_sizes(np.array([2, 2, 1]), pairs).tolist() == [2, 1, 1]
    earlier, later = rows_in_time(table, pairs)
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert list(zip(earlier.tolist(), later.tolist(), strict=True)) == [(1, 0), (2, 0), (1, 2)]
