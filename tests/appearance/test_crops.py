import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.appearance.crops import cut_crop, cut_crops
from remots.masks.rle import encode, encode_crop

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def box_mask(left, top, width, height):
    return encode_crop(np.ones((height, width)), left, top, IMAGE.shape[:2])


def test_a_mask_as_large_as_the_crop_is_cut_out_pixel_by_pixel():
    dense = np.zeros(IMAGE.shape[:2], bool)
    dense[5:25, 7:17] = np.random.default_rng(1).random((20, 10)) < 0.5
    dense[[5, 24], [7, 16]] = True
    crop = cut_crop(IMAGE, encode(dense), 20, 10)
    np.testing.assert_array_equal(crop[..., :3], IMAGE[5:25, 7:17])
    np.testing.assert_array_equal(crop[..., 3], dense[5:25, 7:17] * 255)


def test_a_crop_half_as_large_averages_four_pixels():
    crop = cut_crop(IMAGE, box_mask(4, 2, 20, 32), 16, 10)
    means = IMAGE[2:34, 4:24].reshape(16, 2, 10, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop[..., :3], means, atol=1)


def test_a_pixel_of_the_crop_is_inside_where_at_least_half_of_it_is():
    dense = np.zeros(IMAGE.shape[:2], bool)
    dense[0:32, 0:32] = True
    dense[0:2, 1:4:2] = [[False, True], [False, False]]  # of the first four pixels two are left, of the next four three
    dense[2:4, 0:2] = [[True, False], [False, False]]
    crop = cut_crop(IMAGE, encode(dense), 16, 16)
    assert crop[0, :2, 3].tolist() == [255, 255]
    assert crop[1, 0, 3] == 0


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_the_mask_of_a_crop_is_never_empty_and_holds_two_values(data):
    height, width = data.draw(st.integers(1, 39)), data.draw(st.integers(1, 59))
    top, left = data.draw(st.integers(0, 40 - height)), data.draw(st.integers(0, 60 - width))
    inside = np.zeros((height, width), bool)
    inside[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True  # a single pixel
    inside[[0, -1], [0, -1]] = True
    crop = cut_crop(IMAGE, encode_crop(inside, left, top, IMAGE.shape[:2]), 16, 16)
    assert set(np.unique(crop[..., 3])) <= {0, 255}
    assert crop[..., 3].any()


def test_all_masks_of_a_frame_are_cut_in_their_order():
    masks = [box_mask(0, 0, 5, 9), box_mask(50, 30, 10, 10)]
    crops = cut_crops(IMAGE, masks, 16, 16)
    for crop, mask in zip(crops, masks, strict=True):
        np.testing.assert_array_equal(crop, cut_crop(IMAGE, mask, 16, 16))
    assert cut_crops(IMAGE, [], 16, 8).shape == (0, 16, 8, 4)


def test_an_empty_mask_cannot_be_cut_out():
    with pytest.raises(ValueError, match="an empty mask"):
        cut_crop(IMAGE, encode(np.zeros(IMAGE.shape[:2])), 16, 16)


def test_a_mask_of_another_frame_size_is_refused():
    with pytest.raises(ValueError, match=r"\(10, 10\) px, the image has \(40, 60\)"):
        cut_crop(IMAGE, encode(np.ones((10, 10))), 16, 16)
