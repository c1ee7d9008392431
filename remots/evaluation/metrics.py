"""The metrics of the paper's tables 1 and 2, and HOTA, computed by the benchmark's own code (trackeval)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from pycocotools import mask as coco
from trackeval.datasets import MOTSChallenge
from trackeval.metrics import CLEAR, HOTA, Identity

from remots.masks.overlap import pairwise_iou
from remots.masks.rle import Rle, areas, check_same_size

IGNORE_CLASS_ID = 10
MIN_IOU = 0.5  # from here on a result mask and a true mask are the same object (Voigtlaender et al. 2019)

# One sequence's counts and sums per metric family, as trackeval gives them; plain numbers and lists, fit for JSON.
RawResults = dict[str, dict[str, Any]]


class LabelledMasks(NamedTuple):
    """The masks of one frame with their labels, all of length n_masks.

    ``ids`` are the true identities or the track ids, ``class_ids`` those of MOTS text (2 = pedestrian, 10 = ignore).
    """

    ids: Sequence[int] | np.ndarray
    class_ids: Sequence[int] | np.ndarray
    masks: Sequence[Rle]


class Metric(NamedTuple):
    """A column of the paper's tables: where trackeval keeps it, and whether it is a ratio, shown in percent."""

    name: str
    family: str
    key: str
    is_ratio: bool


# In the order of the paper's tables, then what came after the paper.
METRICS = (
    Metric("sMOTSA", "CLEAR", "sMOTA", True),
    Metric("IDF1", "Identity", "IDF1", True),
    Metric("MOTSA", "CLEAR", "MOTA", True),
    Metric("MOTSP", "CLEAR", "MOTP", True),
    Metric("MODSA", "CLEAR", "MODA", True),
    Metric("MT", "CLEAR", "MT", False),
    Metric("ML", "CLEAR", "ML", False),
    Metric("HOTA", "HOTA", "HOTA", True),
    Metric("DetA", "HOTA", "DetA", True),
    Metric("AssA", "HOTA", "AssA", True),
    Metric("IDS", "CLEAR", "IDSW", False),
)


def evaluate_sequence(
    frames: Iterable[tuple[int, LabelledMasks, LabelledMasks]],
    class_id: int = 2,
    unlabelled: Literal["count", "drop"] = "count",
) -> RawResults:
    """Compare the tracks of a sequence with its ground truth.

    Parameters
    ----------
    frames : iterable of (frame, truth, result)
        Every frame of the sequence, in order, with its true and its result masks; either may be empty. Read once, and
        only ids and IoUs are kept, so memory hardly grows with the length of the sequence.
    class_id : int
        The class that is evaluated; masks of other classes are left aside. Result masks without a true counterpart
        that lie by more than half in ignore regions (class 10 of the truth) do not count.
    unlabelled : {"count", "drop"}
        ``"drop"`` first leaves out every result mask whose IoU with every true mask of its frame is under 0.5: for
        ground truth that labels only some people.

    Returns
    -------
    dict
        Raw results by metric family (``"CLEAR"``, ``"HOTA"``, ``"Identity"``); `summarise` makes the table's row of
        them, `combine` one of several. All zero where there is neither truth nor result.

    Raises
    ------
    ValueError
        As the benchmark refuses: masks of one frame overlap, an id occurs twice in a frame, masks differ in size.
        Names the frame.

    Notes
    -----
    Source: ReMOTS tables 1 and 2; Voigtlaender et al. 2019 for the metrics, Luiten et al. 2020 for HOTA.
    """
    matches = _Matches()
    for _, *match in match_frames(frames, class_id, unlabelled):
        matches.append(*match)
    sequence = matches.as_trackeval()
    return {name: _as_json(family.eval_sequence(sequence)) for name, family in _families().items()}


