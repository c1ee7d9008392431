"""How much masks of one frame overlap: intersection over union, and over the smaller area."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from remots.masks.rle import Rle, areas, check_same_size


def pairwise_iou(masks_a: Sequence[Rle], masks_b: Sequence[Rle]) -> NDArray[np.float64]:
    """Intersection over union, for every pair of masks.

    Parameters
    ----------
    masks_a, masks_b : sequences of Rle, lengths n_a and n_b
        Masks of one frame, all of one (height, width) in px.

    Returns
    -------
    ndarray of float64, shape (n_a, n_b), unitless, in [0, 1]
        0 for an empty mask.

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes; names both sizes.
    """
    areas_a, areas_b = areas(masks_a), areas(masks_b)
    shared = intersections_px(masks_a, areas_a, masks_b, areas_b)
    return iou_of(shared, areas_a[:, None], areas_b)


def pairwise_iom(masks_a: Sequence[Rle], masks_b: Sequence[Rle]) -> NDArray[np.float64]:
    """Intersection over the smaller area, for every pair of masks.

    A small mask inside a large one has an IoM of 1, where its IoU is almost 0.

    Parameters
    ----------
    masks_a, masks_b : sequences of Rle, lengths n_a and n_b
        Masks of one frame, all of one (height, width) in px.

    Returns
    -------
    ndarray of float64, shape (n_a, n_b), unitless, in [0, 1]
        0 for an empty mask.

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes; names both sizes.

    Notes
    -----
    Source: ReMOTS section 2.1.
    """
    areas_a, areas_b = areas(masks_a), areas(masks_b)
    shared = intersections_px(masks_a, areas_a, masks_b, areas_b)
    return iom_of(shared, areas_a[:, None], areas_b)


def iou_of(shared_px: NDArray[np.int64], areas_a: NDArray[np.int64], areas_b: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU from the sizes of intersections and masks in px, arrays that broadcast; 0 where both masks are empty."""
    ratio: NDArray[np.float64] = shared_px / np.maximum(areas_a + areas_b - shared_px, 1)
    return ratio


def iom_of(shared_px: NDArray[np.int64], areas_a: NDArray[np.int64], areas_b: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoM from the sizes of intersections and masks in px, arrays that broadcast; 0 where a mask is empty."""
    ratio: NDArray[np.float64] = shared_px / np.maximum(np.minimum(areas_a, areas_b), 1)
    return ratio


def intersections_px(
    masks_a: Sequence[Rle], areas_a: NDArray[np.int64], masks_b: Sequence[Rle], areas_b: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the pixels that two masks share, for every pair of masks.

    Parameters
    ----------
    masks_a, masks_b : sequences of Rle, lengths n_a and n_b
        Masks of one frame, all of one (height, width) in px.
    areas_a, areas_b : ndarrays of int64, shapes (n_a,) and (n_b,), in px
        Their areas, from `remots.masks.rle.areas`.

    Returns
    -------
    ndarray of int64, shape (n_a, n_b), in px

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes; names both sizes.

    Notes
    -----
    pycocotools gives the IoU, and leaves out pairs whose boxes do not meet. From IoU = shared / (a + b - shared)
    follows shared = IoU · (a + b) / (1 + IoU), a whole number: rounding makes it exact, which ratios compared with a
    threshold should be.
    """
    if not masks_a or not masks_b:
        return np.zeros((len(masks_a), len(masks_b)), np.int64)
    check_same_size([*masks_a, *masks_b])
    iou: NDArray[np.float64] = coco_mask.iou(list(masks_a), list(masks_b), np.zeros(len(masks_b), np.uint8))
    shared: NDArray[np.int64] = np.rint(iou * (areas_a[:, None] + areas_b) / (1 + iou)).astype(np.int64)
    return shared
