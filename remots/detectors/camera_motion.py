"""Does the camera stand still? Corners of the background, found again in other frames, tell."""

from typing import NamedTuple

import cv2
import numpy as np

LONGEST_SIDE_PX = 480  # images are looked at in this size
LARGEST_SHIFT = 0.004  # of the longest side; noise and compression move the corners of a still camera by less


class _Reference(NamedTuple):
    image: np.ndarray
    corners: np.ndarray | None


class CameraMotion:
    """Collects how far the background of each image has moved from the first one's."""

    def __init__(self) -> None:
        self._reference: _Reference | None = None
        self._shifts: list[float] = []

    def add(self, image: np.ndarray) -> None:
        """Look at an RGB image of shape (height, width, 3); all of one size."""
        small = _shrink(image)
        if self._reference is None:
            corners = cv2.goodFeaturesToTrack(small, maxCorners=200, qualityLevel=0.02, minDistance=8)
            self._reference = _Reference(small, corners)
        elif self._reference.corners is not None:
            self._shifts.append(_median_shift(self._reference.image, self._reference.corners, small))

    def moves(self) -> bool:
        """Tell whether in a quarter of the images or more the background lies elsewhere than in the first."""
        return bool(self._shifts) and float(np.quantile(self._shifts, 0.75)) > LARGEST_SHIFT


def _shrink(image: np.ndarray) -> np.ndarray:
    grey: np.ndarray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    factor = LONGEST_SIDE_PX / max(grey.shape)
    return grey if factor >= 1 else cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _median_shift(reference: np.ndarray, corners: np.ndarray, image: np.ndarray) -> float:
    """Median way of the corners, relative to the longest side: people are in the way of some, a pan moves all."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(reference, image, corners, corners.copy(), winSize=(21, 21), maxLevel=4)
    is_found = np.asarray(status).ravel() == 1
    if not is_found.any():
        return 1.0
    way = (np.asarray(found) - corners).reshape(-1, 2)[is_found]
    return float(np.median(np.hypot(*way.T)) / max(image.shape))
