"""What every detector looks like from outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from remots.masks.rle import Rle

PEDESTRIAN = 2  # class id of MOTS text


@dataclass(frozen=True)
class Instance:
    """One thing found in one image: its mask, a score in (0, 1] and its class id as in MOTS text."""

    mask: Rle
    score: float
    class_id: int = PEDESTRIAN


class Detector(Protocol):
    """Finds instances in images, one image at a time."""

    def prepare(self, images: Iterable[np.ndarray]) -> None:
        """Look at the video before anything is detected; called once.

        Parameters
        ----------
        images : iterable of ndarray of uint8, shape (height, width, 3)
            RGB, in the order of the video; a detector that needs none of them does not start the iteration.
        """

    def detect(self, image: np.ndarray) -> list[Instance]:
        """Find what there is in an image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB; the images of a video come in their order.

        Returns
        -------
        list of Instance
            Masks of the size of the image, not empty; they may overlap and repeat.
        """
        ...
