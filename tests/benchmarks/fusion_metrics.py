"""How good fused masks are, against masks, boxes or points: mask AP, MODSA, sMODSA; and what errors detectors make."""

import contextlib
import io
from typing import NamedTuple

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise
from remots.masks.overlap import intersections_px, pairwise_iou
from remots.masks.rle import Rle, areas, boxes
from tests.benchmarks.fusion_data import Detections, Frame

MIN_IOU = 0.5
MAX_FOOT_DISTANCE = 0.25  # of a mask's height, from the middle of its lower edge to the point where a person stands
PEDESTRIAN, IGNORED = 2, 10
NO_IDENTITY = 1_000_000  # above the numbers of people


class Quality(NamedTuple):
    """In percent; NaN where the truth cannot tell."""

    ap: float
    modsa: float
    smodsa: float


def measure_quality(frames: list[Frame], results: list[Detections]) -> Quality:
    """Compare the fused masks of each frame with its truth."""
    n_true = n_false = n_found = 0
    overlap = 0.0
    for frame, result in zip(frames, results, strict=True):
        likeness, matched = match(frame, result.masks)
        unmatched = np.delete(np.arange(len(result.masks)), matched[1])
        n_true += len(frame.truth)
        n_found += len(matched[0])
        n_false += int(np.count_nonzero(share_ignored(frame, [result.masks[i] for i in unmatched]) <= 0.5))
        overlap += likeness[matched].sum()
    smodsa = np.nan if _kind(frames) == "points" else 100 * (overlap - n_false) / n_true
    return Quality(average_precision(frames, results), 100 * (n_found - n_false) / n_true, smodsa)


def match(frame: Frame, masks: list[Rle]) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Give the likeness of truth and result (IoU or nearness; 0 where it is too little), and the matched pairs."""
    if _kind([frame]) == "masks":
        likeness = pairwise_iou(frame.truth, masks)
    elif _kind([frame]) == "boxes":
        likeness = _box_iou(frame.truth, boxes(masks))
    else:
        left, top, width, height = boxes(masks).T.astype(float)
        feet = np.stack([left + width / 2, top + height], axis=-1)
        distance = np.linalg.norm(frame.truth[:, None] - feet, axis=-1) / np.maximum(height, 1)
        likeness = np.where(distance <= MAX_FOOT_DISTANCE, 1 - distance, 0)
    likeness = np.where(likeness >= MIN_IOU, likeness, 0)
    rows, columns = linear_sum_assignment(likeness, maximize=True)
    is_match = likeness[rows, columns] > 0
    return likeness, (rows[is_match], columns[is_match])


def share_ignored(frame: Frame, masks: list[Rle]) -> np.ndarray:
    """Which share of each mask (of its box, where the truth is boxes) lies in ignored regions."""
    if not masks or not len(frame.ignored):
        return np.zeros(len(masks))
    if _kind([frame]) == "boxes":
        return np.max(_box_iou(frame.ignored, boxes(masks), over_result=True), axis=0)
    region = [coco_mask.merge(list(frame.ignored))]
    mask_areas = areas(masks)
    return intersections_px(region, areas(region), masks, mask_areas)[0] / np.maximum(mask_areas, 1)


def average_precision(frames: list[Frame], results: list[Detections]) -> float:
    """COCO's AP (IoU 0.50 to 0.95, at most 100 a frame) of masks, or of boxes where the truth is boxes; in percent."""
    kind = _kind(frames)
    if kind == "points" or not any(len(result.masks) for result in results):
        return float("nan") if kind == "points" else 0.0
    truth, found = [], []
    for number, (frame, result) in enumerate(zip(frames, results, strict=True)):
        region = frame.ignored if kind == "boxes" or not frame.ignored else [coco_mask.merge(list(frame.ignored))]
        truth += [_annotation(number, item, 0) for item in frame.truth]
        truth += [_annotation(number, item, 1) for item in region]
        items = boxes(result.masks).astype(float) if kind == "boxes" else result.masks
        found += [
            {**_annotation(number, item, 0), "score": float(score)}
            for item, score in zip(items, result.scores, strict=True)
        ]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        evaluation = COCOeval(_as_coco(frames, truth), _as_coco(frames, found), "bbox" if kind == "boxes" else "segm")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]
    return float(100 * precision[precision > -1].mean())


