"""The first guess of the flow from the masks alone, and what the flow makes of it."""

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.association.first_guess import guess_flow
from remots.association.flow import METHODS, dense_flow
from remots.association.warping import iterate_warped_iou, warped_iou
from remots.masks.rle import encode

SIZE = (200, 300)
DIS = [method for method in METHODS if method.startswith("dis")]


def labels_of(*boxes, size=SIZE):
    """A label map of boxes (left, top, width, height)."""
    labels = np.zeros(size, np.uint8)
    for number, (left, top, width, height) in enumerate(boxes, start=1):
        labels[top : top + height, left : left + width] = number
    return labels


def test_a_mask_is_guessed_to_come_from_where_it_was():
    guess = guess_flow(labels_of((40, 60, 20, 50)), labels_of((110, 70, 20, 50)))
    assert guess.shape == (*SIZE, 2)
    assert guess.dtype == np.float32
    assert guess[75:115, 115:125] == pytest.approx(np.broadcast_to((-70, -10), (40, 10, 2)))
    assert not guess[:, :100].any()


def test_two_masks_that_come_close_are_told_apart_by_their_sizes():
    previous = labels_of((50, 50, 40, 90), (120, 80, 16, 30))
    current = labels_of((100, 50, 40, 90), (60, 80, 16, 30))
    guess = guess_flow(previous, current)
    assert guess[95, 120] == pytest.approx((-50, 0), abs=1)
    assert guess[95, 68] == pytest.approx((60, 0), abs=1)


def test_the_numbers_of_the_labels_do_not_matter():
    boxes = [(50, 50, 40, 90), (120, 80, 16, 30), (200, 20, 24, 60)]
    moved = [(left + 15, top + 4, width, height) for left, top, width, height in boxes]
    guess = guess_flow(labels_of(*boxes), labels_of(*moved))
    assert np.array_equal(guess, guess_flow(labels_of(*boxes[::-1]), labels_of(*moved)))
    assert np.array_equal(guess, guess_flow(labels_of(*boxes), labels_of(*moved[::-1])))


def test_a_mask_without_a_partner_and_the_street_stay_where_they_are():
    assert not guess_flow(labels_of(), labels_of((40, 60, 20, 50))).any()
    assert not guess_flow(labels_of((40, 60, 20, 50)), labels_of()).any()
    assert not guess_flow(labels_of(), labels_of()).any()


def places(labels):
    """Area and centre (x, y) of each label, pixel by pixel."""
    rows = {int(label): np.argwhere(labels == label)[:, ::-1] for label in np.unique(labels[labels > 0])}
    return {label: (len(points), points.mean(0)) for label, points in rows.items()}


def slow_guess(previous, current):
    """Try every pairing."""
    before, after = places(previous), places(current)
    fewer, more = sorted((before, after), key=len)
    best = min(
        (list(zip(fewer, chosen, strict=True)) for chosen in itertools.permutations(more, len(fewer))),
        key=lambda pairs: sum(difference(fewer[a], more[b]) for a, b in pairs),
    )
    guess = np.zeros((*current.shape, 2))
    for one, other in best:
        old, new = (one, other) if fewer is before else (other, one)
        guess[current == new] = before[old][1] - after[new][1]
    return guess


def difference(one, other):
    (area_a, centre_a), (area_b, centre_b) = one, other
    return np.linalg.norm(centre_a - centre_b) / math.sqrt(min(area_a, area_b)) + abs(math.log(area_a / area_b))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 4))
def test_masks_are_paired_at_the_least_sum_of_differences(seed, n_before, n_after):
    rng = np.random.default_rng(seed)
    previous, current = (rng.integers(0, n + 1, (7, 9), np.uint8) for n in (n_before, n_after))
    assert guess_flow(previous, current) == pytest.approx(slow_guess(previous, current), abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (480, 640), (1080, 1920)])
