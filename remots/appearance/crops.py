"""Cut masks out of their frames, at the size that the encoder sees."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.masks.rle import Rle, boxes, decode_crop

CROP_CHANNELS = 4  # red, green, blue, mask


def cut_crop(image: NDArray[np.uint8], mask: Rle, crop_height_px: int, crop_width_px: int) -> NDArray[np.uint8]:
    """Cut one mask's bounding box out of its frame and resize it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The frame, RGB.
    mask : Rle
        A mask of that frame; not empty.
    crop_height_px, crop_width_px : int
        Size of the crop; the box is stretched to it.

    Returns
    -------
    ndarray of uint8, shape (crop_height_px, crop_width_px, 4)
        RGB, and the mask as fourth channel: 255 inside, 0 outside.

    Raises
    ------
    ValueError
        If the mask is empty, or of a frame of another size.

    Notes
    -----
    Source: ReMOTS section 2.2 (the appearance encoder works on observations of masks); crop size as in Luo et al. 2019.
    """
    if tuple(mask["size"]) != image.shape[:2]:
        raise ValueError(f"the mask is of a frame of {tuple(mask['size'])} px, the image has {image.shape[:2]} px")
    left, top, width, height = boxes([mask])[0].tolist()
    if width == 0 or height == 0:
        raise ValueError("an empty mask cannot be cut out")
    crop = np.empty((crop_height_px, crop_width_px, CROP_CHANNELS), np.uint8)
    crop[..., :3] = _resize(image[top : top + height, left : left + width], crop_height_px, crop_width_px)
    inside = np.ascontiguousarray(decode_crop(mask, left, top, width, height), np.float32)
    crop[..., 3] = _binary(_resize(inside, crop_height_px, crop_width_px))
    return crop


def cut_crops(
    image: NDArray[np.uint8], masks: Sequence[Rle], crop_height_px: int, crop_width_px: int
) -> NDArray[np.uint8]:
    """Cut all masks of a frame out of it: `cut_crop` for each, shape (n_masks, crop_height_px, crop_width_px, 4)."""
    crops = np.empty((len(masks), crop_height_px, crop_width_px, CROP_CHANNELS), np.uint8)
    for crop, mask in zip(crops, masks, strict=True):
        crop[...] = cut_crop(image, mask, crop_height_px, crop_width_px)
    return crops


def _resize(pixels: NDArray[Any], height_px: int, width_px: int) -> NDArray[Any]:
    """Average along a side that shrinks, so that nothing thin is skipped; interpolate along one that grows."""
    height, width = pixels.shape[:2]
    shrunk = cv2.resize(pixels, (min(width, width_px), min(height, height_px)), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width_px, height_px), interpolation=cv2.INTER_LINEAR)


def _binary(coverage: NDArray[Any]) -> NDArray[np.uint8]:
    """Set to 255 what is at least half covered; a mask too thin for that keeps what it touches."""
    covered = coverage >= 0.5
    if not covered.any():
        covered = coverage > 0
    return covered.astype(np.uint8) * np.uint8(255)
