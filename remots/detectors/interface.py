"""What every detector looks like from outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from remots.masks.rle import Rle

PEDESTRIAN = 2  # class id of MOTS text


@dataclass(frozen=True)
class Instance:
    """One thing found in one image: its mask, a score in (0, 1] and its class id as in MOTS text."""

    mask: Rle
    score: float
    class_id: int = PEDESTRIAN


class Detector(Protocol):
    """Finds instances in images."""

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Look at the video before anything is detected; called once.

        Parameters
        ----------
        images : iterable of ndarray of uint8, shape (height, width, 3)
            RGB, in the order of the video; a detector that needs none of them does not start the iteration.
        """

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find what there is in images.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB, of one size; the images of a video come in their order.

        Returns
        -------
        list of list of Instance
            For each image, masks of its size, not empty; they may overlap and repeat.
        """
        ...
