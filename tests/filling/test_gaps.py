"""Gaps of tracks: found as by hand, and none too long."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.filling.gaps import Gap, find_gaps, schedule


def test_a_gap_is_what_lies_between_two_masks_of_one_track():
    #  track 1 in frames 1, 2, 5; track 2 in 2, 3; a mask in no track in frame 4
    frames = np.array([1, 2, 2, 3, 4, 5])
    tracks = np.array([1, 1, 2, 2, -1, 1])
    assert find_gaps(tracks, frames, 2) == [Gap(1, 5, 2, 5)]
    assert find_gaps(tracks, frames, 2)[0].n_frames == 2
    assert find_gaps(tracks, frames, 1) == []


def test_without_masks_there_are_no_gaps():
    assert find_gaps(np.zeros(0, np.int64), np.zeros(0, np.int64), 5) == []


def test_a_track_with_two_masks_in_a_frame_is_refused():
    with pytest.raises(ValueError, match="track 3 has two masks in frame 7"):
        find_gaps(np.array([3, 3]), np.array([7, 7]), 1)


MASKS = st.sets(st.tuples(st.integers(1, 12), st.integers(-1, 3)), max_size=30)


def arrays_of(found):
    frames, tracks = np.array(sorted(found), np.int64).reshape(-1, 2).T
    return tracks, frames


@settings(deadline=None, max_examples=100)
@given(MASKS, st.integers(0, 12))
def test_gaps_are_those_that_a_walk_through_each_track_meets(found, max_gap_frames):
    tracks, frames = arrays_of(found)
    expected = []
    for track in set(tracks.tolist()) - {-1}:
        own = [i for i in range(len(tracks)) if tracks[i] == track]
        for a, b in itertools.pairwise(own):
            if 1 <= frames[b] - frames[a] - 1 <= max_gap_frames:
                expected.append(Gap(a, b, frames[a], frames[b]))
    gaps = find_gaps(tracks, frames, max_gap_frames)
    assert gaps == sorted(expected, key=lambda gap: (gap.frame_before, gap.mask_before))


@settings(deadline=None, max_examples=50)
@given(MASKS)
def test_the_schedule_has_exactly_the_steps_that_lead_into_a_gap(found):
    gaps = find_gaps(*arrays_of(found), 12)
    plan = schedule(gaps)
    assert plan.forwards == {f for gap in gaps for f in range(gap.frame_before + 1, gap.frame_after)}
    assert plan.backwards == {f + 1 for f in plan.forwards}
    for by_frame, side in ((plan.opening, "frame_before"), (plan.closing, "frame_after")):
        assert sorted(gap for of_frame in by_frame.values() for gap in of_frame) == sorted(gaps)
        assert all(getattr(gap, side) == frame for frame, of_frame in by_frame.items() for gap in of_frame)
