"""The parquet tables that pass between rules: their columns, types and units, and reading them frame by frame."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.masks.rle import Rle, areas, boxes

ROWS_PER_GROUP = 4096

_MASK_COLUMNS = [
    ("frame", pa.int32()),  # 1-based
    ("class_id", pa.int16()),  # MOTS: 2 = pedestrian, 1 = car, 10 = ignore region
    ("score", pa.float32()),  # the detector's, in [0, 1]
    ("left_px", pa.int32()),
    ("top_px", pa.int32()),
    ("width_px", pa.int32()),
    ("height_px", pa.int32()),
    ("area_px", pa.int32()),
    ("rle", pa.binary()),  # compressed COCO run-length encoding; the frame's size is in the table's metadata
]

SCHEMAS: dict[str, pa.Schema] = {
    # What one detector found, overlapping and repeated as it comes. Sorted by frame.
    "detections": pa.schema(_MASK_COLUMNS),
    # The fused, disjoint masks. mask_id is the row number: 0, 1, 2, … in the order of frames.
    "masks": pa.schema([("mask_id", pa.int32()), *_MASK_COLUMNS]),
    # Ground truth; identity is the person's true id, -1 in ignore regions. mask_id is the row number.
    "truth": pa.schema([("mask_id", pa.int32()), *_MASK_COLUMNS, ("identity", pa.int32())]),
    # IoU of each mask, warped along the flow, with each mask of the next frame; pairs without overlap are left out.
    "warped_iou": pa.schema([("mask_id_prev", pa.int32()), ("mask_id_curr", pa.int32()), ("iou", pa.float32())]),
    "short_tracklets": pa.schema([("mask_id", pa.int32()), ("frame", pa.int32()), ("tracklet_id", pa.int32())]),
    "tracks": pa.schema([("tracklet_id", pa.int32()), ("track_id", pa.int32())]),
    # The merges in the order in which they were made; a cluster is named by its smallest tracklet_id.
    "merges": pa.schema(
        [
            ("tracklet_id_a", pa.int32()),
            ("tracklet_id_b", pa.int32()),
            ("distance", pa.float32()),  # 1 - mean cosine similarity, in [0, 2]
            ("gap_frames", pa.int32()),
        ]
    ),
}


def write_table(path: Path, kind: str, columns: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Write a table whole.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    kind : str
        A key of `SCHEMAS`.
    columns : mapping of str to sequence
        A value per row and column; the order of columns does not matter.
    metadata : mapping, optional
        Facts about the whole table, such as ``height_px`` and ``width_px`` of the frames; kept in the file as JSON.
    """
    with TableWriter(path, kind, metadata) as writer:
        writer.append(columns)


def describe_frames(sequence: Sequence) -> dict[str, int]:
    """Give the facts about the frames that belong into the metadata of a table of masks."""
    return {name: getattr(sequence, name) for name in ("height_px", "width_px", "first_frame", "last_frame")}


def geometry_columns(masks: list[Rle]) -> dict[str, Any]:
    """Give the columns of a table of masks that follow from the masks themselves.

    Parameters
    ----------
    masks : list of Rle, length n_masks
        Of one or more frames.

    Returns
    -------
    dict of str to array or list, each of length n_masks
        Columns left_px, top_px, width_px, height_px, area_px and rle.
    """
    sides = dict(zip(("left_px", "top_px", "width_px", "height_px"), boxes(masks).T, strict=True))
    return {**sides, "area_px": areas(masks), "rle": [mask["counts"] for mask in masks]}


