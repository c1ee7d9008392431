import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from remots.masks.counts import MalformedCountsError, decode_counts, encode_counts
from remots.masks.rle import (
    areas,
    boxes,
    check_rle,
    check_rles,
    check_same_size,
    complement,
    decode,
    decode_crop,
    decode_runs,
    difference,
    encode,
    encode_crop,
    encode_runs,
)
from tests.masks.drawing import dense_masks, encode_all, slow_runs

one_mask = dense_masks(1, 1, max_side=12).map(lambda stack: stack[0])


@settings(deadline=None, max_examples=150)
@given(one_mask)
def test_a_mask_comes_back_from_its_encoding(mask):
    rle = encode(mask)
    assert rle["size"] == mask.shape
    assert rle["counts"] == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    assert decode(rle).dtype == np.bool_
    np.testing.assert_array_equal(decode(rle), mask)


def test_every_value_but_zero_is_the_object():
    values = np.array([[0, 1, 255], [7, 0, 0]], np.uint8)
    np.testing.assert_array_equal(decode(encode(values)), values > 0)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (0, 4), (4, 0)])
def test_an_array_without_height_and_width_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(height, width\)"):
        encode(np.zeros(shape, np.bool_))


@settings(deadline=None, max_examples=100)
@given(dense_masks(0, 6))
def test_runs_are_those_counted_pixel_by_pixel(stack):
    masks = encode_all(stack)
    runs, n_runs = decode_counts([mask["counts"] for mask in masks])
    expected = [slow_runs(mask) for mask in stack]
    assert runs.tolist() == [run for one in expected for run in one]
    assert n_runs.tolist() == [len(one) for one in expected]
    assert encode_counts(runs, n_runs) == [mask["counts"] for mask in masks]
    for mask, own_runs in zip(masks, expected, strict=True):
        assert decode_runs(mask).tolist() == own_runs
        assert encode_runs(own_runs, mask["size"]) == mask


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 2**29 - 1), min_size=1, max_size=9), st.integers(0, 9))
def test_runs_of_any_length_are_written_as_pycocotools_writes_them(runs, n_small):
    runs = [run % 40 if index < n_small else run for index, run in enumerate(runs)]
    written = encode_counts(np.array(runs), [len(runs)])[0]
    # A frame one pixel wide; pycocotools copies the numbers as they are.
    assert written == coco_mask.frPyObjects({"counts": runs, "size": [1, 1]}, 1, 1)["counts"]
    assert decode_counts([written])[0].tolist() == runs


def test_masks_without_counts_may_stand_among_others():
    runs, n_runs = decode_counts([b"", b"04", b"", b"31", b""])
    assert runs.tolist() == [0, 4, 3, 1]
    assert n_runs.tolist() == [0, 2, 0, 2, 0]


def test_three_hundred_masks_have_areas_and_boxes():
    stack = np.random.default_rng(0).random((300, 7, 9)) < 0.2
    stack[5] = False
    masks = encode_all(stack)
    assert areas(masks).tolist() == stack.sum((1, 2)).tolist()
    for mask, box in zip(stack, boxes(masks).tolist(), strict=True):
        rows, columns = np.nonzero(mask)
        extent = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1] if len(rows) else [0, 0, 0, 0]
        assert box == extent


def test_no_masks_have_no_areas_and_no_boxes():
    assert areas([]).shape == (0,)
    assert boxes([]).shape == (0, 4)
    assert check_rles([]) == []


@settings(deadline=None, max_examples=200)
@given(one_mask, st.data())
def test_a_crop_is_what_a_dense_frame_holds_there(mask, data):
    height, width = mask.shape
    left, top = data.draw(st.integers(0, width)), data.draw(st.integers(0, height))
    box_width, box_height = data.draw(st.integers(0, width - left)), data.draw(st.integers(0, height - top))
    inside = mask[top : top + box_height, left : left + box_width]
    crop = decode_crop(encode(mask), left, top, box_width, box_height)
    assert crop.dtype == np.bool_
    np.testing.assert_array_equal(crop, inside)
    elsewhere_empty = np.zeros_like(mask)
    elsewhere_empty[top : top + box_height, left : left + box_width] = inside
    assert encode_crop(inside.astype(np.uint8) * 255, left, top, mask.shape) == encode(elsewhere_empty)


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, -1, 2, 2), (4, 0, 2, 2), (0, 3, 2, 2), (1, 1, -1, 1)])
def test_a_box_that_leaves_the_frame_is_refused(box):
    left, top, width, height = box
    with pytest.raises(ValueError, match=rf"left {left}, top {top}.* within the frame of 4 x 5"):
        decode_crop(encode(np.ones((4, 5))), *box)
    if width > 0:
        with pytest.raises(ValueError, match=rf"left {left}, top {top}"):
            encode_crop(np.ones((height, width)), left, top, (4, 5))


@settings(deadline=None, max_examples=200)
@given(one_mask)
def test_the_complement_is_the_encoding_of_all_other_pixels(mask):
    assert complement(encode(mask)) == encode(~mask)


def test_the_complement_of_a_large_mask_with_few_runs_is_right():
    for mask in (np.zeros((1080, 1920)), np.ones((1080, 1920)), np.arange(1080)[:, None] * np.ones(1920) > 500):
        assert complement(encode(mask > 0)) == encode(mask == 0)


