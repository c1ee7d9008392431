"""Frame ranges, where those of two clusters follow each other, and the gaps between them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.frame_ranges import (
    ClusterRows,
    build_frame_ranges,
    find_end_masks,
    find_junctions,
    have_masks_between,
    rows_of_tracklets,
    smallest_gaps,
)
from tests.merging.slow_clustering import slow_gap, table_of

frame_sets = st.sets(st.integers(1, 40), min_size=1, max_size=12)


def frames_of(table, rows):
    return {f for first, last in zip(table.first[rows], table.last[rows], strict=True) for f in range(first, last + 1)}


@settings(deadline=None, max_examples=60)
@given(st.lists(frame_sets, max_size=6))
def test_ranges_hold_the_frames_of_each_tracklet_and_are_as_few_as_can_be(frames):
    table = table_of(frames)
    assert table.n_tracklets == len(frames)
    for tracklet, own in enumerate(frames):
        rows = slice(*table.offsets[tracklet : tracklet + 2])
        assert frames_of(table, rows) == own
        assert np.all(table.first[rows][1:] > table.last[rows][:-1] + 1)
        assert (table.first_frames[tracklet], table.last_frames[tracklet]) == (min(own), max(own))


def test_a_tracklet_with_two_masks_in_one_frame_is_refused():
    with pytest.raises(ValueError, match="tracklet 1 has two masks in frame 7"):
        build_frame_ranges(np.array([0, 1, 1]), np.array([7, 7, 7]))


def test_a_tracklet_without_masks_is_refused():
    with pytest.raises(ValueError, match="tracklet 1 has no masks"):
        build_frame_ranges(np.array([0, 2]), np.array([1, 1]))


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


@settings(deadline=None, max_examples=60)
@given(st.lists(frame_sets, min_size=1, max_size=6), st.lists(st.integers(0, 5), max_size=8))
def test_rows_of_tracklets_come_in_the_order_asked_for(frames, picked):
    picked = np.array([k % len(frames) for k in picked], np.int64)
    table = table_of(frames)
    found = rows_of_tracklets(table, picked)
    parts = [slice(*bounds) for bounds in itertools.pairwise(found.offsets.tolist())]
    assert [frames_of(table, found.rows[part]) for part in parts] == [frames[k] for k in picked]
    assert found.owners.tolist() == [i for i, k in enumerate(picked) for _ in np.flatnonzero(table.tracklet_ids == k)]


def slow_junctions(table, one, other):
    """Pairs of rows that stand next to each other in time and belong to different clusters."""
    listed = sorted((table.first[row], row, side) for side, rows in enumerate((one, other)) for row in rows)
    return {(i, j) for (_, i, a), (_, j, b) in itertools.pairwise(listed) if a != b}


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(frame_sets, frame_sets), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_junctions_and_gaps_are_those_of_each_pair_by_itself(pairs, random):
    """Every pair of a `one` and an `other`, the same `one` more than once, in any order."""
    n = len(pairs)
    table = table_of([frames for pair in pairs for frames in pair])
    of_one = np.array([random.randrange(n) for _ in range(n)], np.int64)
    one, other = rows_of_tracklets(table, 2 * np.arange(n)), rows_of_tracklets(table, 2 * np.arange(n) + 1)
    junctions = find_junctions(table, one, other, of_one)
    gaps = smallest_gaps(table, junctions, n)
    for k in range(n):
        frames, others = pairs[of_one[k]][0], pairs[k][1]
        assert gaps[k] == slow_gap(frames, others)
        if not frames & others:
            found = junctions.pairs == k
            rows = (np.flatnonzero(table.tracklet_ids == tracklet) for tracklet in (2 * of_one[k], 2 * k + 1))
            expected = slow_junctions(table, *rows)
            assert set(zip(junctions.earlier[found].tolist(), junctions.later[found].tolist(), strict=True)) == expected
            assert found.sum() == len(expected)


def test_adjacent_frames_are_one_apart_and_a_shared_frame_none():
    def gap(one, other):
        table = table_of([one, other])
        rows = (rows_of_tracklets(table, np.array([k])) for k in (0, 1))
        return int(smallest_gaps(table, find_junctions(table, *rows, np.zeros(1, np.int64)), 1)[0])

    assert gap({1, 2, 3, 4}, {5, 9}) == 1
    assert gap({1, 2, 3, 4, 5}, {5, 9}) == 0
    assert gap({1, 2, 10, 11, 12}, {4, 5, 6}) == 2


def test_without_pairs_there_are_no_junctions():
    table = table_of([{1}])
    nothing = ClusterRows(np.zeros(0, np.int64), np.zeros(1, np.int64))
    assert len(find_junctions(table, nothing, nothing, np.zeros(0, np.int64)).pairs) == 0


@settings(deadline=None, max_examples=100)
@given(st.lists(frame_sets, min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 10))
def test_a_cluster_has_masks_between_two_frames_where_one_of_its_frames_lies_there(frames, first, length):
    table = table_of([*frames, {1}, {50}])
    every = np.arange(len(frames))
    ranges = np.full(len(frames), first), np.full(len(frames), first + length)
    found = have_masks_between(table, rows_of_tracklets(table, every), every, *ranges)
    assert found.tolist() == [bool(own & set(range(first, first + length + 1))) for own in frames]
