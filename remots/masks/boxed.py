"""Masks for boxes: from a detector where one overlaps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

from remots.masks.rle import Rle, areas, boxes

NO_MASK = -1


def are_boxes(masks: Sequence[Rle]) -> NDArray[np.bool_]:
    """Tell which masks fill the box around them, and so say no more than a box, shape (n_masks,)."""
    sides = boxes(masks).astype(np.int64)
    return np.asarray(areas(masks) == sides[:, 2] * sides[:, 3])


def match_boxes(
    boxes_px: NDArray[np.integer[Any]], mask_boxes_px: NDArray[np.integer[Any]], min_iou: float
) -> NDArray[np.int64]:
    """Choose a mask for each box, by the overlap of the boxes.

    Parameters
    ----------
    boxes_px : ndarray of int, shape (n_boxes, 4)
        Left, top, width and height.
    mask_boxes_px : ndarray of int, shape (n_masks, 4)
        Those around the masks of the same frame, of any number of detectors.
    min_iou : float in [0, 1]
        Boxes that overlap less never go together.

    Returns
    -------
    ndarray of int64, shape (n_boxes,)
        Which mask each box takes, -1 for none; no mask is taken twice. The sum of all IoU is the greatest there is.
    """
    found = np.full(len(boxes_px), NO_MASK, np.int64)
    if len(boxes_px) and len(mask_boxes_px):
        sides = [np.ascontiguousarray(each, np.float64) for each in (boxes_px, mask_boxes_px)]
        ious = coco_mask.iou(*sides, np.zeros(len(mask_boxes_px), np.uint8))
        ious = np.where(ious >= max(min_iou, np.finfo(float).tiny), ious, 0.0)
        rows, columns = linear_sum_assignment(ious, maximize=True)
        taken = ious[rows, columns] > 0
        found[rows[taken]] = columns[taken]
    return found
