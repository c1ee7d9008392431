"""COCO results (masks with scores, frame by frame) and COCO video (masks by track, as in YouTube-VIS)."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import ijson
from pycocotools import mask as coco_mask

from remots.errors import InputError
from remots.formats.mask_source import NO_OBJECT_ID, FoundMask, MaskSource
from remots.masks.rle import encode_runs

_MIN_POLYGON_COORDINATES = 6


def open_coco_results(path: Path | str, height_px: int, width_px: int) -> MaskSource:
    """Open COCO results; see `iterate_coco_results`."""
    path = Path(path)
    return MaskSource(path, "record", "category_id", lambda: iterate_coco_results(path, height_px, width_px))


def iterate_coco_results(path: Path | str, height_px: int, width_px: int) -> Iterator[FoundMask]:
    """Read COCO results record by record, in bounded memory.

    Parameters
    ----------
    path : Path
        A JSON list of records, or an object that has them under ``annotations``. Of each record are read ``image_id`` (the
        1-based frame), ``category_id``, ``score`` (1 where there is none) and ``segmentation``: compressed or uncompressed
        RLE, or polygons.
    height_px, width_px : int
        Size of the frames, for polygons, which do not say theirs.

    Yields
    ------
    FoundMask
        In the order of the file; `number` counts records from 0, as Python does.

    Raises
    ------
    InputError
        If the file is not JSON, or at the first record that is not as described; names the record.
    """
    path = Path(path)
    number = 0
    for number, record in enumerate(_iterate_records(path)):
        try:
            yield _parse_record(number, record, height_px, width_px)
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path}: record {number} (the first is 0): {error}") from error


def _iterate_records(path: Path) -> Iterator[Any]:
    n_records = 0
    try:
        with path.open("rb") as file:
            is_object = _first_character(file.read(4096)) == b"{"
            file.seek(0)
            for record in ijson.items(file, "annotations.item" if is_object else "item", use_float=True):
                yield record
                n_records += 1
            file.seek(0)
            top = "annotations" if is_object else ""
            if not n_records and not isinstance(next(ijson.items(file, top), None), list):
                raise InputError(
                    f"{path}: holds no list of records; COCO results are a list, or an object with annotations"
                )
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except ijson.JSONError as error:
        reason = str(error).strip().splitlines()
        raise InputError(
            f"{path}: not valid JSON at record {n_records} (the first is 0): {reason[0] if reason else 'cut off'}"
        ) from error


def _first_character(start: bytes) -> bytes:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _parse_record(number: int, record: Any, height_px: int, width_px: int) -> FoundMask:
    if not isinstance(record, dict):
        raise ValueError("not an object with image_id, category_id and segmentation")
    frame = _whole_number(record, "image_id")
    try:
        category = _whole_number(record, "category_id")
        score = record.get("score", 1.0)
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise ValueError(f"the score is {score!r}, not a number")
        rle = _read_segmentation(record.get("segmentation"), height_px, width_px)
    except ValueError as error:
        raise ValueError(f"frame {frame}: {error}") from error
    return FoundMask(number, frame, category, NO_OBJECT_ID, float(score), rle)


def _whole_number(record: Mapping[str, Any], key: str) -> int:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value != int(value):
        raise ValueError(f"{key} is {value!r}, not a whole number" if key in record else f"has no {key}")
    return int(value)


def _read_segmentation(segmentation: Any, height_px: int, width_px: int) -> Mapping[str, Any]:
    if isinstance(segmentation, dict):
        if not isinstance(segmentation.get("counts"), list):
            return segmentation
        size = segmentation.get("size")
        if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size)):
            raise ValueError(f"the segmentation's size is {size!r}, not [height, width]")
        return encode_runs(segmentation["counts"], (size[0], size[1]))
    if isinstance(segmentation, list) and segmentation:
        return _encode_polygons(segmentation, height_px, width_px)
    raise ValueError("has no segmentation (RLE or polygons); boxes alone cannot be tracked here")


def _encode_polygons(polygons: list[Any], height_px: int, width_px: int) -> Mapping[str, Any]:
    limit = 2 * max(height_px, width_px)
    for polygon in polygons:
        is_polygon = isinstance(polygon, list) and len(polygon) >= _MIN_POLYGON_COORDINATES and len(polygon) % 2 == 0
        if not is_polygon or not all(isinstance(value, int | float) and abs(value) <= limit for value in polygon):
            raise ValueError("a polygon is a list x, y, x, y, … of three points or more, in or near the frame")
    encoded: Mapping[str, Any] = coco_mask.merge(coco_mask.frPyObjects(polygons, height_px, width_px))
    return encoded
