import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remots.report.colours import BLACK, GREY, WHITE, contrast_ratio, readable_on, track_colour


def lab(track_ids: range) -> np.ndarray:
    colours = np.array([[track_colour(i) for i in track_ids]], dtype=np.float32) / 255
    return cv2.cvtColor(colours, cv2.COLOR_RGB2Lab)[0]


@given(st.integers(0, 10**9))
def test_every_id_has_a_colour_on_which_text_is_readable(track_id):
    colour = track_colour(track_id)
    assert all(0 <= channel <= 255 for channel in colour)
    assert contrast_ratio(colour, readable_on(colour)) >= 4.5


def test_colours_of_ids_that_follow_one_another_are_easy_to_tell_apart():
    colours = lab(range(200))
    for gap in range(1, 13):
        assert np.linalg.norm(colours[gap:] - colours[:-gap], axis=1).min() > 15  # 2.3 is just noticeable


def test_the_first_twenty_colours_differ_from_one_another():
    colours = lab(range(20))
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=2) + 1000 * np.eye(20)
    assert distances.min() > 15


def test_a_colour_never_changes():
    assert [track_colour(i) for i in (0, 1, 2)] == [(255, 104, 160), (7, 142, 175), (250, 189, 1)]


def test_people_in_no_track_are_grey():
    assert track_colour(-1) == GREY


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast_ratio(BLACK, WHITE) == pytest.approx(21)
    assert contrast_ratio(WHITE, BLACK) == pytest.approx(21)
    assert contrast_ratio(GREY, GREY) == 1


def test_text_is_black_on_yellow_and_white_on_navy():
    assert readable_on((255, 255, 0)) == BLACK
    assert readable_on((0, 0, 100)) == WHITE
