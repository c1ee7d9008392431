"""The pairs of tracklets that may be merged, and those that share a frame."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.constraints import find_candidate_pairs, find_shared_frame_pairs, rows_in_time, smaller_sizes
from remots.merging.frame_ranges import build_frame_ranges
from tests.merging.slow_clustering import slow_gap, table_of

frame_sets = st.sets(st.integers(1, 40), min_size=1, max_size=12)


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


@settings(deadline=None, max_examples=100)
@given(st.lists(frame_sets, max_size=8))
def test_pairs_that_share_a_frame_are_all_those_that_do(frames):
    found = find_shared_frame_pairs(table_of(frames))
    expected = [(i, j) for i, j in itertools.combinations(range(len(frames)), 2) if frames[i] & frames[j]]
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == expected
    assert not found.gap_frames.any()


def test_rows_come_in_the_order_of_time():
    table = table_of([{8, 9}, {1, 2}, {4}])
    pairs = find_candidate_pairs(table, 15)
    assert smaller_sizes(np.array([2, 2, 1]), pairs).tolist() == [2, 1, 1]
    earlier, later = rows_in_time(table, pairs)
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert list(zip(earlier.tolist(), later.tolist(), strict=True)) == [(1, 0), (2, 0), (1, 2)]
