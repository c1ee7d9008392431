"""Silhouettes: found, joined, split; the usual height of people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.detectors.silhouettes import (
    Silhouette,
    UsualHeight,
    find_silhouettes,
    join_fragments,
    learn_usual_height,
    split_group,
    split_stack,
)

USUAL = UsualHeight(at_zero=60.0, slope=0.0, smallest=60.0)


def person(picture: np.ndarray, left: int, top: int, height: int = 60) -> None:
    """Draw a head on a body, a third as wide as high."""
    width = height // 3
    picture[top + height // 5 : top + height, left : left + width] = 1
    picture[top : top + height // 5, left + width // 3 : left + 2 * width // 3] = 1


def blank() -> np.ndarray:
    return np.zeros((120, 200), np.uint8)


def test_nothing_moving_gives_no_silhouettes() -> None:
    assert find_silhouettes(blank(), 24) == []


def test_specks_are_dropped_and_a_person_is_cut_out_where_they_are() -> None:
    picture = blank()
    picture[5, 5] = 1
    person(picture, 50, 30)
    (found,) = find_silhouettes(picture, 24)
    assert (found.left, found.top, found.width, found.height, found.bottom) == (50, 30, 20, 60, 90)
    assert np.count_nonzero(found.crop) == pytest.approx(np.count_nonzero(picture), rel=0.05)


def test_a_small_hole_is_filled_and_a_large_one_is_not() -> None:
    picture = blank()
    picture[20:100, 20:120] = 1
    picture[40:50, 30:40] = 0
    picture[30:90, 50:100] = 0
    (found,) = find_silhouettes(picture, 24)
    assert found.crop[25, 15]
    assert not found.crop[40, 50]


def test_a_head_cut_off_is_joined_to_its_body() -> None:
    picture = blank()
    person(picture, 50, 30)
    picture[41:48] = 0
    parts = find_silhouettes(picture, 12)
    assert len(parts) == 2
    (joined,) = join_fragments(parts, USUAL, 24)
    assert (joined.top, joined.height) == (30, 60)
    assert len(join_fragments(parts, None, 12)) == 1  # without a usual height the head alone is noise


def test_two_people_one_above_the_other_are_not_joined() -> None:
    picture = blank()
    person(picture, 50, 2, 52)
    person(picture, 50, 63, 55)
    assert find_silhouettes(picture, 24)[0].top == 2  # closing gaps does not reach for the edge
    assert len(join_fragments(find_silhouettes(picture, 24), USUAL, 24)) == 2


@pytest.mark.parametrize("n_people", [1, 2, 3, 4])
def test_people_side_by_side_are_split_between_their_heads(n_people: int) -> None:
    picture = blank()
    for number in range(n_people):
        person(picture, 20 + 20 * number, 30)
    (group,) = find_silhouettes(picture, 24)
    parts = split_group(group, USUAL, 0.5)
    assert len(parts) == n_people
    assert sum(np.count_nonzero(part.crop) for part in parts) == np.count_nonzero(group.crop)
    for number, part in enumerate(parts):
        assert part.left + part.width / 2 == pytest.approx(30 + 20 * number, abs=7)


def test_somebody_behind_is_cut_off_above_the_one_in_front() -> None:
    picture = blank()
    person(picture, 60, 5)
    person(picture, 60, 50)
    (stack,) = find_silhouettes(picture, 24)
    front, behind = split_stack(stack, USUAL)
    assert (front.top, front.bottom) == (50, 110)
    assert (behind.top, behind.bottom) == (5, 50)
    assert split_stack(stack, None) == [stack]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.floats(0.1, 1.5))
def test_splitting_never_loses_or_doubles_a_pixel(seed: int, max_aspect_ratio: float) -> None:
    rng = np.random.default_rng(seed)
    picture = blank()
    for left, top in rng.integers((0, 0), (170, 55), (6, 2)):
        person(picture, int(left), int(top))
    for whole in find_silhouettes(picture, 12):
        again = np.zeros(picture.shape, int)
        for column in split_group(whole, USUAL, max_aspect_ratio):
            for part in split_stack(column, USUAL):
                again[part.top : part.bottom, part.left : part.left + part.width] += part.crop
        expected = np.zeros(picture.shape, int)
        expected[whole.top : whole.bottom, whole.left : whole.left + whole.width] = whole.crop
        missing = np.count_nonzero(expected) - np.count_nonzero(again)
        assert again.max() <= 1
        assert missing == 0 or not split_group(whole, USUAL, max_aspect_ratio)


def test_the_usual_height_follows_the_row_and_ignores_groups_and_noise() -> None:
    rng = np.random.default_rng(0)
    bottoms = rng.uniform(100, 400, 400)
    heights = 0.3 * bottoms + 5 + rng.normal(0, 2, 400)
    heights[::5] *= rng.uniform(0.4, 1.6, 80)
    widths = np.where(rng.random(400) < 0.2, 1.5, 0.35) * heights
    usual = learn_usual_height(zip(bottoms, heights, widths, strict=True))
    assert usual is not None
    assert usual.at(150) == pytest.approx(50, rel=0.05)
    assert usual.at(390) == pytest.approx(122, rel=0.05)


def test_too_few_people_give_no_usual_height() -> None:
    assert learn_usual_height([]) is None
    assert learn_usual_height([(100.0, 50.0, 20.0)] * 29) is None
    assert learn_usual_height([(100.0, 50.0, 20.0)] * 30) == UsualHeight(50.0, 0.0, 50.0)


def test_silhouettes_in_any_order_are_joined_alike() -> None:
    picture = blank()
    person(picture, 50, 30)
    person(picture, 100, 30)
    picture[41:48] = 0
    parts = find_silhouettes(picture, 12)
    forwards, backwards = (join_fragments(order, USUAL, 24) for order in (parts, parts[::-1]))
    assert [(s.left, s.top, s.width, s.height) for s in forwards] == [
        (s.left, s.top, s.width, s.height) for s in backwards
    ]
    assert all(isinstance(s, Silhouette) for s in forwards)
