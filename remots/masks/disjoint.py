"""Give each pixel of a frame to one mask at most."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.masks.overlap import intersections_px
from remots.masks.rle import Rle, areas, difference


def give_shared_pixels(masks: Sequence[Rle], scores: NDArray[np.floating[Any]]) -> tuple[list[Rle], int]:
    """Make masks disjoint: a pixel that several claim goes to the one of highest score, of equal scores the smallest.

    The smaller mask comes first because it would lose the larger share of itself: one inside a large one stays.

    Parameters
    ----------
    masks : sequence of Rle, length n
        Masks of one frame, well-formed, all of one (height, width) in px.
    scores : ndarray of float, shape (n,)
        The higher, the stronger the claim.

    Returns
    -------
    masks : list of Rle, length n
        In the same order; a mask that lost all its pixels is empty.
    n_shared_px : int
        How many pixels were taken from masks: one that k masks claim counts k - 1 times.

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes; names both sizes.
    """
    areas_px = areas(masks)
    shared = intersections_px(masks, areas_px, masks, areas_px) > 0
    rank = np.empty(len(masks), np.int64)
    rank[np.lexsort((np.arange(len(masks)), areas_px, -np.asarray(scores, np.float64)))] = np.arange(len(masks))
    rest = []
    for index, mask in enumerate(masks):
        stronger = np.flatnonzero(shared[index] & (rank < rank[index])).tolist()
        rest.append(difference(mask, *(masks[other] for other in stronger)) if stronger else mask)
    return rest, int(areas_px.sum() - areas(rest).sum())
