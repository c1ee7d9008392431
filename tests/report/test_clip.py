from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.report.clip import MIN_FPS, N_PIECES, describe_clip, plan_clip


def test_a_short_video_is_shown_whole():
    plan = plan_clip(101, 280, 10, 400)
    assert plan.frames == list(range(101, 281))
    assert (plan.fps, plan.pieces) == (10, [(101, 280)])
    assert describe_clip(plan, 180).startswith("Every frame of 180")


@pytest.mark.parametrize(("fps", "step"), [(5, 1), (10, 1), (19, 1), (25, 2), (30, 3), (60, 6)])
def test_frames_are_left_out_as_long_as_ten_a_second_stay(fps, step):
    plan = plan_clip(1, 100, fps, 400)
    assert plan.step_frames == step
    assert plan.frames == list(range(1, 101, step))
    assert plan.fps == pytest.approx(fps / step)


def test_a_long_video_is_shown_in_pieces_and_the_words_say_so():
    plan = plan_clip(1, 100_000, 25, 400)
    words = describe_clip(plan, 100_000)
    assert len(plan.frames) == 400
    assert plan.pieces[0][0] == 1
    assert plan.pieces[-1][1] >= 99_999 - 1
    assert f"{N_PIECES} pieces" in words
    assert "100,000 frames are too many" in words


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 50), st.integers(1, 5000), st.floats(0.5, 120), st.integers(1, 500))
def test_the_pieces_hold_just_the_frames_within_the_limit(first, n_frames, fps, max_frames):
    last = first + n_frames - 1
    plan = plan_clip(first, last, fps, max_frames)
    assert 1 <= len(plan.frames) <= max_frames
    assert all(one < other for one, other in pairwise(plan.frames))
    assert first == plan.frames[0]
    assert plan.frames[-1] <= last
    assert plan.fps >= min(fps, MIN_FPS)
    of_pieces = [frame for start, end in plan.pieces for frame in range(start, end + 1, plan.step_frames)]
    assert of_pieces == plan.frames
