"""``corrections.tsv``: what people ask of the merging, written by hand or by clicks in the report.

Tab-separated, one row a wish; the first line says which tracklets the numbers are of, so that rows which were meant for
others are noticed. A part of a split tracklet is named by its number and its own first frame::

    # tracklets: 3f9a1c07be52
    action         a       b    frame   note
    split          7            30      two people from here on
    must_link      7@30    9
    cannot_link    3       4
    drop           12                   a poster
"""

import csv
import hashlib
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.merging.corrections import (
    NO_CORRECTIONS,
    Action,
    CorrectionRow,
    Corrections,
    PartName,
    resolve_corrections,
)

COLUMNS = ("action", "a", "b", "frame", "note")
DIGEST_CHARACTERS = 12
_DIGEST_MARK = "# tracklets:"
_NAME = re.compile(r"(\d{1,9})(?:@(\d{1,9}))?")
# The cells that an action needs beside its name; the others stay empty.
_CELLS = {"must_link": ("a", "b"), "cannot_link": ("a", "b"), "drop": ("a",), "split": ("a", "frame")}


def digest_tracklets(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]], boxes_px: NDArray[np.integer[Any]]
) -> str:
    """Digest which masks make up which tracklet.

    Parameters
    ----------
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        Of a table of short tracklets.
    boxes_px : ndarray of int, shape (n_masks, 4)
        Left, top, width and height, of the table of masks.

    Returns
    -------
    str
        Twelve hexadecimal characters; what `corrections.tsv` says in its first line.
    """
    rows = np.column_stack([tracklet_ids, frames, boxes_px]).astype("<i8")
    return hashlib.sha256(rows.tobytes()).hexdigest()[:DIGEST_CHARACTERS]


def read_corrections(
    path: Path | str,
    tracklet_ids: NDArray[np.integer[Any]],
    frames: NDArray[np.integer[Any]],
    boxes_px: NDArray[np.integer[Any]],
) -> Corrections:
    """Read corrections and find out what they mean for the tracklets that there are.

    Parameters
    ----------
    path : Path
        ``corrections.tsv``. Empty lines, and lines that start with ``#``, are passed over.
    tracklet_ids, frames, boxes_px
        As for `digest_tracklets`.

    Returns
    -------
    Corrections

    Raises
    ------
    InputError
        If the file is malformed, was made for other tracklets, or its rows make no sense or contradict each other;
        names the lines.
    """
    lines = _read_lines(path)
    rows = _parse_rows(path, lines)
    if not rows:
        return NO_CORRECTIONS
    _check_digest(path, lines, digest_tracklets(tracklet_ids, frames, boxes_px))
    try:
        return resolve_corrections(rows, tracklet_ids, frames)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def read_correction_cells(path: Path | str) -> list[dict[str, str]]:
    """Read the rows of a file of corrections as they stand there, by column, notes included.

    Raises
    ------
    InputError
        If the file is malformed.
    """
    lines = _read_lines(path)
    _parse_rows(path, lines)
    rows = [line.split("\t") for line in lines if line.strip() and not line.strip().startswith("#")]
    header = [cell.strip() for cell in rows[0]] if rows else []
    found = [dict(zip(header, map(str.strip, row), strict=False)) for row in rows[1:]]
    return [{name: row.get(name, "") for name in COLUMNS} for row in found]


def describe_corrections(corrections: Corrections) -> dict[str, Any]:
    """Give the facts that tables of tracks and of merges keep: which tracklets were split, and what was asked for.

    Parts have the numbers that `remots.merging.corrections.split_tracklets` gives; the first ``n_must_links`` merges
    were asked for. Without corrections there are none.
    """
    if corrections is NO_CORRECTIONS:
        return {}
    return {
        "splits": corrections.splits.tolist(),
        "n_must_links": len(corrections.must_links),
        "dropped": corrections.dropped.tolist(),
    }


def _read_lines(path: Path | str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text; save it as tab-separated text") from error


def _check_digest(path: Path | str, lines: list[str], digest: str) -> None:
    marks = [(number, line) for number, line in enumerate(lines, start=1) if line.strip().startswith(_DIGEST_MARK)]
    if not marks:
        raise InputError(
            f"{path}: does not say which tracklets it is for, and with other settings numbers mean other people; if "
            f"its rows are for the tracklets as they are now, add the line: {_DIGEST_MARK} {digest}"
        )
    for number, line in marks:
        found = line.strip().removeprefix(_DIGEST_MARK).strip()
        if found != digest:
            raise InputError(
                f"{path}: line {number}: made for other tracklets ({found}) than there are now ({digest}), so its "
                "numbers mean other people; go back to the settings of then, write its rows anew, or take the file away"
            )


def _parse_rows(path: Path | str, lines: list[str]) -> list[CorrectionRow]:
    rows: list[CorrectionRow] = []
    header: list[str] | None = None
    for number, cells in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if header is None:
            header = _check_header(path, number, cells)
        else:
            rows.append(_parse_row(f"{path}: line {number}", number, header, cells))
    return rows


def _check_header(path: Path | str, number: int, cells: list[str]) -> list[str]:
    missing = [name for name in COLUMNS[:-1] if name not in cells]
    unknown = [name for name in cells if name not in COLUMNS]
    if missing or unknown or len(set(cells)) < len(cells):
        raise InputError(
            f"{path}: line {number}: the header must be: {' '.join(COLUMNS)} (tab-separated); it is: {' '.join(cells)}"
        )
    return cells


def _parse_row(place: str, number: int, header: list[str], cells: list[str]) -> CorrectionRow:
    if len(cells) > len(header):
        raise InputError(f"{place}: {len(cells)} cells, but the header has {len(header)} columns; check the tabs")
    found = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
    action = found["action"]
    if action not in _CELLS:
        raise InputError(f"{place}: unknown action {action!r}; one of {', '.join(get_args(Action))}")
    for name in COLUMNS[1:-1]:
        if bool(found[name]) != (name in _CELLS[action]):
            needed = " and ".join(_CELLS[action])
            raise InputError(
                f"{place}: {action} needs {needed} alone; {name} is {found[name]!r}"
                if found[name]
                else f"{place}: {action} needs {needed}; {name} is empty"
            )
    names = {name: _parse_name(place, name, found[name]) for name in ("a", "b") if found[name]}
    if found["frame"] and not re.fullmatch(r"\d{1,9}", found["frame"]):
        raise InputError(f"{place}: frame is {found['frame']!r}, not a whole number")
    frame = int(found["frame"]) if found["frame"] else None
    return CorrectionRow(number, action, names["a"], names.get("b"), frame)  # type: ignore[arg-type]


def _parse_name(place: str, column: str, cell: str) -> PartName:
    match = _NAME.fullmatch(cell)
    if match is None:
        raise InputError(
            f"{place}: {column} is {cell!r}, not a tracklet (such as 7) or a part of one (7@30, by its first frame)"
        )
    return PartName(int(match[1]), int(match[2]) if match[2] else None)
