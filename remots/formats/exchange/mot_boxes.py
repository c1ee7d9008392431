"""Boxes as CSV, as MOTChallenge has them: ``frame,id,left,top,width,height,confidence,class,visibility``."""

import csv
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from remots.errors import InputError
from remots.formats.exchange.identities import Identity
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask, MaskSource
from remots.formats.exchange.mots_text import IGNORE_ID
from remots.masks.rle import Rle, boxes, encode_crop

# MOTChallenge counts its classes in another way: 1 pedestrian, 3 car, 13 crowd.
BOX_CLASSES = {2: 1, 1: 3, IGNORE_CLASS_ID: 13}
_MOTS_CLASSES = {box_class: class_id for class_id, box_class in BOX_CLASSES.items()}
_N_NEEDED = 6


class Box(NamedTuple):
    """Where a box lies, in px of the frame, from 0; it may reach over the frame's border."""

    left: float
    top: float
    width: float
    height: float


def open_mot_boxes(path: Path, height_px: int, width_px: int) -> MaskSource:
    """Open a CSV of boxes as masks: the part of each box within the frame; see `iterate_boxes`."""
    return MaskSource(
        path, "line", "class", partial(_iterate_masks, path), partial(fill_box, height_px=height_px, width_px=width_px)
    )


def _iterate_masks(path: Path) -> Iterator[FoundMask]:
    for number, frame, identity, score, box in iterate_boxes(path):
        yield FoundMask(number, frame, *identity, score, box)


def iterate_boxes(path: Path) -> Iterator[tuple[int, int, Identity, float, Box]]:
    """Read a CSV of boxes line by line.

    Parameters
    ----------
    path : Path
        Without a header. MOTChallenge counts left and top from 1. Six columns are needed; the seventh is the
        confidence, the eighth the class (1 pedestrian, 3 car, 13 crowd; -1 or none: a pedestrian).

    Yields
    ------
    number, frame : int
        From 1.
    identity : Identity
        With the class as in MOTS text; crowds are ignore regions.
    score : float, in [0, 1]
        A confidence outside that range is cut off at its ends; 1 where there is none.
    box : Box

    Raises
    ------
    InputError
        At the first line that is not as described, has no id, or another class; names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if any(cell.strip() for cell in row):
                    yield number, *_parse_row(f"{path}: line {number}", row)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error


def _parse_row(place: str, row: list[str]) -> tuple[int, Identity, float, Box]:
    try:
        values = [float(cell) for cell in row]
    except ValueError as error:
        raise InputError(f"{place}: {error}; a line is frame,id,left,top,width,height,confidence,class,…") from error
    if len(values) < _N_NEEDED or not all(map(math.isfinite, values)):
        raise InputError(f"{place}: {len(row)} columns; a line has frame,id,left,top,width,height,…, all numbers")
    frame, object_id = int(values[0]), int(values[1])
    if frame < 1 or object_id < 1:
        raise InputError(f"{place}: frame {frame}, id {object_id}; both are numbered from 1 (-1: boxes without tracks)")
    box_class = int(values[7]) if len(values) > 7 and values[7] >= 0 else BOX_CLASSES[2]
    if box_class not in _MOTS_CLASSES:
        raise InputError(f"{place}: class {box_class}; 1 (pedestrian), 3 (car) and 13 (crowd) can be converted")
    class_id = _MOTS_CLASSES[box_class]
    score = min(max(values[6], 0.0), 1.0) if len(values) > 6 else 1.0
    box = Box(values[2] - 1, values[3] - 1, values[4], values[5])
    return frame, Identity(class_id, IGNORE_ID if class_id == IGNORE_CLASS_ID else object_id), score, box


def fill_box(box: Box, height_px: int, width_px: int) -> Rle:
    """Make a mask of the pixels of the frame that lie in a box; empty where none does."""
    left, top = max(round(box.left), 0), max(round(box.top), 0)
    right, bottom = min(round(box.left + box.width), width_px), min(round(box.top + box.height), height_px)
    crop = np.ones((max(bottom - top, 0), max(right - left, 0)), np.bool_)
    return encode_crop(crop, min(left, width_px), min(top, height_px), (height_px, width_px))


class BoxWriter:
    """Write boxes frame by frame, in a ``with`` block. `path` is a temporary name (`remots.formats.files.atomic`)."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def append(
        self, frame: int, object_ids: Sequence[int], class_ids: Sequence[int], scores: Sequence[float], masks: list[Rle]
    ) -> None:
        """Add the boxes around the masks of one frame (1-based); the class is that of MOTS text."""
        rows = zip(object_ids, class_ids, scores, boxes(masks).tolist(), strict=True)
        for object_id, class_id, score, (left, top, width, height) in rows:
            box = f"{left + 1},{top + 1},{width},{height}"
            self._file.write(f"{frame},{object_id},{box},{round(score, 6):g},{BOX_CLASSES[class_id]},1\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._file.close()
