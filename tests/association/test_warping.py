"""Label maps, their warping, and the IoU of warped masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from remots.association import warping
from remots.association.warping import iterate_warped_iou, paint_labels, warp_labels, warped_iou
from remots.masks.rle import encode


def masks_of(labels, n_masks):
    return [encode(labels == number) for number in range(1, n_masks + 1)]


@st.composite
def scenes(draw):
    """Two label maps of one size, with up to 5 masks, and a flow of whole pixels; masks may be empty."""
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    n_previous, n_current = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    previous = draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, n_previous)))
    current = draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, n_current)))
    flow = draw(arrays.arrays(np.int8, (*shape, 2), elements=st.integers(-4, 4)))
    return previous, current, flow.astype(np.float32), n_previous, n_current


def slow_warp(labels, flow):
    warped = np.zeros_like(labels)
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            source_x, source_y = x + round(float(flow[y, x, 0])), y + round(float(flow[y, x, 1]))
            if 0 <= source_x < width and 0 <= source_y < height:
                warped[y, x] = labels[source_y, source_x]
    return warped


def slow_iou(warped, current, n_previous, n_current):
    found = {}
    for i in range(n_previous):
        for j in range(n_current):
            a, b = warped == i + 1, current == j + 1
            if (a & b).any():
                found[i, j] = (a & b).sum() / (a | b).sum()
    return found


@settings(deadline=None, max_examples=150)
@given(scenes())
def test_painting_undoes_encoding(scene):
    labels, _, _, n_masks, _ = scene
    painted = paint_labels(masks_of(labels, n_masks), labels.shape)
    assert painted.dtype == np.uint8
    assert painted.flags.c_contiguous
    assert np.array_equal(painted, labels)


@settings(deadline=None, max_examples=150)
@given(scenes())
def test_warped_iou_is_that_of_the_dense_masks(scene):
    previous, current, flow, n_previous, n_current = scene
    warped = slow_warp(previous, flow)
    assert np.array_equal(warp_labels(previous, flow), warped)
    pairs = warped_iou(previous, current, flow, n_previous, n_current)
    found = dict(zip(zip(pairs.previous.tolist(), pairs.current.tolist(), strict=True), pairs.iou, strict=True))
    assert found == pytest.approx(slow_iou(warped, current, n_previous, n_current))


def test_a_flow_between_pixels_takes_the_nearest():
    labels = np.array([[1, 2, 3]], np.uint8)
    flow = np.array([[[1.4, 0], [0.6, 0.4], [-0.6, -0.4]]], np.float32)
    assert warp_labels(labels, flow).tolist() == [[2, 3, 2]]


def test_what_comes_from_outside_of_the_frame_is_background():
    labels = np.full((3, 4), 7, np.uint8)
    warped = warp_labels(labels, np.full((3, 4, 2), (2, 1), np.float32))
    assert warped.tolist() == [[7, 7, 0, 0], [7, 7, 0, 0], [0, 0, 0, 0]]


def test_a_mask_that_moves_with_the_flow_has_iou_one():
    previous, current = np.zeros((2, 30, 40), np.uint8)
    previous[5:15, 4:10] = 1
    current[8:18, 11:17] = 1
    flow = np.full((30, 40, 2), (-7, -3), np.float32)
    pairs = warped_iou(previous, current, flow, 1, 1)
    assert (pairs.previous, pairs.current, pairs.iou) == ([0], [0], [1.0])


def test_the_union_counts_the_warped_mask_and_not_the_one_before():
    previous, current = np.zeros((2, 4, 8), np.uint8)
    previous[:, 4:] = 1  # 16 px, of which 8 leave the frame
    current[:, 6:] = 1
    pairs = warped_iou(previous, current, np.full((4, 8, 2), (-2, 0), np.float32), 1, 1)
    assert pairs.iou == [1.0]


def test_more_than_255_masks_are_told_apart():
    labels = np.arange(1, 401, dtype=np.uint16).reshape(20, 20)
    painted = paint_labels(masks_of(labels, 400), (20, 20))
    assert painted.dtype == np.uint16
    assert np.array_equal(painted, labels)
    pairs = warped_iou(painted, painted, np.zeros((20, 20, 2), np.float32), 400, 400)
    assert np.array_equal(pairs.previous, np.arange(400))
    assert np.array_equal(pairs.current, np.arange(400))
    assert np.all(pairs.iou == 1)


def test_overlapping_masks_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        paint_labels([encode(np.ones((3, 3))), encode(np.eye(3))], (3, 3))


def test_a_mask_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(ValueError, match="a mask of 4x3 px in a frame of 5x3 px"):
        paint_labels([encode(np.ones((3, 4)))], (3, 5))


def test_label_maps_and_flow_of_different_sizes_are_refused():
    labels = np.zeros((3, 4), np.uint8)
    with pytest.raises(ValueError, match="flow"):
        warped_iou(labels, labels, np.zeros((4, 3, 2), np.float32), 0, 0)


def picture(shift):
    """A texture that moves to the right, with a square on it that moves along."""
    noise = np.random.default_rng(3).integers(0, 256, (64, 128), np.uint8)
    large = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    labels = np.zeros((64, 96), np.uint8)
    labels[20:44, 10 + shift : 34 + shift] = 1
    labels[20:44, 50 + shift : 74 + shift] = 2
    image = np.repeat(large[:, 24 - shift : 120 - shift, None], 3, axis=2)
    return np.ascontiguousarray(image), masks_of(labels, 2)


def test_masks_that_move_with_the_picture_are_found_again_by_the_real_flow():
    frames = [(frame, *picture(4 * (frame - 5))) for frame in (5, 6, 7)]
    first, second = iterate_warped_iou(frames)
    assert (first.previous.tolist(), first.current.tolist()) == ([0, 1], [2, 3])
    assert (second.previous.tolist(), second.current.tolist()) == ([2, 3], [4, 5])
    assert min(*first.iou, *second.iou) > 0.9


def test_only_adjacent_frames_are_compared():
    frames = [(frame, *picture(0)) for frame in (1, 2, 4, 5)]
    pairs = list(iterate_warped_iou(frames))
    assert [(found.previous.tolist(), found.current.tolist()) for found in pairs] == [
        ([0, 1], [2, 3]),
        ([4, 5], [6, 7]),
    ]


def test_without_masks_on_both_sides_no_flow_is_computed(monkeypatch):
    calls = []
    monkeypatch.setattr(warping, "dense_flow", lambda *words: calls.append(words))
    image, masks = picture(0)
    assert list(iterate_warped_iou([(1, image, masks), (2, image, []), (3, image, masks), (5, image, masks)])) == []
    assert calls == []


def test_no_frames_and_one_frame_give_no_pairs():
    assert list(iterate_warped_iou([])) == []
    assert list(iterate_warped_iou([(1, *picture(0))])) == []


def test_a_fault_in_the_masks_names_the_frame():
    image, masks = picture(0)
    with pytest.raises(ValueError, match="frame 8: masks of one frame overlap"):
        list(iterate_warped_iou([(7, image, masks), (8, image, [masks[0], masks[0]])]))
