"""Thumbnails of people: a crop in its true proportions, what is around the mask faded."""

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT_PX = 88
MIN_WIDTH_PX, MAX_WIDTH_PX = 22, 72
AROUND_OPACITY = 0.35
_GREY = 128.0  # what is around a mask fades to; neither a light nor a dark page makes it stand out


def draw_thumbnail(crop: NDArray[np.uint8], box_width_px: int, box_height_px: int) -> NDArray[np.uint8]:
    """Draw a thumbnail.

    Parameters
    ----------
    crop : ndarray of uint8, shape (crop_height_px, crop_width_px, 4)
        RGB, and the mask as fourth channel: see `remots.appearance.crops.cut_crop`.
    box_width_px, box_height_px : int
        Size of the mask's box in the frame, from which the crop was stretched.

    Returns
    -------
    ndarray of uint8, shape (HEIGHT_PX, width_px, 3)
        RGB; the width is between `MIN_WIDTH_PX` and `MAX_WIDTH_PX`.
    """
    width = int(np.clip(round(HEIGHT_PX * box_width_px / max(1, box_height_px)), MIN_WIDTH_PX, MAX_WIDTH_PX))
    small = cv2.resize(crop, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = small[..., 3:] / 255
    opacity = AROUND_OPACITY + (1 - AROUND_OPACITY) * inside
    return np.asarray(np.rint(small[..., :3] * opacity + _GREY * (1 - opacity)), np.uint8)