class TableWriter:
    """Write a table piece by piece, so that a long video needs little memory."""

    def __init__(self, path: Path, kind: str, metadata: Mapping[str, Any] | None = None) -> None:
        encoded = {"remots": json.dumps(dict(metadata or {}), sort_keys=True)}
        self._schema = SCHEMAS[kind].with_metadata(encoded)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._pending: list[pa.Table] = []
        self._n_pending = 0

    def append(self, columns: Mapping[str, Any]) -> None:
        """Add rows; keys are exactly the columns of the table."""
        arrays = [pa.array(columns[field.name], type=field.type) for field in self._schema]
        self._pending.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._n_pending += self._pending[-1].num_rows
        if self._n_pending >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending), row_group_size=ROWS_PER_GROUP)
        self._pending = []
        self._n_pending = 0

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            try:
                self._flush()
            except BaseException:
                self._abandon()
                raise
            self._writer.close()
        else:
            self._abandon()

    def _abandon(self) -> None:
        """Close the file after an error, which must not be hidden by another one: a full disk breaks closing, too."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()


def read_table(path: Path | str, kind: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table whole.

    Parameters
    ----------
    path : Path
        A parquet file.
    kind : str
        A key of `SCHEMAS`.
    columns : list of str, optional
        Only these columns are read; all by default.

    Returns
    -------
    pandas.DataFrame
        With the columns of that kind. ``pandas.read_parquet(path)`` gives the same.

    Raises
    ------
    InputError
        If the file is missing, is not parquet, or has other columns.
    """
    with _as_input_error(path):
        table: pd.DataFrame = _open(path, kind).read(columns).to_pandas()
    return table


def read_metadata(path: Path | str, kind: str) -> dict[str, Any]:
    """Read the facts that were stored with a table (see `write_table`)."""
    stored = _open(path, kind).schema_arrow.metadata or {}
    facts: dict[str, Any] = json.loads(stored.get(b"remots", b"{}"))
    return facts


def detect_mask_kind(path: Path | str) -> str:
    """Say whether a table holds ``"truth"`` or ``"masks"``; raises InputError if it is no readable table at all."""
    with _as_input_error(path):
        return "truth" if "identity" in pq.read_schema(path).names else "masks"


def count_rows(path: Path | str, kind: str) -> int:
    """Count the rows of a table without reading them; raises InputError as `read_table` does."""
    return int(_open(path, kind).metadata.num_rows)


def iterate_frames(path: Path | str, kind: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Read a table of masks frame by frame, in bounded memory.

    Parameters
    ----------
    path : Path
        A parquet file sorted by frame.
    kind : str
        ``"detections"``, ``"masks"`` or ``"truth"``.

    Yields
    ------
    frame : int
        1-based; only frames that have rows.
    columns : dict of str to ndarray
        The frame's rows by column; ``rle`` is an object array of bytes.

    Raises
    ------
    InputError
        As `read_table`, and if the table is not sorted by frame.
    """
    rest: dict[str, np.ndarray] | None = None
    for batch in _iterate_batches(path, kind):
        columns = {
            name: column.to_numpy(zero_copy_only=False)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        if rest is not None:
            columns = {name: np.concatenate([rest[name], column]) for name, column in columns.items()}
        frames = columns["frame"]
        if np.any(np.diff(frames) < 0):
            raise InputError(f"{path}: rows are not sorted by frame; make this table again")
        starts = np.flatnonzero(np.diff(frames, prepend=frames[:1] - 1))
        for start, end in pairwise(starts):
            yield int(frames[start]), {name: column[start:end] for name, column in columns.items()}
        rest = {name: column[starts[-1] :] for name, column in columns.items()} if len(starts) else None
    if rest is not None and len(rest["frame"]):
        yield int(rest["frame"][0]), rest


def _iterate_batches(path: Path | str, kind: str) -> Iterator[pa.RecordBatch]:
    batches = _open(path, kind).iter_batches(batch_size=ROWS_PER_GROUP)
    while True:
        with _as_input_error(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextlib.contextmanager
def _as_input_error(path: Path | str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable parquet file; make it again") from error


def _open(path: Path | str, kind: str) -> pq.ParquetFile:
    with _as_input_error(path):
        file = pq.ParquetFile(path)
    expected, found = SCHEMAS[kind].names, file.schema_arrow.names
    if expected != found:
        raise InputError(
            f"{path}: a table of {kind} has the columns {', '.join(expected)}; this one has {', '.join(found)}"
        )
    return file
