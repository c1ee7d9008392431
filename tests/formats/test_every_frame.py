from hypothesis import given
from hypothesis import strategies as st

from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.sequence import Sequence


@given(found=st.sets(st.integers(1, 30)), first=st.integers(1, 20), n_frames=st.integers(1, 15))
def test_every_frame_gets_what_was_found_in_it_or_nothing(found, first, n_frames):
    sequence = Sequence("street", "frames", "images", 4, 4, 10.0, first, first + n_frames - 1)
    filled = list(fill_frames(((frame, str(frame)) for frame in sorted(found)), sequence, "nothing"))
    frames = range(first, first + n_frames)
    assert filled == [str(frame) if frame in found else "nothing" for frame in frames]