def test_a_frame_of_any_size_has_one_way_a_mask(size):
    labels = cv2.resize(np.arange(25, dtype=np.uint8).reshape(5, 5), size[::-1], interpolation=cv2.INTER_NEAREST)
    guess = guess_flow(labels, labels[::-1].copy())
    assert guess.shape == (*size, 2)
    assert np.isfinite(guess).all()
    step = max(1, round((labels.size / 60_000) ** 0.5))
    for label in np.unique(labels)[1:]:
        ways = guess[::step, ::step][labels[::-1][::step, ::step] == label]
        assert len(np.unique(ways, axis=0)) <= 1


def walker(left):
    """A textured person on a textured street, as grey image and label map; the street stands still."""
    rng = np.random.default_rng(8)
    street, person = (
        cv2.normalize(cv2.GaussianBlur(rng.normal(size=size), (0, 0), 2), None, low, high, cv2.NORM_MINMAX)
        for size, low, high in ((SIZE, 60, 130), ((60, 14), 20, 250))
    )
    image = street.astype(np.uint8)
    image[70:130, left : left + 14] = person
    return image, labels_of((left, 70, 14, 60))


@pytest.mark.parametrize("method", DIS)
def test_with_the_guess_someone_is_found_again_who_walked_six_times_their_width(method):
    (before, labels_before), (after, labels_after) = walker(20), walker(104)
    found = {}
    for name, guess in (("masks", guess_flow(labels_before, labels_after)), ("none", None)):
        pairs = warped_iou(labels_before, labels_after, dense_flow(before, after, method, guess), 1, 1)
        found[name] = pairs.iou.max(initial=0)
    assert found["masks"] > 0.35
    assert found["none"] < 0.2


@pytest.mark.parametrize("method", DIS)
def test_a_wrong_guess_is_not_taken(method):
    """Nobody moves, but the only mask of each frame is somebody else's."""
    image, labels = walker(20)
    elsewhere = labels_of((200, 70, 14, 60))
    flow = dense_flow(image, image, method, guess_flow(elsewhere, labels))
    assert np.abs(flow).max() < 1


def test_farneback_starts_from_the_guess():
    (before, labels_before), (after, labels_after) = walker(20), walker(40)
    with_guess = dense_flow(before, after, "farneback", guess_flow(labels_before, labels_after))
    without = dense_flow(before, after, "farneback")
    there = labels_after == 1
    error, error_without = (np.abs(flow[there] - (-20, 0)).mean() for flow in (with_guess, without))
    assert error < 0.75 * error_without


def test_the_guess_is_left_as_it_was():
    image, labels = walker(20)
    for method in METHODS:
        guess = guess_flow(labels_of((60, 70, 14, 60)), labels)
        kept = guess.copy()
        dense_flow(image, walker(26)[0], method, guess)
        assert np.array_equal(guess, kept)


def test_a_guess_of_another_size_is_refused():
    image, _ = walker(20)
    with pytest.raises(ValueError, match=r"first guess of \(3, 3, 2\) for the flow of frames of \(200, 300\)"):
        dense_flow(image, image, "dis_fine", np.zeros((3, 3, 2), np.float32))


def test_small_frames_take_a_guess_too():
    image, labels = walker(20)
    small, own = image[90:110, 10:60], labels[90:110, 10:60]
    for method in METHODS:
        assert dense_flow(small, small, method, guess_flow(own, own)).shape == (20, 50, 2)


def test_a_video_is_warped_with_the_guess_or_without():
    frames = [
        (number, np.repeat(image[..., None], 3, axis=2), [encode(labels == 1)])
        for number, (image, labels) in enumerate((walker(20), walker(104)), start=1)
    ]
    (with_guess,) = iterate_warped_iou(frames)
    (without,) = iterate_warped_iou(frames, first_guess="none")
    assert with_guess.iou.max(initial=0) > 0.5 > without.iou.max(initial=0)
