"""Other ways to rank masks before fusion, tried in the study of fusion; none of them is part of ReMOTS.

Each takes the pooled masks of a frame (`Pool`), of which specks are gone, and gives the score by which they are ranked.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from remots.masks.overlap import intersections_px, iom_of, iou_of, pairwise_iom, pairwise_iou
from remots.masks.rle import Rle, areas
from tests.benchmarks.fusion_data import Detections, Frame

NESTED_IOM, NESTED_IOU = 0.7, 0.5  # more and less than this: a part lies in a whole
SAME_IOU = 0.6  # from here on two detectors agree


class Pool(NamedTuple):
    """The masks of all detectors in one frame, their scores, and which detector found them."""

    masks: list[Rle]
    scores: np.ndarray
    detectors: np.ndarray


def larger_first(pool: Pool, exponent: float = 0.1) -> np.ndarray:
    """Score times a power of the share of the largest overlapping mask that this mask has."""
    mask_areas = areas(pool.masks).astype(float)
    overlaps = pairwise_iom(pool.masks, pool.masks) > 0.3
    return pool.scores * (mask_areas / np.where(overlaps, mask_areas, 0).max(1)) ** exponent


def parts_below_wholes(pool: Pool, margin: float = 0.1, ask_other_detector: bool = False) -> np.ndarray:
    """A part that beats its whole by at most `margin` comes after it, unless two parts make up most of the whole.

    Such a whole is rather two people in one mask.
    """
    mask_areas = areas(pool.masks)
    shared = intersections_px(pool.masks, mask_areas, pool.masks, mask_areas)
    iom, iou = iom_of(shared, mask_areas[:, None], mask_areas), iou_of(shared, mask_areas[:, None], mask_areas)
    nested = (iom > NESTED_IOM) & (iou <= NESTED_IOU) & (mask_areas[:, None] > mask_areas)
    agreed = ((iou >= SAME_IOU) & (pool.detectors[:, None] != pool.detectors)).any(1)
    ranked = pool.scores.copy()
    for whole in np.argsort(-mask_areas, kind="stable"):
        near = nested[whole] & (np.abs(pool.scores - pool.scores[whole]) <= margin)
        parts = np.flatnonzero(near & (pool.scores >= pool.scores[whole]))
        if (ask_other_detector and not agreed[whole]) or not len(parts):
            continue
        if not _made_of_two(np.flatnonzero(near), shared, iom, mask_areas[whole]):
            ranked[parts] = np.minimum(ranked[parts], ranked[whole] - 1e-4)
    return ranked


def _made_of_two(parts: np.ndarray, shared: np.ndarray, iom: np.ndarray, whole_px: int) -> bool:
    """Do two parts, largely apart, cover more than half of the whole?"""
    own = shared[parts, parts]
    covered = own[:, None] + own - shared[np.ix_(parts, parts)]
    return bool(((iom[np.ix_(parts, parts)] < 0.3) & (covered > 0.5 * whole_px)).any())


def agreed_whole_first(pool: Pool) -> np.ndarray:
    """As `parts_below_wholes`, only where another detector found the whole too."""
    return parts_below_wholes(pool, 0.2, ask_other_detector=True)


def seconded(pool: Pool) -> np.ndarray:
    """The mean of a mask's score and what another detector says of the same mask (score times IoU, or nothing)."""
    iou = pairwise_iou(pool.masks, pool.masks)
    other = (iou >= 0.5) & (pool.detectors[:, None] != pool.detectors)
    return (pool.scores + np.where(other, iou * pool.scores, 0).max(1, initial=0)) / 2


RANKINGS: dict[str, Callable[[Pool], np.ndarray]] = {
    "larger first": larger_first,
    "parts below wholes": parts_below_wholes,
    "agreed wholes first": agreed_whole_first,
    "seconded": seconded,
}


def equal_quantiles(frames: list[Frame]) -> list[Frame]:
    """Replace each detector's scores by those of the pool at the same quantile."""
    own = [np.sort(_all_scores(frames, detector)) for detector in range(2)]
    pooled = np.concatenate(own)

    def calibrate(scores: np.ndarray, detector: int) -> np.ndarray:
        places = sum(np.searchsorted(own[detector], scores, side) for side in ("left", "right")) / 2
        return np.quantile(pooled, places / max(len(own[detector]), 1))

    return _with_scores(frames, calibrate)


def equal_densities(frames: list[Frame]) -> list[Frame]:
    """Give the same score where the detectors have as many detections of at least that score."""
    own = [np.sort(_all_scores(frames, detector))[::-1] for detector in range(2)]
    n_places = max(map(len, own))
    mean = sum(scores[np.minimum(np.arange(n_places), len(scores) - 1)] for scores in own) / 2

    def calibrate(scores: np.ndarray, detector: int) -> np.ndarray:
        n_above = len(own[detector]) - np.searchsorted(own[detector][::-1], scores, side="right")
        return mean[np.minimum(n_above, n_places - 1)]

    return _with_scores(frames, calibrate)


CALIBRATIONS = {"equal quantiles": equal_quantiles, "equal densities": equal_densities}


def _all_scores(frames: list[Frame], detector: int) -> np.ndarray:
    return np.concatenate([frame.found[detector].scores for frame in frames])


def _with_scores(frames: list[Frame], calibrate: Callable[[np.ndarray, int], np.ndarray]) -> list[Frame]:
    return [
        Frame(
            frame.truth,
            tuple(Detections(one.masks, calibrate(one.scores, k)) for k, one in enumerate(frame.found)),
            frame.ignored,
        )
        for frame in frames
    ]
