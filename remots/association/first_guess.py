"""A first guess of the flow from the masks alone: each came from the mask that lay nearest, of those as large.

Dense flow goes from coarse to fine, and at its coarsest a person is less than a pixel wide. Where one walks further
than their own width from frame to frame, as at three frames a second, nothing on that scale tells where to. The masks
do. The guess need not be right: DIS takes it only for patches that look more alike along it than along its own flow.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

# Centres and the guess are taken on a grid of about so many points, whatever the size of the frame.
_N_POINTS = 60_000

LabelMap = NDArray[np.unsignedinteger[Any]]


def guess_flow(previous_labels: LabelMap, current_labels: LabelMap) -> NDArray[np.float32]:
    """Guess where each mask of the current frame was in the previous one.

    Masks are paired one to one, at the least sum of the distance of their centres, in side lengths of a square as large
    as the smaller mask, plus the logarithm of the ratio of their areas.

    Parameters
    ----------
    previous_labels, current_labels : ndarray of uint8 or uint16, shape (height, width)
        What `remots.association.warping.paint_labels` gives; the numbers of the labels have no meaning here.

    Returns
    -------
    ndarray of float32, shape (height, width, 2), in px
        For each pixel of a mask the way from its centre back to that of its partner; 0 elsewhere, for masks without a
        partner, and for those too small to be seen on the grid.

    Notes
    -----
    Source: not of the paper; docs/decisions/0009-the-flow-knows-the-masks.md has the numbers.
    """
    height_px, width_px = current_labels.shape
    step = max(1, round((height_px * width_px / _N_POINTS) ** 0.5))
    previous, current = previous_labels[::step, ::step], current_labels[::step, ::step]
    areas_before, centres_before = _areas_and_centres(previous)
    areas_after, centres_after = _areas_and_centres(current)
    before, after = _pair(areas_before, centres_before, areas_after, centres_after)
    ways = np.zeros((len(areas_after), 2), np.float32)
    ways[after] = (centres_before[before] - centres_after[after]) * step
    return np.asarray(cv2.resize(ways[current], (width_px, height_px), interpolation=cv2.INTER_NEAREST), np.float32)


def _areas_and_centres(labels: LabelMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give pixels and mean (x, y) of every label, that of the background among them, which counts as empty."""
    flat = labels.ravel()
    areas = np.bincount(flat).astype(np.float64)
    areas[0] = 0
    rows, columns = (index.ravel() for index in np.indices(labels.shape))
    sums = np.column_stack([np.bincount(flat, columns), np.bincount(flat, rows)])
    return areas, sums / np.maximum(areas, 1)[:, None]


def _pair(
    areas_before: NDArray[np.float64],
    centres_before: NDArray[np.float64],
    areas_after: NDArray[np.float64],
    centres_after: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair labels that are there, one to one."""
    before, after = np.flatnonzero(areas_before), np.flatnonzero(areas_after)
    area_before, area_after = areas_before[before, None], areas_after[None, after]
    ways = centres_before[before, None] - centres_after[None, after]
    distances = np.hypot(ways[..., 0], ways[..., 1]) / np.sqrt(np.minimum(area_before, area_after))
    rows, columns = linear_sum_assignment(distances + np.abs(np.log(area_before / area_after)))
    return before[rows], after[columns]
