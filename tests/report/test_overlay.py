import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.masks.rle import Rle, encode
from remots.report.colours import GREY, track_colour
from remots.report.overlay import Trails, draw_overlay, foot_points

HEIGHT, WIDTH = 120, 160


def street() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 40, dtype=np.uint8)


def person(left: int, top: int, width: int = 20, height: int = 50) -> Rle:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[top : top + height, left : left + width] = 1
    return encode(pixels)


def test_a_mask_is_tinted_inside_by_its_colour_and_opacity():
    drawn = draw_overlay(street(), [person(40, 50)], [3], opacity=0.25)
    expected = np.rint(0.75 * 40 + 0.25 * np.array(track_colour(3)))
    assert np.abs(drawn[70:90, 46:54] - expected).max() <= 1


def test_the_contour_has_the_colour_of_the_track():
    drawn = draw_overlay(street(), [person(40, 50)], [3])
    for column in (40, 59):
        assert np.abs(drawn[75, column] - np.array(track_colour(3))).max() < 20


def test_nothing_changes_away_from_people_and_their_labels():
    drawn = draw_overlay(street(), [person(40, 50)], [3])
    untouched = drawn.copy()
    untouched[20:103, 25:75] = 40
    assert np.array_equal(untouched, street())
    assert np.any(drawn[20:48, 25:75] != 40)  # the label over the head


def test_people_in_no_track_get_a_thin_grey_contour_and_no_label():
    drawn = draw_overlay(street(), [person(40, 50)], [-1])
    assert np.all(drawn[52:98, 42:58] == 40)
    assert np.all(drawn[50:100, 40] > 100)
    assert np.all(drawn <= GREY[0])  # nothing but grey, and blends of it
    drawn[48:102, 38:62] = 40
    assert np.array_equal(drawn, street())


def test_holes_of_a_mask_stay_untinted():
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[30:100, 40:90] = 1
    pixels[50:80, 55:75] = 0
    drawn = draw_overlay(street(), [encode(pixels)], [1])
    assert np.all(drawn[58:72, 62:68] == 40)
    assert np.all(drawn[85:92, 60:70] != 40)


def test_the_image_given_is_not_changed():
    image = street()
    draw_overlay(image, [person(40, 50)], [3], {3: np.array([[10.0, 100], [49, 99]])})
    assert np.array_equal(image, street())


def test_a_frame_without_masks_comes_back_as_it_is():
    assert np.array_equal(draw_overlay(street(), [], []), street())


def test_an_empty_mask_is_passed_over():
    empty = encode(np.zeros((HEIGHT, WIDTH), dtype=bool))
    assert np.array_equal(draw_overlay(street(), [empty], [1]), street())


def test_a_large_frame_is_scaled_down_and_masks_with_it():
    drawn = draw_overlay(street(), [person(40, 40, 40, 60)], [3], max_height_px=60)
    assert drawn.shape == (60, 80, 3)
    inside = drawn[28:44, 26:34]
    assert np.abs(inside - np.rint(0.5 * 40 + 0.5 * np.array(track_colour(3)))).max() <= 1
    assert np.all(drawn[:, 60:] == 40)


def test_a_small_frame_is_never_scaled_up():
    assert draw_overlay(street(), [], [], max_height_px=1080).shape == street().shape


def test_a_trail_is_strongest_at_its_new_end():
    trail = np.array([[10.0, 110], [40, 110], [70, 110], [100, 110]])
    drawn = draw_overlay(street(), [], [], {5: trail})
    change = np.abs(drawn[110].astype(int) - 40).sum(axis=1)
    assert 0 < change[25] < change[55] < change[90]
    assert change[130] == 0


@settings(deadline=None, max_examples=30)
@given(
    people=st.lists(
        st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, 60), st.integers(1, 90)),
        max_size=6,
    ),
    max_height_px=st.sampled_from([None, 64, 97, 1080]),
)
def test_people_anywhere_even_cut_off_by_the_border_can_be_drawn(people, max_height_px):
    masks = [person(*box) for box in people]
    ids = list(range(len(masks)))
    trails = Trails(5)
    trails.append(1, ids, masks)
    trails.append(2, ids, masks[::-1])
    drawn = draw_overlay(street(), masks, ids, trails.of_tracks(ids), max_height_px=max_height_px)
    assert drawn.dtype == np.uint8
    assert len(people) == 0 or np.any(drawn != 40)


def test_labels_of_a_crowd_do_not_cover_one_another():
    masks = [person(30 + 12 * i, 60, 10) for i in range(4)]
    drawn = draw_overlay(street(), masks, [101, 102, 103, 104])
    for track_id in (101, 102, 103, 104):
        plate = np.all(drawn[:58] == track_colour(track_id), axis=2)
        assert plate.sum() > 100  # each plate shows most of its own colour


def test_foot_points_are_the_middle_of_the_lower_edge():
    assert foot_points([person(40, 50, 21, 50)]).tolist() == [[50, 99]]
    assert foot_points([]).shape == (0, 2)


def test_trails_keep_the_last_frames_only():
    trails = Trails(3)
    for frame in range(1, 8):
        trails.append(frame, [1, -1], [person(10 * frame, 20), person(100, 20)])
    assert trails.of_tracks([1, 2, -1])[1][:, 0].tolist() == [10 * f + 9.5 for f in (5, 6, 7)]
    assert list(trails.of_tracks([1, 2, -1])) == [1]


def test_a_trail_ends_where_its_track_was_not_seen_for_long():
    trails = Trails(3)
    trails.append(1, [1], [person(10, 20)])
    trails.append(4, [2], [person(50, 20)])
    assert list(trails.of_tracks([1, 2])) == [2]


def test_no_trails_where_their_length_is_zero():
    trails = Trails(0)
    trails.append(1, [1], [person(10, 20)])
    assert trails.of_tracks([1]) == {}


def test_wrong_numbers_and_sizes_are_refused():
    with pytest.raises(ValueError, match="1 masks but 2 track ids"):
        draw_overlay(street(), [person(0, 0)], [1, 2])
    with pytest.raises(ValueError, match="a mask is of 160x120 px, the frame 80x60 px"):
        draw_overlay(np.zeros((60, 80, 3), np.uint8), [person(0, 0)], [1])
