"""Scores that stand beside masks: a CSV file with the columns frame, det_id and score."""

import csv
import dataclasses
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.exchange.mask_source import FoundMask, MaskSource

COLUMNS = ("frame", "det_id", "score")


def with_scores(source: MaskSource, path: Path | str, first_frame_number: int = 1) -> MaskSource:
    """Give each mask of a source its score.

    Parameters
    ----------
    source : MaskSource
        Masks with ids but without scores.
    path : Path
        A CSV file with the columns frame, det_id (the mask's id) and score, in any order; rows without a mask do no
        harm.
    first_frame_number : int
        What the first frame is called in the CSV file: as in the file of masks.

    Returns
    -------
    MaskSource

    Raises
    ------
    InputError
        If the CSV file is malformed; on iteration, if a mask has no score.
    """
    if source.unit == "record":
        raise InputError(f"{source.path}: has its own scores; leave out --scores")
    path = Path(path)
    keys, scores = _read_scores(path, first_frame_number)

    def find_masks() -> Iterator[FoundMask]:
        for mask in source.find_masks():
            row = int(np.searchsorted(keys, _key(mask.frame, mask.object_id)))
            if row < len(keys) and keys[row] == _key(mask.frame, mask.object_id):
                yield mask._replace(score=float(scores[row]))
            else:
                raise InputError(f"{path}: no score for det_id {mask.object_id} of {source.place(mask)}; add it")

    return dataclasses.replace(source, find_masks=find_masks)


def _key(frame: int, object_id: int) -> int:
    return frame << 32 | object_id


def _read_scores(path: Path, first_frame_number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    keys, scores = array("q"), array("d")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                raise InputError(f"{path}: has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
            for row in reader:
                frame, object_id, score = _parse_row(f"{path}: line {reader.line_num}", row)
                keys.append(_key(frame - first_frame_number + 1, object_id))
                scores.append(score)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    order = np.argsort(np.frombuffer(keys, np.int64), kind="stable")
    ordered = np.frombuffer(keys, np.int64)[order]
    if len(repeated := ordered[1:][ordered[1:] == ordered[:-1]]):
        frame, object_id = int(repeated[0]) >> 32, int(repeated[0]) & 0xFFFFFFFF
        raise InputError(
            f"{path}: two scores for det_id {object_id} of frame {frame + first_frame_number - 1}; keep one"
        )
    return ordered, np.frombuffer(scores, np.float64)[order]


def _parse_row(place: str, row: dict[str, str]) -> tuple[int, int, float]:
    try:
        frame, object_id, score = int(row["frame"]), int(row["det_id"]), float(row["score"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: frame and det_id are whole numbers, score is a number ({error})") from error
    if not 0 <= score <= 1 or not 0 <= frame < 2**31 or not 0 <= object_id < 2**31:
        raise InputError(f"{place}: frame {frame}, det_id {object_id}, score {score:g}; scores lie in [0, 1]")
    return frame, object_id, score
