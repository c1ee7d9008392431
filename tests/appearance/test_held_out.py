"""Frames that a training is not shown."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.appearance.held_out import hold_out_frames

many = settings(deadline=None, max_examples=60)


@many
@given(n_frames=st.integers(0, 90), share=st.floats(0, 0.5), seed=st.integers(0, 5))
def test_held_out_frames_are_whole_and_of_the_share_asked_for(n_frames, share, seed):
    frames = np.repeat(np.arange(1, n_frames + 1), 3)
    held_out = hold_out_frames(frames, share, seed)
    assert held_out.shape == frames.shape
    by_frame = held_out.reshape(-1, 3)
    assert (by_frame.all(axis=1) == by_frame.any(axis=1)).all()
    assert abs(by_frame[:, 0].sum() - share * n_frames) <= 3  # each of three blocks is rounded
    np.testing.assert_array_equal(held_out, hold_out_frames(frames, share, seed))


def test_held_out_frames_are_three_blocks_one_in_each_third():
    held_out = hold_out_frames(np.arange(300), 0.1, 0)
    firsts = np.flatnonzero(np.diff(held_out.astype(int), prepend=0) == 1)
    assert held_out.sum() == 30
    assert (firsts // 100).tolist() == [0, 1, 2]
    assert (held_out != hold_out_frames(np.arange(300), 0.1, 1)).any()
