"""Detection in the mirrored image too."""

from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from remots.detectors.interface import Instance
from remots.detectors.mirroring import MirroredToo, mirror, mirror_instances
from remots.masks.rle import areas, decode, encode

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9))


class BrightPixels:
    """A real, if simple, detector: all pixels brighter than 100 are one thing, scored by how far left it reaches."""

    def __init__(self) -> None:
        self.n_prepared = 0

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        self.n_prepared += len(list(images))

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: NDArray[np.uint8]) -> list[Instance]:
        bright = image[..., 0] > 100
        if not bright.any():
            return []
        return [Instance(encode(bright), 1 / (1 + int(np.flatnonzero(bright.any(axis=0))[0])), class_id=7)]


@given(masks)
@settings(deadline=None, max_examples=100)
def test_a_mirrored_mask_is_the_mask_of_the_mirrored_frame(mask: NDArray[np.bool_]) -> None:
    [mirrored] = mirror([encode(mask)])
    assert mirrored == encode(mask[:, ::-1])
    assert np.array_equal(decode(mirrored), mask[:, ::-1])


@given(st.lists(masks, max_size=4))
@settings(deadline=None, max_examples=50)
def test_mirroring_twice_gives_the_same_bytes_and_once_the_same_areas(dense: list[NDArray[np.bool_]]) -> None:
    rles = [encode(mask) for mask in dense]
    assert mirror(mirror(rles)) == rles
    assert areas(mirror(rles)).tolist() == areas(rles).tolist()


def test_score_and_class_of_an_instance_stay_when_it_is_mirrored() -> None:
    mask = np.array([[True, False, False]])
    assert mirror_instances([Instance(encode(mask), 0.25, class_id=5)]) == [
        Instance(encode(mask[:, ::-1]), 0.25, class_id=5)
    ]


@given(st.integers(1, 4).flatmap(lambda n: arrays(np.uint8, (n, 5, 6, 3))))
@settings(deadline=None, max_examples=50)
def test_a_detector_sees_image_and_mirror_image_and_both_finds_lie_on_the_same_pixels(
    images: NDArray[np.uint8],
) -> None:
    for image, found in zip(images, MirroredToo(BrightPixels()).detect(list(images)), strict=True):
        bright = image[..., 0] > 100
        columns = np.flatnonzero(bright.any(axis=0))
        if len(columns):
            scores = [1 / (1 + int(columns[0])), 1 / (6 - int(columns[-1]))]
            assert found == [Instance(encode(bright), score, class_id=7) for score in scores]
        else:
            assert found == []


def test_preparation_is_left_to_the_detector() -> None:
    detector = BrightPixels()
    MirroredToo(detector).prepare([np.zeros((2, 2, 3), np.uint8)] * 3)
    assert detector.n_prepared == 3
