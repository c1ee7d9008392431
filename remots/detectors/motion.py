"""People who move in front of a static camera, found without any weights: real masks for any such video."""

import logging
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.detectors.camera_motion import CameraMotion
from remots.detectors.interface import Instance
from remots.detectors.silhouettes import (
    Silhouette,
    UsualHeight,
    find_silhouettes,
    join_fragments,
    learn_usual_height,
    split_group,
    split_stack,
)
from remots.masks.rle import encode_crop

logger = logging.getLogger(__name__)

MOVING = 255  # what OpenCV's subtractor says of a moving pixel; 127 is a shadow
BACKGROUND_SHARE = 0.7  # a colour that a pixel shows in less than the remaining 30% of the frames is no background
FIRST_LEARNT_SHARE = 0.5  # after this share of the preparation the background is good enough to measure people


class MotionDetector:
    """Subtracts a learnt background; moving regions become silhouettes, groups are split.

    Parameters
    ----------
    history_frames : int
        Frames that the background is learnt from, and over ten times which it is slowly renewed.
    variance_threshold : float
        Squared distance to the background, in variances, from which a pixel moves.
    min_height_px : int
        Lower silhouettes are noise.
    max_aspect_ratio : float
        Width over height of one person; wider silhouettes are split between heads.
    blur_px : float
        Standard deviation of the blur against noise, in px; 0 for none.

    Notes
    -----
    The background is a mixture of Gaussians per pixel (OpenCV's MOG2, after Zivkovic 2004), its shadows left out.
    """

    def __init__(
        self,
        history_frames: int = 200,
        variance_threshold: float = 12.0,
        min_height_px: int = 24,
        max_aspect_ratio: float = 0.5,
        blur_px: float = 0.6,
    ) -> None:
        self._rate = 1 / (10 * history_frames)
        self._min_height_px, self._max_aspect_ratio, self._blur_px = min_height_px, max_aspect_ratio, blur_px
        self._background = cv2.createBackgroundSubtractorMOG2(history_frames, variance_threshold, True)
        self._background.setBackgroundRatio(BACKGROUND_SHARE)
        self._usual: UsualHeight | None = None

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Learn the background, and how high people are at each row of the picture.

        Parameters
        ----------
        images : iterable of ndarray of uint8, shape (height, width, 3)
            RGB; frames of the video, best spread evenly over it. All have the same weight.
        """
        boxes: list[tuple[float, float, float]] = []
        camera = CameraMotion()
        for number, image in enumerate(images, start=1):
            camera.add(image)
            moving = self._find_moving(image, 1 / number)
            boxes += [
                (s.bottom, s.height, s.width)
                for s in find_silhouettes(moving, self._min_height_px)
                if s.height >= self._min_height_px and not _touches_edge(s, moving.shape)
            ]
        if camera.moves():
            logger.warning("the camera moves: detector motion needs one that stands still, expect many false masks")
        learnt = boxes[int(FIRST_LEARNT_SHARE * len(boxes)) :]
        self._usual = learn_usual_height(learnt)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find moving people; see `Detector.detect`. Scores are high for solid silhouettes of the usual height."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: NDArray[np.uint8]) -> list[Instance]:
        moving = self._find_moving(image, self._rate)
        wholes = join_fragments(find_silhouettes(moving, self._min_height_px), self._usual, self._min_height_px)
        columns = [part for whole in wholes for part in split_group(whole, self._usual, self._max_aspect_ratio)]
        parts = [part for column in columns for part in split_stack(column, self._usual)]
        size = (image.shape[0], image.shape[1])
        return [
            Instance(encode_crop(part.crop, part.left, part.top, size), self._score(part, size))
            for part in parts
            if part.height >= self._min_height_px
        ]

    def _find_moving(self, image: np.ndarray, rate: float) -> np.ndarray:
        smooth = cv2.GaussianBlur(image, (0, 0), self._blur_px) if self._blur_px > 0 else image
        state = self._background.apply(smooth, learningRate=rate)
        moving: np.ndarray = (state == MOVING).astype(np.uint8)
        return moving

    def _score(self, part: Silhouette, size: tuple[int, int]) -> float:
        """Product of how full the box is, how near the usual height and how slim the silhouette is; in (0, 1]."""
        solidity = min(np.count_nonzero(part.crop) / (0.5 * part.crop.size), 1.0)
        slim = min(1.0, 0.8 * part.height / part.width)
        usual = 1.0
        if self._usual is not None and not _touches_edge(part, size):
            ratio = part.height / self._usual.at(part.bottom)
            usual = min(ratio, 1 / ratio)
        return round(float(np.clip((solidity * slim * usual) ** (1 / 2), 0.01, 1.0)), 4)


def _touches_edge(part: Silhouette, size: tuple[int, ...]) -> bool:
    return part.left == 0 or part.top == 0 or part.left + part.width == size[1] or part.bottom == size[0]
