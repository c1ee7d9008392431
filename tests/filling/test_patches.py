"""Patches: carried and blended as whole frames would be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.filling.patches import Patch, blend, carry, cut_out, overlap, reach_of
from remots.masks.rle import decode, encode
from tests.masks.drawing import dense_masks, slow_iou

EMPTY = Patch(0, 0, np.zeros((0, 0), np.uint8))


def whole(patch, size):
    frame = np.zeros(size, np.uint8)
    height, width = patch.cover.shape
    frame[patch.top_px : patch.top_px + height, patch.left_px : patch.left_px + width] = patch.cover
    return frame


def slowly_carried(mask, flow):
    """Bilinear, pixel by pixel; 0 outside."""
    height, width = mask.shape
    padded = np.pad(mask.astype(float), 1)
    out = np.zeros(mask.shape)
    for y in range(height):
        for x in range(width):
            fx, fy = x + flow[y, x, 0] + 1, y + flow[y, x, 1] + 1
            x0, y0 = int(np.floor(fx)), int(np.floor(fy))
            for j, i in ((y0, x0), (y0 + 1, x0), (y0, x0 + 1), (y0 + 1, x0 + 1)):
                if 0 <= j < height + 2 and 0 <= i < width + 2:
                    out[y, x] += padded[j, i] * (1 - abs(fy - j)) * (1 - abs(fx - i))
    return out


@settings(deadline=None, max_examples=60)
@given(dense_masks(n_min=1, n_max=1), st.integers(0, 2**32 - 1))
def test_a_patch_is_carried_as_the_whole_frame_would_be(stack, seed):
    (mask,) = stack
    rng = np.random.default_rng(seed)
    # In steps of a 32nd of a pixel, as OpenCV has them.
    flow = (rng.integers(-96, 97, (*mask.shape, 2)) / 32).astype(np.float16)
    carried = carry(cut_out(encode(mask)), flow, reach_of(flow))
    assert np.abs(whole(carried, mask.shape) / 255 - slowly_carried(mask, flow.astype(float))).max() < 0.01
    if carried.cover.size:  # no empty borders
        assert carried.cover.any(axis=0)[[0, -1]].all()
        assert carried.cover.any(axis=1)[[0, -1]].all()


@settings(deadline=None, max_examples=60)
@given(dense_masks(n_min=2, n_max=2))
def test_patches_overlap_as_their_masks_do(stack):
    first, second = (cut_out(encode(mask)) for mask in stack)
    assert overlap(first, second) == slow_iou(*stack)


@settings(deadline=None, max_examples=60)
@given(dense_masks(n_min=2, n_max=2), st.tuples(st.integers(0, 5), st.integers(1, 5)))
def test_a_blend_lies_between_the_two_and_at_its_ends_is_one_of_them(stack, weights):
    a, b = (cut_out(encode(mask)) for mask in stack)
    size = stack.shape[1:]
    shape = decode(blend(a, b, weights, size))
    assert not np.any(shape & ~(stack[0] | stack[1]))
    assert not np.any(stack[0] & stack[1] & ~shape)
    assert np.array_equal(decode(blend(a, b, (1, 0), size)), stack[0])
    assert np.array_equal(decode(blend(a, b, (0, 1), size)), stack[1])


def test_halfway_between_two_shifted_bars_lies_the_bar_between_them():
    bars = np.zeros((3, 20, 30), bool)
    for bar, left in zip(bars, (4, 6, 8), strict=True):
        bar[2:18, left : left + 12] = True
    between = decode(blend(cut_out(encode(bars[0])), cut_out(encode(bars[2])), (1, 1), (20, 30)))
    assert np.array_equal(between[5:15], bars[1][5:15])  # its corners are rounded
    assert not np.any(between & ~bars[1])


def test_nothing_is_carried_and_blended_to_nothing():
    flow = np.zeros((5, 6, 2), np.float16)
    assert carry(EMPTY, flow, (1, 1)).cover.size == 0
    assert overlap(EMPTY, EMPTY) == 0
    assert not decode(blend(EMPTY, EMPTY, (1, 1), (5, 6))).any()