def match_frames(
    frames: Iterable[tuple[int, LabelledMasks, LabelledMasks]],
    class_id: int = 2,
    unlabelled: Literal["count", "drop"] = "count",
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Leave of each frame what counts, and compare its true with its result masks.

    Parameters
    ----------
    frames, class_id, unlabelled
        As for `evaluate_sequence`.

    Yields
    ------
    frame : int
    true_ids, result_ids : ndarray of int64, shapes (n_true,) and (n_result,)
    iou : ndarray of float64, shape (n_true, n_result)

    Raises
    ------
    ValueError
        As `evaluate_sequence`.
    """
    dataset = _OneFrame(class_id)
    for frame, truth, result in frames:
        _check_sizes(frame, truth, result)
        objects, ignored = _split_ignored(truth)
        _check_frame(frame, "ground truth", objects, ignored)
        _check_frame(frame, "result", result)
        if unlabelled == "drop":
            result = drop_unlabelled(objects, result)
        yield frame, *dataset.match(objects, ignored, result)


def combine(sequences: Sequence[RawResults]) -> RawResults:
    """Combine sequences exactly: counts are added up, then ratios are taken.

    Parameters
    ----------
    sequences : sequence of dict
        What `evaluate_sequence` gave.

    Returns
    -------
    dict
        As from `evaluate_sequence`.

    Raises
    ------
    ValueError
        If there is no sequence.
    """
    if not sequences:
        raise ValueError("no sequence to combine")
    return {
        name: _as_json(family.combine_sequences({str(i): _as_arrays(raw[name]) for i, raw in enumerate(sequences)}))
        for name, family in _families().items()
    }


def summarise(raw: RawResults) -> dict[str, float | int]:
    """Make the row of the paper's tables from raw results.

    Parameters
    ----------
    raw : dict
        From `evaluate_sequence` or `combine`.

    Returns
    -------
    dict
        A value for each of `METRICS`, in that order: ratios in percent, HOTA, DetA and AssA as means over the IoU
        thresholds 0.05, 0.10, …, 0.95; MT, ML and IDS are counts.
    """
    values = {metric.name: np.mean(raw[metric.family][metric.key]) for metric in METRICS}
    return {m.name: float(100 * values[m.name]) if m.is_ratio else int(values[m.name]) for m in METRICS}


def drop_unlabelled(truth: LabelledMasks, result: LabelledMasks) -> LabelledMasks:
    """Leave out the result masks that have no true counterpart.

    Parameters
    ----------
    truth, result : LabelledMasks
        The masks of one frame, without ignore regions.

    Returns
    -------
    LabelledMasks
        The result masks whose IoU with some true mask is at least 0.5.
    """
    iou = pairwise_iou(truth.masks, result.masks)
    return _select(result, iou.max(axis=0, initial=0.0) >= MIN_IOU)


def _families() -> dict[str, Any]:
    silent = {"PRINT_CONFIG": False, "THRESHOLD": MIN_IOU}
    return {"CLEAR": CLEAR(dict(silent)), "HOTA": HOTA(), "Identity": Identity(dict(silent))}


class _OneFrame(MOTSChallenge):  # type: ignore[misc]
    """trackeval's MOTSChallenge, for frames in memory one by one instead of files of whole sequences."""

    def __init__(self, class_id: int) -> None:
        # The parent's initialiser only looks for files; of what it sets, the preprocessing needs just this.
        self.class_name_to_class_id = {"pedestrian": class_id, "ignore": IGNORE_CLASS_ID}

    def match(
        self, truth: LabelledMasks, ignored: list[Rle], result: LabelledMasks
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give the ids that count and their IoU, by the benchmark's own rules for classes and ignore regions."""
        true_masks, result_masks = _with_ids(truth), _with_ids(result)
        frame = {
            "num_timesteps": 1,
            "seq": "",
            "gt_ids": [np.arange(len(true_masks))],
            "gt_classes": [np.asarray(truth.class_ids)],
            "gt_dets": [true_masks],
            "gt_ignore_region": [coco.merge(ignored, intersect=False)],
            "tracker_ids": [np.arange(len(result_masks))],
            "tracker_classes": [np.asarray(result.class_ids)],
            "tracker_dets": [result_masks],
            "similarity_scores": [pairwise_iou(truth.masks, result.masks)],
        }
        counted = self.get_preprocessed_seq_data(frame, "pedestrian")
        return (
            np.array([mask["id"] for mask in counted["gt_dets"][0]], dtype=np.int64),
            np.array([mask["id"] for mask in counted["tracker_dets"][0]], dtype=np.int64),
            counted["similarity_scores"][0],
        )


@dataclass
class _Matches:
    """What the metrics need of a sequence: per frame the true ids, the result ids and their IoU."""

    true_ids: list[np.ndarray] = field(default_factory=list)
    result_ids: list[np.ndarray] = field(default_factory=list)
    iou: list[np.ndarray] = field(default_factory=list)

    def append(self, true_ids: np.ndarray, result_ids: np.ndarray, iou: np.ndarray) -> None:
        self.true_ids.append(true_ids)
        self.result_ids.append(result_ids)
        self.iou.append(iou)

    def as_trackeval(self) -> dict[str, Any]:
        """Give ids numbers from 0 in the order of their values, as trackeval's own loader does."""
        true_ids, n_true = _renumber(self.true_ids)
        result_ids, n_result = _renumber(self.result_ids)
        return {
            "num_timesteps": len(self.iou),
            "gt_ids": true_ids,
            "num_gt_ids": n_true,
            "num_gt_dets": sum(map(len, true_ids)),
            "tracker_ids": result_ids,
            "num_tracker_ids": n_result,
            "num_tracker_dets": sum(map(len, result_ids)),
            "similarity_scores": self.iou,
        }


def _renumber(ids: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    values, numbers = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *ids]), return_inverse=True)
    ends = np.cumsum([len(frame) for frame in ids], dtype=int)
    return np.split(numbers, ends)[: len(ids)], len(values)


