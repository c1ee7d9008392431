"""People who are hidden may be away for longer than people who are gone."""

import statistics
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.merging.constraints import find_candidate_pairs
from remots.merging.linkage import merge_tracklets
from remots.merging.sight import Bounds, Sight
from tests.merging.slow_clustering import prepare, random_tracklets, slow_merging, table_of

SIZE = (100, 200)  # height and width in px


def random_sight(seed, n_ranges, max_hidden_frames, max_gone_frames):
    rng = np.random.default_rng(seed)

    def bounds():
        boxes = np.column_stack([rng.uniform(0, 190, n_ranges), np.full(n_ranges, 20.0), *np.full((2, n_ranges), 10.0)])
        return Bounds(boxes, np.where(rng.random(n_ranges) < 0.3, np.nan, rng.normal(0, 3, n_ranges)))

    return Sight(bounds(), bounds(), SIZE, max_hidden_frames, max_gone_frames)


def slow_stays(bounds, row, n_frames, unknown_pace):
    left, top, width, height = bounds.boxes_px[row]
    step = bounds.steps_px[row]
    steps = [-unknown_pace * height, unknown_pace * height] if np.isnan(step) else [step]
    places = [left + step * k for step in steps for k in range(n_frames + 1)]
    is_clear = min(places) > height / 4 and max(places) + width < SIZE[1] - height / 4
    return is_clear and top > 0 and top + height < SIZE[0]


def slow_may_follow(ranges, sight, max_gap_frames, earlier, later):
    gap = int(ranges.first[later] - ranges.last[earlier])
    ends, starts = (sight.ends, earlier), (sight.starts, later)
    steps, heights = sight.ends.steps_px, sight.ends.boxes_px[:, 3]
    paces = [abs(step) / height for step, height in zip(steps, heights, strict=True) if not np.isnan(step)]
    nobody_knows = np.isnan(sight.ends.steps_px[earlier]) and np.isnan(sight.starts.steps_px[later])
    pace = statistics.median(paces) / 2 if nobody_knows and paces else 0.0
    if not slow_stays(*ends, 1, pace) and not slow_stays(*starts, 1, pace):
        return gap <= sight.max_gone_frames
    is_hidden = slow_stays(*ends, gap, pace) and slow_stays(*starts, gap, pace)
    return gap <= max_gap_frames or (is_hidden and gap <= sight.max_hidden_frames)


@pytest.mark.parametrize("holes", [False, True])
@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 40), st.integers(0, 40), st.floats(-0.5, 0.9))
def test_merging_is_that_of_the_plain_algorithm(holes, seed, max_gap, max_hidden, max_gone, theta):
    features, frames = random_tracklets(seed, 12, holes, n_frames=80)
    sums, sizes, ranges = prepare(features, frames)
    n_ranges = len(ranges.first)
    sight = random_sight(seed, n_ranges, max_hidden, max_gone)
    allowed = {
        (i, j): slow_may_follow(ranges, sight, max_gap, i, j)
        for i in range(n_ranges)
        for j in range(n_ranges)
        if ranges.first[j] > ranges.last[i]
    }
    clusters, merges = slow_merging(features, frames, theta, None, allowed=allowed)
    track_ids, found = merge_tracklets(sums, sizes, ranges, theta, max_gap, sight=sight)
    assert [(a, b) for a, b, *_ in merges] == list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    together = {frozenset(np.flatnonzero(track_ids == track).tolist()) for track in set(track_ids.tolist())}
    assert together == clusters


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 20))
def test_with_the_paper_s_gap_for_all_the_sight_changes_nothing(seed, max_gap):
    features, frames = random_tracklets(seed, 15, holes=False)
    tracks = []
    for blind in (True, False):
        sums, sizes, ranges = prepare(features, frames)
        sight = None if blind else random_sight(seed, len(ranges.first), 0, max_gap)
        tracks.append(merge_tracklets(sums, sizes, ranges, 0.2, max_gap, sight=sight)[0].tolist())
    assert tracks[0] == tracks[1]


