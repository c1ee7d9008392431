from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.report.timeline import MAX_COLUMNS, TimelineRow, draw_timeline
from remots.report.tracked_masks import TrackedMasks, choose_masks, choose_tracks
from tests.report.drawn_tracks import draw_tracks


def test_gaps_part_the_runs_and_a_new_short_tracklet_is_a_join():
    masks = draw_tracks("aaa..bb", ".cc.cc.")
    assert draw_timeline(masks, [1, 2], 7) == [
        TimelineRow(1, [(1, 3), (6, 7)], [6], 5, 2),
        TimelineRow(2, [(2, 3), (5, 6)], [], 4, 1),
    ]


def test_only_the_tracks_that_are_asked_for_are_drawn():
    assert [row.track_id for row in draw_timeline(draw_tracks("a", "b", "c"), [1, 3], 1)] == [1, 3]
    assert draw_timeline(draw_tracks(), [], 9) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab.", min_size=30, max_size=30), min_size=1, max_size=4))
def test_runs_of_a_short_video_cover_exactly_the_frames_of_the_track(rows):
    masks = draw_tracks(*rows)
    for row in draw_timeline(masks, choose_tracks(masks, 9), 30):
        covered = [frame for first, last in row.runs for frame in range(first, last + 1)]
        assert covered == masks.frames[masks.of_track(row.track_id)].tolist()
        letters = rows[row.track_id - 1]
        seen = [(frame, letters[frame - 1]) for frame in covered]
        changes = [frame for (_, before), (frame, now) in pairwise(seen) if before != now]
        assert row.joins == changes


def test_a_hundred_thousand_frames_make_no_more_marks_than_a_screen_shows():
    n = 100_000
    frames = np.repeat(np.arange(1, n + 1, 2), 2)
    tracks = np.tile([1, 2], n // 2)
    boxes = np.zeros((len(frames), 4), np.int64)
    masks = TrackedMasks(frames, boxes, frames, np.arange(len(frames)) // 6, tracks)
    for row in draw_timeline(masks, [1, 2], n):
        assert row.n_masks == n // 2
        assert row.n_tracklets > 10_000
        assert len(row.joins) <= MAX_COLUMNS + 1
        assert row.runs == [(1, n - 1)]


def test_gaps_longer_than_a_column_stay_visible_in_a_long_video():
    n = 100_000
    frames = np.concatenate([np.arange(1, 1000), np.arange(1200, 2000), np.arange(2050, n)])
    masks = TrackedMasks(frames, np.zeros((len(frames), 4), np.int64), frames, frames * 0, frames * 0 + 1)
    (row,) = draw_timeline(masks, [1], n)
    assert row.runs == [(1, 999), (1200, n - 1)]  # 200 frames are seen, 50 are not


def test_the_longest_tracks_are_chosen_in_the_order_of_their_ids():
    masks = draw_tracks("aa", "bbbb", "c", "ddd")
    assert choose_tracks(masks, 2) == [2, 4]
    assert choose_tracks(masks, 9) == [1, 2, 3, 4]


def test_masks_without_a_track_make_no_row():
    masks = draw_tracks("aa", "bb")
    lost = masks._replace(track_ids=np.full(4, -1))
    assert choose_tracks(lost, 9) == []


def test_of_each_part_of_the_time_the_largest_mask_is_chosen():
    masks = draw_tracks("aaaaaa")._replace(areas_px=np.array([5, 9, 1, 2, 2, 7]))
    assert choose_masks(masks, np.arange(6), 3) == [1, 3, 5]
    assert choose_masks(masks, np.arange(6), 1) == [1]
    assert choose_masks(masks, np.arange(2), 8) == [0, 1]
    assert choose_masks(masks, np.zeros(0, np.int64), 8) == []
