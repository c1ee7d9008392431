"""MOTS PNG."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.exchange.mots_png import iterate_mots_png, read_mots_png, write_mots_png
from remots.masks.rle import decode, encode
from tests.formats.drawn import HEIGHT, WIDTH, block


def test_masks_read_as_they_were_written(tmp_path):
    masks = [block(1, 1, 4, 5), block(6, 2, 3, 9), block(0, 20, 32, 4)]
    write_mots_png(tmp_path / "1.png", [2003, 1001, 10000], masks, (HEIGHT, WIDTH))
    found = dict(read_mots_png(tmp_path / "1.png"))
    assert list(found) == [1001, 2003, 10000]
    assert [found[2003], found[1001], found[10000]] == masks


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_every_pixel_goes_to_its_object(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    ids = np.array([0, 1001, 1999, 2000, 2001, 2999, 10000])
    labels = ids[rng.integers(0, rng.integers(1, len(ids) + 1), (9, 13))].astype(np.uint16)
    path = tmp_path_factory.mktemp("png") / "1.png"
    cv2.imwrite(str(path), labels)
    found = read_mots_png(path)
    assert [number for number, _ in found] == [number for number in np.unique(labels).tolist() if number]
    for number, mask in found:
        assert mask == encode(labels == number)


def test_images_are_frames_in_natural_order(tmp_path):
    for number in (1, 2, 10):
        write_mots_png(tmp_path / f"{number}.png", [2000 + number], [block(1, 1, 2, 2)], (HEIGHT, WIDTH))
    write_mots_png(tmp_path / "3.png", [], [], (HEIGHT, WIDTH))
    found = list(iterate_mots_png(tmp_path))
    assert [(mask.frame, mask.class_id, mask.object_id, mask.score) for mask in found] == [
        (1, 2, 2001, 1.0),
        (2, 2, 2002, 1.0),
        (4, 2, 2010, 1.0),
    ]


def test_where_masks_overlap_the_later_one_counts(tmp_path):
    write_mots_png(tmp_path / "1.png", [2001, 2002], [block(0, 0, 4, 4), block(2, 0, 4, 4)], (HEIGHT, WIDTH))
    assert [int(decode(mask).sum()) for _, mask in read_mots_png(tmp_path / "1.png")] == [8, 16]


def test_an_id_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="object id 2001000 does not fit"):
        write_mots_png(tmp_path / "1.png", [2001000], [block(0, 0, 1, 1)], (HEIGHT, WIDTH))


@pytest.mark.parametrize(
    "pixels", [np.ones((4, 4), np.uint8), np.ones((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint16)]
)
def test_an_image_that_is_not_grey_with_16_bits_is_refused(tmp_path, pixels):
    cv2.imwrite(str(tmp_path / "1.png"), pixels)
    with pytest.raises(InputError, match=r"1\.png: not a 16-bit grey PNG"):
        list(iterate_mots_png(tmp_path))


@pytest.mark.parametrize("object_id", [7, 999, 3001, 9999, 10001, 65535])
def test_an_unknown_class_is_refused(tmp_path, object_id):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((4, 4), object_id, np.uint16))
    with pytest.raises(InputError, match=rf"1\.png: object {object_id} is of unknown class"):
        list(iterate_mots_png(tmp_path))


@pytest.mark.parametrize("share", [0, 0.5, 0.9])
def test_an_image_that_was_cut_off_is_refused(tmp_path, share):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "1.png"), rng.integers(2000, 2999, (40, 40), np.uint16))
    stored = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(stored[: int(len(stored) * share)])
    with pytest.raises(InputError, match=r"1\.png: cannot be decoded"):
        list(iterate_mots_png(tmp_path))


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="no images in this folder"):
        list(iterate_mots_png(tmp_path))