def test_the_hole_in_a_tracklet_is_a_gap_to_who_is_merged_into_it():
    # θ_t is 1: 2 follows 1, 4 the second; from 4 to 7, where the first is seen again, is too long
    sums, sizes, ranges = prepare([np.ones((2, 1)), np.ones((2, 1))], [[1, 7], [2, 4]])
    still = Bounds(np.tile([95.0, 20.0, 10.0, 10.0], (len(ranges.first), 1)), np.zeros(len(ranges.first)))
    merge = partial(merge_tracklets, theta_merge=0.5, max_gap_frames=1)
    assert merge(sums.copy(), sizes, ranges)[0].tolist() == [1, 1]
    assert merge(sums.copy(), sizes, ranges, sight=Sight(still, still, SIZE, 0, 0))[0].tolist() == [1, 2]
    assert merge(sums.copy(), sizes, ranges, sight=Sight(still, still, SIZE, 3, 0))[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("left", "step", "gap", "stays"),
    [
        (95, 0.0, 500, True),  # stands still in the middle
        (95, np.nan, 8, True),  # nobody knows: one height, 10 px, a frame, to the left or to the right
        (95, np.nan, 10, False),
        (2, 0.0, 20, False),  # at the border
        (189, 0.0, 20, False),
        (95, 5.0, 18, True),
        (95, 5.0, 19, False),  # 19 steps of 5 px lead out on the right
        (95, -5.0, 18, True),
        (95, -5.0, 19, False),
    ],
)
def test_a_straight_walk_may_lead_out_of_the_picture(left, step, gap, stays):
    bounds = Bounds(np.array([[left, 20.0, 10.0, 8.0]]), np.array([step]))
    assert bounds.stay_within(np.array([0]), np.array([gap]), SIZE, np.array([1.25])).tolist() == [stays]


@pytest.mark.parametrize(("top", "stays"), [(0, False), (1, True), (79, True), (80, False)])
def test_who_touches_the_upper_or_lower_border_may_be_gone(top, stays):
    bounds = Bounds(np.array([[95.0, top, 10.0, 20.0]]), np.zeros(1))
    assert bounds.stay_within(np.array([0]), np.array([20]), SIZE, np.zeros(1)).tolist() == [stays]


def test_where_both_ends_are_unknown_half_the_usual_pace_either_way_must_stay_within():
    steps = np.array([np.nan, np.nan, 2.0, -4.0, 6.0])  # paces of 0.2, 0.4, 0.6 heights: 2 px a frame is half of usual
    boxes = np.tile([95.0, 20.0, 10.0, 10.0], (5, 1))
    sight = Sight(Bounds(boxes, steps), Bounds(boxes, -steps), SIZE, 1000, 0)
    assert sight.slow_pace == 0.2
    for gap, is_hidden in ((45, True), (46, True), (47, False)):
        ranges = table_of([[1], [1 + gap], [500], [600], [700]])
        assert sight.may_follow(ranges, 1, np.array([0]), np.array([1])).tolist() == [is_hidden]


@pytest.mark.parametrize(
    ("hidden", "gone", "expected"),
    [
        (48, 0, [(0, 2), (1, 2)]),  # the first and the third are hidden in between, for 48 frames
        (47, 0, [(1, 2)]),
        (0, 37, [(1, 2), (1, 3)]),  # the second leaves, and is the fourth, 38 frames later
        (0, 36, [(1, 2)]),
        (0, 15, [(1, 2)]),
    ],
)
def test_the_hidden_and_the_gone_have_limits_of_their_own(hidden, gone, expected):
    ranges = table_of([{1, 2}, {40, 41}, {50, 51}, {78}])
    inside, border = [95.0, 20.0, 10.0, 10.0], [0.0, 20.0, 10.0, 10.0]
    ends = Bounds(np.array([inside, border, inside, inside]), np.zeros(4))
    starts = Bounds(np.array([inside, border, inside, border]), np.zeros(4))
    pairs = find_candidate_pairs(ranges, 15, Sight(ends, starts, SIZE, hidden, gone))
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == expected


def test_who_is_gone_for_longer_than_allowed_is_somebody_new_even_within_the_gap_of_all():
    ranges = table_of([{1, 2}, {6, 7}])
    border = Bounds(np.array([[0.0, 20.0, 10.0, 10.0]] * 2), np.zeros(2))
    for gone, n_pairs in ((3, 0), (4, 1)):
        assert len(find_candidate_pairs(ranges, 15, Sight(border, border, SIZE, 0, gone)).a) == n_pairs
