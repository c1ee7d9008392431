"""Arrays in npy files, written and read a few rows at a time, so that memory does not grow with the video."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from remots.errors import InputError


class ArrayWriter:
    """Write an npy file row by row; ``numpy.load`` reads it.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    row_shape : sequence of int
        Shape of one row; the number of rows need not be known.
    dtype : dtype
        Of the array.
    """

    def __init__(self, path: Path, row_shape: Sequence[int], dtype: DTypeLike) -> None:
        self._row_shape = tuple(row_shape)
        self._dtype = np.dtype(dtype)
        self._file = path.open("wb")
        self.n_rows = 0
        self._write_header()

    def _write_header(self) -> None:
        # numpy pads the header for the number of rows to grow, so that it can be written once more over the first one.
        shape = (self.n_rows, *self._row_shape)
        header = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows; shape (n, *row_shape)."""
        if rows.shape[1:] != self._row_shape or rows.dtype != self._dtype:
            raise ValueError(
                f"rows of {self._row_shape} {self._dtype} are written here, not {rows.shape[1:]} {rows.dtype}"
            )
        self._file.write(np.ascontiguousarray(rows).data)
        self.n_rows += len(rows)

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.seek(0)
            self._write_header()
        self._file.close()


class ArrayReader:
    """Read rows of an npy file: ``reader[rows]``, with an array of row numbers.

    The file is not mapped into memory: what is read counts once, however large the file.

    Parameters
    ----------
    path : Path
        An npy file.
    row_shape : sequence of (int or None)
        Shape that a row must have; None where any length will do.
    dtype : dtype
        That the array must have.

    Raises
    ------
    InputError
        If the file is missing, is no npy file, holds another array, or is cut off.
    """

    def __init__(self, path: Path | str, row_shape: Sequence[int | None], dtype: DTypeLike) -> None:
        self.path = Path(path)
        self.dtype = np.dtype(dtype)
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        self.shape = self._read_header(row_shape)
        self._offset = self._file.tell()
        self._row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        expected = self._offset + len(self) * self._row_bytes
        if self.path.stat().st_size != expected:
            raise InputError(f"{path}: {self.path.stat().st_size} bytes instead of {expected}: cut off; make it again")

    def _read_header(self, row_shape: Sequence[int | None]) -> tuple[int, ...]:
        try:
            version = npy.read_magic(self._file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, is_fortran, dtype = read(self._file)
        except (ValueError, EOFError) as error:
            raise InputError(f"{self.path}: not an npy file; make it again") from error
        fits = len(shape) == 1 + len(row_shape) and all(
            wanted in (None, found) for wanted, found in zip(row_shape, shape[1:], strict=True)
        )
        if not fits or is_fortran or dtype != self.dtype:
            wanted = ", ".join("any" if length is None else str(length) for length in row_shape)
            raise InputError(f"{self.path}: has shape {shape}, {dtype}; expected (n_masks, {wanted}), {self.dtype}")
        return tuple(int(length) for length in shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[Any]:
        """Read rows, in the order asked for; shape (n_rows, *row_shape)."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        if not len(rows):
            return found
        if rows.min() < 0 or rows.max() >= len(self):
            raise IndexError(f"{self.path}: rows {rows.min()} to {rows.max()} were asked for; it has {len(self)}")
        starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)  # runs of rows one after the other
        for first, last in zip(starts, [*starts[1:], len(rows)], strict=True):
            self._read_into(found[first:last], int(rows[first]))
        return found

    def _read_into(self, target: NDArray[Any], first_row: int) -> None:
        view = target.reshape(-1).view(np.uint8).data
        position = self._offset + first_row * self._row_bytes
        while len(view):
            n_read = os.preadv(self._file.fileno(), [view], position)
            if n_read == 0:
                raise InputError(f"{self.path}: was cut off while it was read")
            view, position = view[n_read:], position + n_read

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "ArrayReader":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