def _with_ids(labelled: LabelledMasks) -> list[dict[str, Any]]:
    """Put the id into the mask, where it survives trackeval's sorting out."""
    return [
        {"size": list(mask["size"]), "counts": mask["counts"], "id": int(i)}
        for mask, i in zip(labelled.masks, labelled.ids, strict=True)
    ]


def _split_ignored(truth: LabelledMasks) -> tuple[LabelledMasks, list[Rle]]:
    """Part the true objects from the union of the ignore regions, a list of one mask or none."""
    is_ignored = np.asarray(truth.class_ids, dtype=int) == IGNORE_CLASS_ID
    regions = _select(truth, is_ignored).masks
    return _select(truth, ~is_ignored), [coco.merge(regions, intersect=False)] if regions else []


def _select(labelled: LabelledMasks, chosen: np.ndarray) -> LabelledMasks:
    kept = np.flatnonzero(chosen).tolist()
    ids, class_ids = np.asarray(labelled.ids, dtype=int), np.asarray(labelled.class_ids, dtype=int)
    return LabelledMasks(ids[kept], class_ids[kept], [labelled.masks[i] for i in kept])


def _check_sizes(frame: int, truth: LabelledMasks, result: LabelledMasks) -> None:
    try:
        check_same_size([*truth.masks, *result.masks])
    except ValueError as error:
        raise ValueError(f"frame {frame}: {error}") from error


def _check_frame(frame: int, whose: str, labelled: LabelledMasks, ignored: Sequence[Rle] = ()) -> None:
    ids, n_times = np.unique(np.asarray(labelled.ids), return_counts=True)
    if np.any(n_times > 1):
        raise ValueError(f"frame {frame}: the {whose} has id {ids[n_times > 1][0]} twice in this frame")
    masks = [*labelled.masks, *ignored]
    if masks and areas(masks).sum() != areas([coco.merge(masks, intersect=False)])[0]:
        raise ValueError(f"frame {frame}: masks of the {whose} overlap; each pixel must belong to one mask at most")


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn numpy's numbers into Python's; floats keep every digit."""
    return {name: np.asarray(value).tolist() for name, value in values.items()}


def _as_arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(value) if isinstance(value, list) else value for name, value in values.items()}
