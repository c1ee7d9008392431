"""Pixels that several masks claim, against a loop over pixels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.masks.disjoint import give_shared_pixels
from remots.masks.rle import decode
from tests.masks.drawing import dense_masks, encode_all


def slow(stack, scores):
    """Ask at each pixel who claims it: the highest score, then the smallest mask, then the first."""
    rest = np.zeros_like(stack)
    for row, column in np.ndindex(stack.shape[1:]):
        claims = [n for n in range(len(stack)) if stack[n, row, column]]
        if claims:
            rest[min(claims, key=lambda n: (-scores[n], stack[n].sum(), n)), row, column] = True
    return rest


@given(stack=dense_masks(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_each_pixel_goes_to_the_highest_score_then_to_the_smallest_mask(stack, data):
    scores = data.draw(st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=len(stack), max_size=len(stack)))
    masks, n_shared_px = give_shared_pixels(encode_all(stack), np.array(scores))
    expected = slow(stack, scores)
    assert all(np.array_equal(decode(mask), dense) for mask, dense in zip(masks, expected, strict=True))
    assert n_shared_px == stack.sum() - expected.sum()


def test_disjoint_masks_are_handed_on_as_they_are():
    masks = encode_all(np.eye(3, dtype=bool)[:, None, :])
    assert give_shared_pixels(masks, np.ones(3)) == (masks, 0)


def test_no_masks_stay_none():
    assert give_shared_pixels([], np.zeros(0)) == ([], 0)
