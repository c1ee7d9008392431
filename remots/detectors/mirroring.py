"""Test-time flip: detect in the mirrored image too."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from remots.detectors.interface import Detector, Instance
from remots.masks.rle import Rle, boxes, decode_crop, encode_crop


class MirroredToo:
    """Detects in each image and in its mirror image, and gives the instances of both; fusion finds the duplicates.

    Parameters
    ----------
    detector : Detector
        One that looks at each image alone: a learnt background would take the mirror images for frames of the video.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def device(self) -> object:
        """Where the detector computes, for messages."""
        return getattr(self._detector, "device", "this machine")

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Prepare the detector; see `Detector.prepare`."""
        self._detector.prepare(images)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find what there is in images; see `Detector.detect`.

        Returns
        -------
        list of list of Instance
            For each image, what was found in it, then what was found in its mirror image, mirrored back.
        """
        found = self._detector.detect(images)
        # One after the other, not together: the batch stays as large as it was asked for.
        mirrored = self._detector.detect([np.ascontiguousarray(image[:, ::-1]) for image in images])
        return [there + mirror_instances(back) for there, back in zip(found, mirrored, strict=True)]


def mirror_instances(instances: Sequence[Instance]) -> list[Instance]:
    """Swap left and right; scores and classes stay.

    Parameters
    ----------
    instances : sequence of Instance, length n

    Returns
    -------
    list of Instance, length n
    """
    mirrored = mirror([instance.mask for instance in instances])
    return [replace(instance, mask=mask) for instance, mask in zip(instances, mirrored, strict=True)]


def mirror(masks: Sequence[Rle]) -> list[Rle]:
    """Swap left and right, to the pixel; no frame is made dense.

    Parameters
    ----------
    masks : sequence of Rle, length n
        Masks that `check_rle` accepts.

    Returns
    -------
    list of Rle, length n
    """
    return [_mirror(mask, *box) for mask, box in zip(masks, boxes(masks).tolist(), strict=True)]


def _mirror(mask: Rle, left: int, top: int, width: int, height: int) -> Rle:
    crop = decode_crop(mask, left, top, width, height)[:, ::-1]
    return encode_crop(crop, mask["size"][1] - left - width, top, mask["size"])