def check_against_trackeval(frames: list[Frame], results: list[Detections], quality: Quality) -> None:
    """The benchmark's own code must give our MODSA; and, with true identities, an sMOTSA that is our sMODSA."""

    def labelled() -> object:
        for number, (frame, result) in enumerate(zip(frames, results, strict=True), start=1):
            region = [coco_mask.merge(list(frame.ignored))] if frame.ignored else []
            n_true = len(frame.truth)
            truth = LabelledMasks(
                [*frame.identities, NO_IDENTITY][: n_true + len(region)],
                [PEDESTRIAN] * n_true + [IGNORED] * len(region),
                [*frame.truth, *region],
            )
            rows, columns = match(frame, result.masks)[1]
            ids = NO_IDENTITY + 1 + np.arange(len(result.masks))
            ids[columns] = np.array(frame.identities)[rows]
            yield number, truth, LabelledMasks(ids, [PEDESTRIAN] * len(ids), result.masks)

    theirs = summarise(evaluate_sequence(labelled()))
    for name, ours in (("MODSA", quality.modsa), ("sMOTSA", quality.smodsa)):
        if not np.isclose(theirs[name], ours, atol=1e-6):
            raise AssertionError(f"{name}: trackeval has {theirs[name]}, the study {ours}")


ERRORS = ("missed", "repeated", "part", "merged", "false")


def count_errors(frames: list[Frame], detector: int, min_score: float) -> dict[str, float]:
    """What a detector's raw masks are, per 100 true people; only for truth that is masks."""
    counts = dict.fromkeys(ERRORS, 0.0)
    n_true = 0
    for frame in frames:
        masks, scores = frame.found[detector]
        masks = [masks[i] for i in np.flatnonzero(scores >= min_score)]
        n_true += len(frame.truth)
        mask_areas, true_areas = areas(masks), areas(frame.truth)
        shared = intersections_px(frame.truth, true_areas, masks, mask_areas)
        iou = shared / np.maximum(true_areas[:, None] + mask_areas - shared, 1)
        is_whole = (iou >= MIN_IOU).any(0)
        n_hits = np.count_nonzero(iou >= MIN_IOU, axis=1)
        counts["missed"] += np.count_nonzero(n_hits == 0)
        counts["repeated"] += np.maximum(n_hits - 1, 0).sum()
        inside = shared.max(0, initial=0) / np.maximum(mask_areas, 1)
        n_covered = np.count_nonzero(shared > 0.5 * true_areas[:, None], axis=0)
        counts["merged"] += np.count_nonzero(n_covered >= 2)
        counts["part"] += np.count_nonzero(~is_whole & (inside >= 0.7) & (n_covered < 2))
        outside = ~is_whole & (inside < 0.2)
        counts["false"] += np.count_nonzero(share_ignored(frame, [masks[i] for i in np.flatnonzero(outside)]) <= 0.5)
    return {name: 100 * count / n_true for name, count in counts.items()}


def _kind(frames: list[Frame]) -> str:
    if isinstance(frames[0].truth, list):
        return "masks"
    return "boxes" if frames[0].truth.shape[1] == 4 else "points"


def _box_iou(truth: np.ndarray, found: np.ndarray, over_result: bool = False) -> np.ndarray:
    iou = coco_mask.iou(found.astype(float), truth.astype(float), [over_result] * len(truth))
    return np.reshape(iou, (len(found), len(truth))).T


def _annotation(image: int, item: Rle | np.ndarray, is_crowd: int) -> dict[str, object]:
    if isinstance(item, np.ndarray):
        return {"image_id": image, "category_id": 1, "bbox": item.tolist(), "area": 1.0, "iscrowd": is_crowd}
    return {"image_id": image, "category_id": 1, "segmentation": dict(item), "area": 1.0, "iscrowd": is_crowd}


def _as_coco(frames: list[Frame], annotations: list[dict[str, object]]) -> COCO:
    size = next((mask["size"] for frame in frames for one in frame.found for mask in one.masks), (1, 1))
    images = [{"id": number, "height": size[0], "width": size[1]} for number in range(len(frames))]
    coco = COCO()
    coco.dataset = {
        "images": images,
        "categories": [{"id": 1}],
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)],
    }
    coco.createIndex()
    return coco
