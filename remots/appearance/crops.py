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
    # Averaging keeps detail when a crop shrinks; it would show as blocks when one grows.
    shrinks = height * width > crop_height_px * crop_width_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    size = (crop_width_px, crop_height_px)
    crop[..., :3] = cv2.resize(image[top : top + height, left : left + width], size, interpolation=method)
    inside = np.ascontiguousarray(decode_crop(mask, left, top, width, height), np.uint8) * 255
    crop[..., 3] = _binary(cv2.resize(inside, size, interpolation=method))
    return crop


def cut_crops(
    image: NDArray[np.uint8], masks: Sequence[Rle], crop_height_px: int, crop_width_px: int
) -> NDArray[np.uint8]:
    """Cut all masks of a frame out of it: `cut_crop` for each, shape (n_masks, crop_height_px, crop_width_px, 4)."""
    crops = np.empty((len(masks), crop_height_px, crop_width_px, CROP_CHANNELS), np.uint8)
    for crop, mask in zip(crops, masks, strict=True):
        crop[...] = cut_crop(image, mask, crop_height_px, crop_width_px)
    return crops


def _binary(resized: NDArray[Any]) -> NDArray[np.uint8]:
    """Set to 255 what is at least half covered; a mask too thin for that keeps what it touches."""
    covered = resized >= 128
    if not covered.any():
        covered = resized > 0
    return covered.astype(np.uint8) * np.uint8(255)
