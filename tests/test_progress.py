"""Progress in a log file: how far, and how long it still takes."""

import logging

import pytest

from remots import progress


def test_a_long_work_writes_a_line_now_and_then_with_the_time_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 4000, 4))  # a clock by which each item takes four seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))
    with caplog.at_level(logging.INFO):
        assert list(progress.track(range(10), "warp plaza")) == list(range(10))
    assert caplog.messages == [
        "warp plaza: 2 of 10, 48 s left",
        "warp plaza: 5 of 10, 24 s left",
        "warp plaza: 8 of 10, 9 s left",
    ]


def test_a_frame_s_number_says_how_far_the_work_is_where_frames_without_masks_are_left_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 4000, 5))  # a clock by which each frame that has masks takes five seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))
    frames = [(101, "a"), (106, "b"), (111, "c"), (116, "d")]  # of 101 to 120
    with caplog.at_level(logging.INFO):
        assert list(progress.track_frames(iter(frames), "fuse plaza", range(101, 121))) == frames
    assert caplog.messages == ["fuse plaza: 5 of 20, 30 s left", "fuse plaza: 15 of 20, 7 s left"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7100, "118 min"),
        (3 * 3600 + 300, "3 h 05 min"),
        (52 * 3600, "2 d 04 h"),
    ],
)
def test_a_time_is_written_as_people_say_it(seconds: float, words: str) -> None:
    assert progress.as_duration(seconds) == words
