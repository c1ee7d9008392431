"""Masks from outside, in the order of their frames, without keeping them in memory."""

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, NO_OBJECT_ID, FoundMask, MaskSource
from remots.formats.results.tables import geometry_columns
from remots.masks.overlap import pairwise_iou
from remots.masks.rle import Rle

_BATCH = 2048


class FrameMasks(NamedTuple):
    """The masks of one frame, in the order of their file; arrays of length n.

    Attributes
    ----------
    frame : int
        1-based.
    numbers, class_ids, object_ids : ndarray of int64
        As in `remots.formats.exchange.mask_source.FoundMask`.
    scores : ndarray of float64, in [0, 1]
    masks : list of Rle
    """

    frame: int
    numbers: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    object_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    masks: list[Rle]


class MaskStore:
    """A temporary file of masks; add them in any order, read them by frame. Use it in a ``with`` block.

    Parameters
    ----------
    height_px, width_px : int
        Size of the frames.
    """

    def __init__(self, height_px: int, width_px: int) -> None:
        self._size = (height_px, width_px)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._keys = array("q")  # frame, number, class_id, object_id, length of the counts; mask after mask
        self._scores = array("d")

    def __len__(self) -> int:
        return len(self._scores)

    def add(self, mask: FoundMask) -> None:
        """Add a checked mask."""
        counts = mask.rle["counts"]
        self._keys.extend((mask.frame, mask.number, mask.class_id, mask.object_id, len(counts)))
        self._scores.append(mask.score)
        with _in_temporary_folder():
            self._file.write(counts)

    def iterate_frames(self) -> Iterator[FrameMasks]:
        """Yield the masks of each frame that has any, by rising frame; within it in the order in which they came."""
        with _in_temporary_folder():
            self._file.flush()
        keys = np.frombuffer(self._keys, np.int64).reshape(-1, 5)
        scores = np.frombuffer(self._scores, np.float64)
        ends = np.cumsum(keys[:, 4])
        order = np.argsort(keys[:, 0], kind="stable")
        frames = keys[order, 0]
        starts = np.flatnonzero(np.diff(frames, prepend=0))
        for rows in np.split(order, starts)[1:]:
            counts = [self._read(int(ends[row] - keys[row, 4]), int(keys[row, 4])) for row in rows]
            masks = [Rle(size=self._size, counts=own) for own in counts]
            yield FrameMasks(int(keys[rows[0], 0]), *_columns(keys[rows, 1:4]), scores[rows], masks)

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._file.close()


@contextmanager
def _in_temporary_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        folder = tempfile.gettempdir()
        raise InputError(f"{folder}: {error.strerror}; free some, or set TMPDIR to a larger folder") from error


def _columns(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return keys[:, 0], keys[:, 1], keys[:, 2]


def check_frames(source: MaskSource, frames: Iterable[FrameMasks], disjoint: bool) -> Iterator[FrameMasks]:
    """Pass frames on; raise InputError where an id stands twice in one or, if `disjoint`, where two masks overlap.

    Ignore regions are not looked at. Masks of a format without ids are only checked for overlaps.
    """
    for found in frames:
        check_unique_ids(source, found)
        if disjoint:
            check_disjoint(source, found)
        yield found


def check_unique_ids(source: MaskSource, found: FrameMasks) -> None:
    """Raise InputError where two masks of a frame that are no ignore regions have one id."""
    is_object = (found.class_ids != IGNORE_CLASS_ID) & (found.object_ids != NO_OBJECT_ID)
    object_ids, numbers = found.object_ids[is_object], found.numbers[is_object]
    unique, first = np.unique(object_ids, return_index=True)
    if len(unique) < len(object_ids):
        again = int(np.setdiff1d(np.arange(len(object_ids)), first)[0])
        before = int(numbers[object_ids == object_ids[again]][0])
        raise InputError(
            f"{source.path}: {source.unit}s {before} and {numbers[again]} both have id {object_ids[again]} in frame "
            f"{found.frame}; an id stands once in a frame"
        )


def check_disjoint(source: MaskSource, found: FrameMasks) -> None:
    """Raise InputError where two masks of a frame that are no ignore regions share a pixel."""
    rows = np.flatnonzero(found.class_ids != IGNORE_CLASS_ID)
    masks = [found.masks[row] for row in rows]
    overlaps = np.triu(pairwise_iou(masks, masks), k=1)
    pairs = np.argwhere(overlaps > 0)
    if len(pairs):
        a, b = rows[pairs[0]]
        raise InputError(
            f"{source.path}: in frame {found.frame} the masks of ids {found.object_ids[a]} and {found.object_ids[b]} "
            f"({source.unit}s {found.numbers[a]} and {found.numbers[b]}) overlap; true masks share no pixels"
        )


def tabulate_masks(frames: Iterable[FrameMasks]) -> Iterator[dict[str, NDArray[np.generic] | list[bytes]]]:
    """Turn masks into rows of a table of masks (see `remots.formats.results.tables`), some thousands at a time.

    Parameters
    ----------
    frames : iterable of FrameMasks

    Yields
    ------
    dict of str to array or list
        Columns frame, class_id, object_id, score, left_px, top_px, width_px, height_px, area_px, rle.
    """
    frames = iter(frames)
    while chunk := list(islice(frames, max(1, _BATCH // 8))):
        masks = [mask for found in chunk for mask in found.masks]
        yield {
            "frame": np.repeat([found.frame for found in chunk], [len(found.masks) for found in chunk]),
            "class_id": np.concatenate([found.class_ids for found in chunk]),
            "object_id": np.concatenate([found.object_ids for found in chunk]),
            "score": np.concatenate([found.scores for found in chunk]),
            **geometry_columns(masks),
        }