@settings(deadline=None, max_examples=100)
@given(dense_masks(1, 4))
def test_a_difference_holds_the_pixels_that_no_other_mask_has(stack):
    first, *others = encode_all(stack)
    assert difference(first, *others) == encode(stack[0] & ~stack[1:].any(0))


def test_masks_of_different_frames_are_not_subtracted():
    with pytest.raises(ValueError, match=r"2 x 3 and 4 x 5"):
        difference(encode(np.ones((4, 5))), encode(np.ones((2, 3))))
    check_same_size([])


@settings(deadline=None, max_examples=100)
@given(dense_masks(0, 6))
def test_well_formed_masks_pass_unchanged(stack):
    masks = encode_all(stack)
    assert check_rles(masks) == masks
    as_in_json = [{"size": list(mask["size"]), "counts": mask["counts"].decode()} for mask in masks]
    assert check_rles(as_in_json) == masks


GOOD = encode(np.eye(6))


@pytest.mark.parametrize(
    ("rle", "fault"),
    [
        ({"size": (6, 6), "counts": b""}, "add up to 0 px, but a frame of 6 x 6 has 36"),
        ({"size": (6, 7), "counts": GOOD["counts"]}, "add up to 36 px, but a frame of 6 x 7 has 42"),
        ({"size": (6, 6), "counts": GOOD["counts"][:-1]}, "add up to"),
        ({"size": (6, 6), "counts": b"T"}, "end within a number"),
        ({"size": (6, 6), "counts": b"012T"}, "end within a number"),
        ({"size": (6, 6), "counts": b"01 2"}, "the character ' '"),
        ({"size": (6, 6), "counts": b"01\x002"}, "the character"),
        ({"size": (6, 6), "counts": b"01\xff2"}, "the character"),
        ({"size": (6, 6), "counts": b"01~2"}, "the character '~'"),
        ({"size": (6, 6), "counts": "01é2"}, "the character"),
        ({"size": (6, 6), "counts": b"O2"}, "negative run"),
        ({"size": (6, 6), "counts": b"PPPPPPPPP0"}, "more than 6 characters"),
        ({"size": (6, 6), "counts": b"oooooo0"}, "more than 6 characters"),
        ({"size": (6, 6), "counts": [0, 36]}, "the counts are a list"),
        ({"size": (6, 6), "counts": None}, "the counts are a NoneType"),
        ({"size": (6,), "counts": b"04"}, "has a size"),
        ({"size": 6, "counts": b"04"}, "has a size"),
        ({"counts": b"04"}, "has a size"),
        ({"size": (6, 6)}, "and counts"),
        ([[1, 2, 3, 4]], "has a size"),
        (None, "has a size"),
        ({"size": (0, 6), "counts": b"0"}, "the size 0 x 6"),
        ({"size": (-2, -2), "counts": b"4"}, "the size -2 x -2"),
        ({"size": (2.0, 2), "counts": b"4"}, r"the size 2\.0 x 2"),
        ({"size": (100_000, 100_000), "counts": b"4"}, "the size 100000 x 100000"),
    ],
)
def test_malformed_counts_are_refused_and_the_fault_is_named(rle, fault):
    with pytest.raises(ValueError, match=fault):
        check_rle(rle)
    with pytest.raises(MalformedCountsError, match=f"mask 2: .*{fault}") as caught:
        check_rles([GOOD, GOOD, rle, GOOD])
    assert caught.value.index == 2


@settings(deadline=None, max_examples=400)
@given(
    st.binary(max_size=12) | st.lists(st.integers(44, 115), max_size=12).map(bytes),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_any_bytes_are_refused_or_are_a_mask(counts, height, width):
    try:
        checked = check_rle({"size": (height, width), "counts": counts})
    except ValueError:
        return
    mask = decode(checked)
    assert mask.shape == (height, width)
    assert areas([checked])[0] == mask.sum()
    assert complement(checked)["size"] == (height, width)
    np.testing.assert_array_equal(decode(complement(checked)), ~mask)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_empty_runs_between_others_are_closed(runs):
    n_pixels = sum(runs)
    assume(n_pixels > 0)
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs)[:, None]
    given_counts = encode_counts(np.array(runs), [len(runs)])[0]
    checked = check_rle({"size": (n_pixels, 1), "counts": given_counts})
    assert checked == encode_runs(runs, (n_pixels, 1)) == encode(mask)


@pytest.mark.parametrize("runs", [[-1, 5], [1, 2], [1, 4], [0.5, 3.5], [[4]], []])
def test_runs_that_do_not_fill_the_frame_are_refused(runs):
    with pytest.raises(ValueError, match=r"^(the runs|run lengths)"):
        encode_runs(runs, (2, 2))


@settings(deadline=None, max_examples=50)
@given(arrays.arrays(np.bool_, (40, 30)), st.integers(0, 200), st.integers(0, 300))
def test_a_crop_in_a_large_frame_keeps_its_place(crop, left, top):
    rle = encode_crop(crop, left, top, (1000, 800))
    dense = np.zeros((1000, 800), np.bool_)
    dense[top : top + 40, left : left + 30] = crop
    assert rle == encode(dense)
    np.testing.assert_array_equal(decode_crop(rle, left, top, 30, 40), crop)
