"""COCO results: masks with scores, frame by frame."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ijson
from pycocotools import mask as coco_mask

from remots.errors import InputError
from remots.formats.exchange.mask_source import NO_OBJECT_ID, FoundMask, MaskSource
from remots.masks.rle import Rle, boxes, encode_runs

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MIN_POLYGON_COORDINATES = 6


def open_coco_results(path: Path | str, height_px: int, width_px: int) -> MaskSource:
    """Open COCO results; see `iterate_coco_results`."""
    path = Path(path)
    read_mask = partial(read_segmentation, height_px=height_px, width_px=width_px)
    return MaskSource(path, "record", "category_id", partial(iterate_coco_results, path), read_mask)


def iterate_coco_results(path: Path | str) -> Iterator[FoundMask]:
    """Read COCO results record by record, in bounded memory.

    Parameters
    ----------
    path : Path
        A JSON list of records, or an object that has them under ``annotations``. Of each record are read ``image_id``
        (the 1-based frame), ``category_id``, ``score`` (1 where there is none) and ``segmentation``.

    Yields
    ------
    FoundMask
        In the order of the file; `number` counts records from 0, as Python does. `read_segmentation` reads the mask.

    Raises
    ------
    InputError
        If the file is not JSON, or at the first record that is not as described; names the record.
    """
    path = Path(path)
    for number, record in enumerate(_iterate_records(path)):
        try:
            yield _parse_record(number, record)
        except ValueError as error:
            raise InputError(f"{path}: record {number}{error}; records are counted from 0") from error


def _iterate_records(path: Path) -> Iterator[Any]:
    n_records = 0
    try:
        with path.open("rb") as file:
            start = file.read(4096)
            has_mark = start.startswith(BYTE_ORDER_MARK)
            is_object = start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")
            file.seek(len(BYTE_ORDER_MARK) if has_mark else 0)
            for record in ijson.items(file, "annotations.item" if is_object else "item", use_float=True):
                yield record
                n_records += 1
            file.seek(len(BYTE_ORDER_MARK) if has_mark else 0)
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


def _parse_record(number: int, record: Any) -> FoundMask:
    if not isinstance(record, dict):
        raise ValueError(" is not an object with image_id, category_id and segmentation")
    frame = _whole_number(record, "image_id", "")
    category = _whole_number(record, "category_id", f" (frame {frame})")
    score = record.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError(f" (frame {frame}): the score is {score!r}, not a number")
    return FoundMask(number, frame, category, NO_OBJECT_ID, float(score), record.get("segmentation"))


def _whole_number(record: Mapping[str, Any], key: str, place: str) -> int:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(
            f"{place}: {key} is {value!r}, not a whole number" if key in record else f"{place}: has no {key}"
        )
    return int(value)


def read_segmentation(segmentation: Any, height_px: int, width_px: int) -> Mapping[str, Any]:
    """Read a COCO segmentation.

    Parameters
    ----------
    segmentation : object
        Compressed or uncompressed RLE, or a list of polygons.
    height_px, width_px : int
        Size of the frame, which polygons do not tell.

    Returns
    -------
    mapping
        An `Rle`; whether its counts are well-formed is not checked.

    Raises
    ------
    ValueError
        If it is none of the three.
    """
    if isinstance(segmentation, dict):
        if not isinstance(segmentation.get("counts"), list):
            return segmentation
        size = segmentation.get("size")
        if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size)):
            raise ValueError(f"the segmentation's size is {size!r}, not [height, width]")
        return encode_runs(segmentation["counts"], (size[0], size[1]))
    if isinstance(segmentation, list) and segmentation:
        return _encode_polygons(segmentation, height_px, width_px)
    raise ValueError("there is no segmentation (RLE or polygons); boxes alone are not enough")


def _encode_polygons(polygons: list[Any], height_px: int, width_px: int) -> Mapping[str, Any]:
    limit = 2 * max(height_px, width_px)
    for polygon in polygons:
        is_polygon = isinstance(polygon, list) and len(polygon) >= _MIN_POLYGON_COORDINATES and len(polygon) % 2 == 0
        if not is_polygon or not all(isinstance(value, int | float) and abs(value) <= limit for value in polygon):
            raise ValueError("a polygon is a list x, y, x, y, … of three points or more, in or near the frame")
    encoded: Mapping[str, Any] = coco_mask.merge(coco_mask.frPyObjects(polygons, height_px, width_px))
    return encoded


def write_coco_results(path: Path | str, records: Iterable[tuple[int, float, Rle]], category_id: int = 1) -> None:
    """Write COCO results, one record at a time.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    records : iterable of (int, float, Rle)
        Frame (1-based), score in [0, 1], and mask.
    category_id : int
        Category of all of them; 1 is COCO's person.
    """
    with CocoResultsWriter(path, category_id) as writer:
        for frame, score, mask in records:
            writer.append(frame, score, mask)


class CocoResultsWriter:
    """Write COCO results record by record; use it in a ``with`` block. Parameters as `write_coco_results`."""

    def __init__(self, path: Path | str, category_id: int = 1) -> None:
        self._category_id = category_id
        self._separator = "["
        self._file = Path(path).open("w", encoding="ascii", newline="\n")  # noqa: SIM115 (closed by __exit__)

    def append(self, frame: int, score: float, mask: Rle) -> None:
        """Add a mask of a frame (1-based) with its score in [0, 1]."""
        record = {
            "image_id": int(frame),
            "category_id": self._category_id,
            "score": float(score),
            "bbox": [float(side) for side in boxes([mask])[0]],
            "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")},
        }
        self._file.write(f"{self._separator}\n{json.dumps(record)}")
        self._separator = ","

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._file.write("[]\n" if self._separator == "[" else "\n]\n")
        self._file.close()
