"""Fuse the masks of all detectors in one frame into one disjoint set (paper 2.1)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.masks.overlap import intersections_px, iom_of, iou_of
from remots.masks.rle import Rle, areas, boxes, check_same_size, complement, intersection

OverlapMetric = Literal["iom", "iou"]

# Boxes are compared in float32; a pair is only ever left out where it is clear of the threshold by more than rounding.
_ROUNDING = 1e-5


class FusedMasks(NamedTuple):
    """The outcome of `fuse_masks`, highest score first.

    Attributes
    ----------
    kept : ndarray of int64, shape (n_kept,)
        Which of the given masks they were.
    masks : list of Rle, length n_kept
        What is left of them: no two share a pixel.
    """

    kept: NDArray[np.int64]
    masks: list[Rle]


def fuse_masks(
    masks: Sequence[Rle],
    scores: NDArray[np.floating[Any]],
    overlap_threshold: float,
    min_area_px: int,
    overlap_metric: OverlapMetric = "iom",
) -> FusedMasks:
    """Drop masks that repeat a mask of higher score, and give every pixel claimed twice to the higher score.

    Parameters
    ----------
    masks : sequence of Rle, length n
        The masks of all detectors in one frame, well-formed (see `remots.masks.rle.check_rles`), in any order.
    scores : ndarray of float, shape (n,)
        The detectors' scores.
    overlap_threshold : float in [0, 1]
        A mask is dropped where its overlap with a kept mask of higher score exceeds this.
    min_area_px : int
        A mask with fewer pixels takes no part; one of which fewer are left in the end is dropped. An empty mask always
        is. 1 is the paper's reading, which knows no specks.
    overlap_metric : {"iom", "iou"}
        What `overlap_threshold` is compared with; the paper's is IoM.

    Returns
    -------
    FusedMasks
        The same for any order of the input: of equal scores the larger mask comes first, then the one whose counts come
        first as bytes.

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes, or a score is missing or not a number.

    Notes
    -----
    Source: ReMOTS section 2.1. No frame is ever made dense. The cost grows with the number of masks whose boxes overlap
    so far that one could suppress the other, not with the number of pixels.
    """
    _check(masks, scores)
    mask_areas = areas(masks)
    ranks = _rank(masks, scores, mask_areas, max(min_area_px, 1))
    ranked = [masks[index] for index in ranks]
    ranked_areas = mask_areas[ranks]
    box_overlaps = _box_overlaps_px(boxes(ranked))
    kept = _suppress(ranked, ranked_areas, box_overlaps, overlap_threshold, overlap_metric)
    rest = _give_to_first([ranked[index] for index in kept], box_overlaps[np.ix_(kept, kept)] > 0)
    large_enough = np.flatnonzero(areas(rest) >= max(min_area_px, 1))
    return FusedMasks(ranks[kept[large_enough]], [rest[index] for index in large_enough])


def _check(masks: Sequence[Rle], scores: NDArray[np.floating[Any]]) -> None:
    if scores.shape != (len(masks),):
        raise ValueError(f"{len(masks)} masks have scores of shape {scores.shape}; each mask has one score")
    if np.isnan(scores).any():
        raise ValueError(f"the score of mask {np.flatnonzero(np.isnan(scores))[0]} is not a number")
    check_same_size(masks)


def _rank(
    masks: Sequence[Rle], scores: NDArray[np.floating[Any]], mask_areas: NDArray[np.int64], min_area_px: int
) -> NDArray[np.int64]:
    """Give the indices of the masks that are large enough, from the highest score to the lowest.

    A smaller mask would be dropped in the end in any case. Until then it could only do harm: under IoM a speck on a
    person, with a higher score, suppresses the person.
    """
    keys = zip((-scores).tolist(), (-mask_areas).tolist(), [mask["counts"] for mask in masks], strict=True)
    order = [index for _, index in sorted(zip(keys, range(len(masks)), strict=True))]
    ranks = np.array(order, np.int64)
    return ranks[mask_areas[ranks] >= min_area_px]


def _box_overlaps_px(mask_boxes: NDArray[np.int32]) -> NDArray[np.float32]:
    """Area that the boxes of two masks share, for every pair, shape (n, n): no two masks share more."""
    left, top, width, height = mask_boxes.T.astype(np.float32)
    shared = _shared_lengths(left, left + width)
    shared *= _shared_lengths(top, top + height)
    return shared


def _shared_lengths(starts: NDArray[np.float32], ends: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.minimum(ends[:, None], ends)
    lengths -= np.maximum(starts[:, None], starts)
    return np.maximum(lengths, 0, out=lengths)


def _suppress(
    masks: list[Rle],
    mask_areas: NDArray[np.int64],
    box_overlaps: NDArray[np.float32],
    threshold: float,
    overlap_metric: OverlapMetric,
) -> NDArray[np.int64]:
    """Keep each mask unless it overlaps too far with a kept one of higher rank; gives the kept ranks, ascending.

    Instead of one mask at a time, a round keeps all those that no mask of higher rank can suppress any more, and drops
    what these suppress. That is the same outcome in a few rounds.
    """
    ratio, bound = _METRICS[overlap_metric]
    reference = bound(mask_areas[:, None], mask_areas)
    higher, lower = np.nonzero(np.triu(box_overlaps > threshold * (1 - _ROUNDING) * reference, 1))
    kept = np.zeros(len(masks), np.bool_)
    open_masks = ~kept
    while open_masks.any():
        sure = open_masks.copy()
        sure[lower] = False
        kept |= sure
        open_masks &= ~sure
        decided = sure[higher]
        overlaps = _overlaps_of_pairs(masks, mask_areas, higher[decided], lower[decided], ratio)
        open_masks[lower[decided][overlaps > threshold]] = False
        remaining = open_masks[higher] & open_masks[lower]
        higher, lower = higher[remaining], lower[remaining]
    return np.flatnonzero(kept)


def _overlaps_of_pairs(
    masks: list[Rle],
    mask_areas: NDArray[np.int64],
    higher: NDArray[np.int64],
    lower: NDArray[np.int64],
    ratio: Callable[..., NDArray[np.float64]],
) -> NDArray[np.float64]:
    """IoM or IoU of the masks higher[i] and lower[i]."""
    rows, row = np.unique(higher, return_inverse=True)
    columns, column = np.unique(lower, return_inverse=True)
    row_masks, column_masks = [masks[index] for index in rows], [masks[index] for index in columns]
    shared = intersections_px(row_masks, mask_areas[rows], column_masks, mask_areas[columns])
    return ratio(shared[row, column], mask_areas[higher], mask_areas[lower])


def _give_to_first(masks: list[Rle], boxes_overlap: NDArray[np.bool_]) -> list[Rle]:
    """Take from each mask what an earlier one claims too."""
    inverted: dict[int, Rle] = {}
    rest = []
    for index, mask in enumerate(masks):
        earlier = np.flatnonzero(boxes_overlap[:index, index]).tolist()
        for other in earlier:
            if other not in inverted:
                inverted[other] = complement(masks[other])
        rest.append(intersection(mask, *(inverted[other] for other in earlier)))
    return rest


# A ratio of two masks, and by what the overlap of their boxes can be divided to give a bound of it.
_METRICS: dict[OverlapMetric, tuple[Callable[..., NDArray[np.float64]], Callable[..., NDArray[Any]]]] = {
    "iom": (iom_of, np.minimum),
    "iou": (iou_of, np.maximum),
}
