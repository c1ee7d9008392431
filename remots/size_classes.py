"""Classes of sizes: what a few masks show varies more than what many show, so each class is judged by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Things are of one class from so many masks on; of two tracklets, or of the two sides of a link, the smaller counts.
SIZE_CLASSES = (1, 2, 4, 8)


def classify(sizes: NDArray[Any], classes: Sequence[int]) -> NDArray[np.int64]:
    """Give the class of each size, from 0."""
    return np.maximum(np.searchsorted(classes, sizes, side="right") - 1, 0)


def join_classes(sizes: NDArray[Any], other_sizes: NDArray[Any], min_count: int) -> tuple[int, ...]:
    """Put classes of sizes together until each has enough of both populations.

    Parameters
    ----------
    sizes, other_sizes : ndarray of int
        Two populations; the same twice where there is one.
    min_count : int

    Returns
    -------
    tuple of int, ascending
        Smallest size of each class; the first is 1. There is always one class.
    """
    classes = list(SIZE_CLASSES)
    while len(classes) > 1:
        counts = [np.bincount(classify(each, classes), minlength=len(classes)) for each in (sizes, other_sizes)]
        short = np.flatnonzero(np.minimum(*counts) < min_count)
        if not len(short):
            break
        classes.pop(max(int(short[-1]), 1))  # joins the class below; the first joins the second
    return tuple(classes)
