"""MOTS text: a line per mask, ``frame id class height width rle``.

MOTSChallenge numbers frames from 1, KITTI MOTS from 0. An id is 1000 times the class, plus a number below 1000; class
and id of ignore regions are 10 and 10000.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask, MaskSource

CLASS_NAMES = {1: "car", 2: "pedestrian", IGNORE_CLASS_ID: "ignore region"}
IDS_PER_CLASS = 1000
IGNORE_ID = 10000
_ALL_IDS_PER_CLASS = 1_000_000
_FIELDS = ("frame", "id", "class", "height", "width")


def open_mots_text(path: Path | str, first_frame_number: int | None = None) -> MaskSource:
    """Open a MOTS text file; see `iterate_mots_text`."""
    path = Path(path)
    return MaskSource(path, "line", "class", lambda: iterate_mots_text(path, first_frame_number))


def iterate_mots_text(path: Path | str, first_frame_number: int | None = None) -> Iterator[FoundMask]:
    """Read a MOTS text file line by line.

    Parameters
    ----------
    path : Path
        The file; blank lines are passed over.
    first_frame_number : int, optional
        1 (MOTSChallenge) or 0 (KITTI); by default 0 if the file has a frame 0, else 1.

    Yields
    ------
    FoundMask
        In the order of the file; `number` is the line, from 1, `frame` is 1-based, `score` is 1. The mask is not
        checked.

    Raises
    ------
    InputError
        At the first line that has not six fields, holds something else than a whole number, or is of an unknown class;
        names the line.
    """
    path = Path(path)
    if first_frame_number is None:
        first_frame_number = find_first_frame_number(path)
    for number, line in _read_lines(path):
        yield _parse_line(path, number, line, first_frame_number)


def find_first_frame_number(path: Path | str) -> int:
    """Tell KITTI MOTS (0), which has a frame 0, from MOTSChallenge (1)."""
    return 0 if any(line.split(maxsplit=1)[0].strip(b"0") == b"" for _, line in _read_lines(Path(path))) else 1


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error


def _parse_line(path: Path, number: int, line: bytes, first_frame_number: int) -> FoundMask:
    fields = line.split()
    if len(fields) != len(_FIELDS) + 1:
        raise InputError(f"{path}: line {number}: {len(fields)} fields instead of 6 ({' '.join(_FIELDS)} rle)")
    for name, field in zip(_FIELDS, fields, strict=False):
        if not field.isdigit() or len(field) > 9:
            shown = field[:20].decode("ascii", "replace")
            raise InputError(f"{path}: line {number}: the {name} is {shown!r}, not a whole number from 0")
    frame, object_id, class_id, height_px, width_px = map(int, fields[:5])
    if frame < first_frame_number:
        raise InputError(
            f"{path}: line {number}: frame {frame}, but frames are to be numbered from {first_frame_number}; "
            "KITTI MOTS numbers them from 0"
        )
    class_id = IGNORE_CLASS_ID if object_id == IGNORE_ID else class_id
    if class_id not in CLASS_NAMES:
        known = ", ".join(f"{known_id} = {name}" for known_id, name in CLASS_NAMES.items())
        raise InputError(f"{path}: line {number}: unknown class {class_id}; {known}")
    rle = {"size": (height_px, width_px), "counts": fields[5]}
    return FoundMask(number, frame - first_frame_number + 1, class_id, object_id, 1.0, rle)


def mots_object_ids(class_id: int, track_ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Make the ids of MOTS files from track ids.

    Parameters
    ----------
    class_id : int
        Class of all of them.
    track_ids : ndarray of int, from 0

    Returns
    -------
    ndarray of int64, same shape
        ``1000 * class_id + track_id`` below 1000; from there on ``1000000 * class_id + track_id``.

    Notes
    -----
    The official tools take the class from its own column and any id that is unique, so text has no limit. But
    2000 + 8000 would be 10000, an ignore region, and whoever divides 2000 + 1000 by 1000 would find another class.
    """
    numbers = np.asarray(track_ids, np.int64)
    factors = np.where(numbers < IDS_PER_CLASS, IDS_PER_CLASS, _ALL_IDS_PER_CLASS).astype(np.int64)
    return np.asarray(numbers + class_id * factors, np.int64)


class MotsTextWriter:
    """Write MOTS text frame by frame; use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    height_px, width_px : int
        Size of the frames.
    first_frame_number : int
        1 for MOTSChallenge, 0 for KITTI MOTS.
    """

    def __init__(self, path: Path | str, height_px: int, width_px: int, first_frame_number: int = 1) -> None:
        self._size = f"{height_px} {width_px}"
        self._shift = first_frame_number - 1
        self._file = Path(path).open("w", encoding="ascii", newline="\n")  # noqa: SIM115 (closed by __exit__)

    def append(
        self, frame: int, object_ids: Sequence[int] | NDArray[np.integer], class_id: int, counts: Iterable[bytes]
    ) -> None:
        """Add masks of one frame (1-based), of one class; `counts` are those of their `Rle`."""
        for object_id, mask_counts in zip(object_ids, counts, strict=True):
            rle = mask_counts.decode("ascii")
            self._file.write(f"{frame + self._shift} {object_id} {class_id} {self._size} {rle}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._file.close()
