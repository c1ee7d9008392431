"""Small masks become run-length encodings, to the bit as the frameworks paste them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.detectors.compat import provide_detectron2_ops
from remots.detectors.pasting import encode_frame_masks, paste_box_masks
from remots.masks.rle import decode, encode

provide_detectron2_ops()

paste_masks_in_image = pytest.importorskip("detectron2.layers.mask_ops", reason="needs Detectron2").paste_masks_in_image

SIZE = (37, 53)


def instances(seed: int, n_masks: int, small_px: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Blobs and boxes such as a network gives; some boxes reach the border, some are narrower than a pixel."""
    rng = np.random.default_rng(seed)
    probabilities = torch.from_numpy(rng.beta(0.4, 0.4, (n_masks, small_px, small_px)).astype(np.float32))
    centres = rng.uniform(0, SIZE[::-1], (n_masks, 2))
    sides = np.exp(rng.uniform(np.log(0.3), np.log(80), (n_masks, 2)))
    corners = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    boxes = np.clip(corners, 0, [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]).astype(np.float32)
    return probabilities, torch.from_numpy(boxes)


def paste_one_by_one(probability: np.ndarray, box: np.ndarray, threshold: float) -> np.ndarray:
    """Bilinear, pixel by pixel: where its centre lies on the grid of the small mask, with nothing around that."""
    small = len(probability)
    mask = np.zeros(SIZE, bool)
    for row, column in np.ndindex(SIZE):
        x = (column + 0.5 - box[0]) / (box[2] - box[0]) * small - 0.5
        y = (row + 0.5 - box[1]) / (box[3] - box[1]) * small - 0.5
        value = 0.0
        for i, j in np.ndindex(small, small):
            value += probability[i, j] * max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j))
        mask[row, column] = value >= threshold
    return mask


@given(seed=st.integers(0, 2**32), n_masks=st.integers(1, 8), small_px=st.sampled_from([1, 7, 14, 28]))
@settings(deadline=None, max_examples=60)
def test_masks_are_to_the_bit_those_of_the_framework(seed: int, n_masks: int, small_px: int) -> None:
    probabilities, boxes = instances(seed, n_masks, small_px)
    theirs = paste_masks_in_image(probabilities, boxes, SIZE, 0.5).numpy()
    ours = paste_box_masks(probabilities, boxes, SIZE, 0.5)
    assert ours == [encode(mask) for mask in theirs]
    assert encode_frame_masks(theirs) == encode_frame_masks(torch.from_numpy(theirs), boxes) == ours


def test_masks_are_those_of_a_loop_over_pixels() -> None:
    probabilities, boxes = instances(seed=3, n_masks=4, small_px=5)
    for threshold in (0.3, 0.5):
        ours = paste_box_masks(probabilities, boxes, SIZE, threshold)
        loops = [
            paste_one_by_one(p, b, threshold)
            for p, b in zip(probabilities.double().numpy(), boxes.double().numpy(), strict=True)
        ]
        assert any(mask.any() for mask in loops)
        assert [decode(mask).tolist() for mask in ours] == [mask.tolist() for mask in loops]


def test_boxes_without_area_or_outside_of_the_frame_give_empty_masks() -> None:
    nan, infinite = float("nan"), float("inf")
    boxes = [[5, 5, 5, 9], [5, 9, 9, 9], [9, 9, 5, 5], [-20, -20, -9, -9], [60, 5, 80, 9], [5, 50, 9, 80]]
    boxes += [[nan, 1, 2, 3], [1, 1, infinite, 3], [-infinite, 1, 4, 3], [2, 2, 3, nan]]
    masks = paste_box_masks(torch.ones(len(boxes), 28, 28), torch.tensor(boxes), SIZE, 0.5)
    assert masks == [encode(np.zeros(SIZE, bool))] * len(boxes)


def test_a_box_that_reaches_beyond_the_frame_keeps_what_is_inside() -> None:
    (mask,) = paste_box_masks(torch.ones(1, 28, 28), torch.tensor([[-10.0, -10.0, 20.0, 100.0]]), SIZE, 0.5)
    expected = np.zeros(SIZE, bool)
    expected[:, :20] = True
    assert np.array_equal(decode(mask), expected)


def test_half_precision_is_pasted_in_full() -> None:
    probabilities, boxes = instances(seed=5, n_masks=6, small_px=28)
    half = probabilities.half()
    assert paste_box_masks(half, boxes, SIZE, 0.5) == paste_box_masks(half.float(), boxes, SIZE, 0.5)


def test_no_masks_give_no_masks() -> None:
    assert paste_box_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), SIZE, 0.5) == []
    assert encode_frame_masks(np.zeros((0, *SIZE), bool)) == []
    assert encode_frame_masks(torch.zeros((0, *SIZE), dtype=torch.bool), torch.zeros(0, 4)) == []


def test_as_many_boxes_as_masks_are_asked_for() -> None:
    with pytest.raises(ValueError, match="2 masks for 1 boxes"):
        paste_box_masks(torch.zeros(2, 28, 28), torch.zeros(1, 4), SIZE, 0.5)


@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.0, 0.002, 0.5, 1.0]))
@settings(deadline=None, max_examples=40)
def test_masks_of_whole_frames_are_encoded_as_they_are(seed: int, density: float) -> None:
    masks = np.random.default_rng(seed).random((3, *SIZE)) < density
    expected = [encode(mask) for mask in masks]
    assert encode_frame_masks(masks) == expected
    assert encode_frame_masks(torch.from_numpy(masks)) == expected
