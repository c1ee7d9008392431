import numpy as np
import pytest
from hypothesis import given, settings

from remots.masks.overlap import pairwise_iom, pairwise_iou
from remots.masks.rle import encode, encode_crop
from tests.masks.drawing import dense_masks, encode_all, slow_iom, slow_iou


def test_two_masks_of_area_two_that_share_one_pixel_have_iom_one_half_and_iou_one_third():
    first, second = encode(np.array([[1, 1, 0]])), encode(np.array([[0, 1, 1]]))
    assert pairwise_iom([first], [second]) == 1 / 2
    assert pairwise_iou([first], [second]) == 1 / 3


def test_a_small_mask_inside_one_of_two_hundred_times_its_area_has_iom_one_and_iou_one_two_hundredth():
    # The slide's areas 0.01 and 2, in units of 100 px.
    large, small = encode_crop(np.ones((10, 20)), 3, 4, (50, 50)), encode_crop(np.ones((1, 1)), 9, 9, (50, 50))
    assert pairwise_iom([small], [large]) == 1
    assert pairwise_iou([small], [large]) == 0.005


@settings(deadline=None, max_examples=100)
@given(dense_masks(0, 6))
def test_overlaps_are_those_counted_pixel_by_pixel(stack):
    half = len(stack) // 2
    for function, slow in ((pairwise_iom, slow_iom), (pairwise_iou, slow_iou)):
        found = function(encode_all(stack[:half]), encode_all(stack[half:]))
        assert found.shape == (half, len(stack) - half)
        assert found.dtype == np.float64
        assert found.tolist() == [[slow(a, b) for b in stack[half:]] for a in stack[:half]]


@settings(deadline=None, max_examples=60)
@given(dense_masks(1, 6))
def test_overlap_is_symmetric_between_zero_and_one_and_iom_is_never_below_iou(stack):
    masks = encode_all(stack)
    iom, iou = pairwise_iom(masks, masks), pairwise_iou(masks, masks)
    for ratio in (iom, iou):
        np.testing.assert_array_equal(ratio, ratio.T)
        assert ((ratio >= 0) & (ratio <= 1)).all()
        np.testing.assert_array_equal(np.diag(ratio), stack.any((1, 2)).astype(float))
    assert (iom >= iou).all()


def test_large_masks_have_exact_overlaps():
    # 2,073,600 px and all but one of them: a ratio that must not be rounded away.
    full = np.ones((1080, 1920), np.bool_)
    almost = full.copy()
    almost[500, 700] = False
    assert pairwise_iou([encode(full)], [encode(almost)]) == 2_073_599 / 2_073_600
    assert pairwise_iom([encode(full)], [encode(almost)]) == 1


def test_an_empty_mask_overlaps_nothing():
    empty, full = encode(np.zeros((3, 3))), encode(np.ones((3, 3)))
    assert pairwise_iom([empty, full], [empty, full]).tolist() == [[0, 0], [0, 1]]
    assert pairwise_iou([empty, full], [empty, full]).tolist() == [[0, 0], [0, 1]]


def test_no_masks_give_an_empty_matrix():
    mask = encode(np.ones((3, 3)))
    assert pairwise_iom([], [mask]).shape == (0, 1)
    assert pairwise_iou([mask, mask], []).shape == (2, 0)
    assert pairwise_iou([], []).shape == (0, 0)


@pytest.mark.parametrize("function", [pairwise_iom, pairwise_iou])
def test_masks_of_different_frames_are_not_compared(function):
    with pytest.raises(ValueError, match="2 x 3 and 4 x 5"):
        function([encode(np.ones((2, 3)))], [encode(np.ones((4, 5)))])


def test_more_than_255_masks_can_be_compared():
    masks = encode_all(np.random.default_rng(1).random((300, 4, 4)) < 0.5)
    assert np.diag(pairwise_iom(masks, masks)).sum() == 300
