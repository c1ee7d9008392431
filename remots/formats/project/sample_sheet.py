"""The sample sheet, ``sequences.tsv``: one row a sequence."""

import csv
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from remots.errors import InputError
from remots.settings import NAME_PATTERN, describe_first_error


def _split_list(cell: object) -> object:
    return [part.strip() for part in cell.split(",") if part.strip()] if isinstance(cell, str) else cell


def _empty_is_none(cell: object) -> object:
    return None if cell == "" else cell


def _empty_is_one(cell: object) -> object:
    return 1 if cell == "" else cell


class SampleRow(BaseModel):
    """One sequence of the sample sheet; unknown columns are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequence: str = Field(pattern=NAME_PATTERN, description="name, also of its folder of results")
    split: Literal["train", "target"] = Field(
        description="`target`: masks get identities; `train`: its ground truth supplies half of each mini-batch, but "
        "for a target that shows the same frames"
    )
    frames: str = Field(
        min_length=1, description="MOT sequence folder (img1 + seqinfo.ini), folder of images, or video"
    )
    detections: Annotated[list[str], BeforeValidator(_split_list)] = Field(
        default_factory=list,
        description="for targets, comma-separated: detectors by name (`detectron2`, `mmdet`, `torchvision`, "
        "`transformers`, `motion`, or your own from `detectors` in the config), and files of masks that were found "
        "elsewhere (COCO results .json, MOTS .txt, PNG folder)",
    )
    tracklets: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="for targets: tracks of another tracker, to be split and merged in the place of ours "
        "(MOT text of boxes, MOTS text or PNG, COCO video); `detections` then supply the masks of boxes",
    )
    ground_truth: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="MOTS .txt or PNG folder; train sequences need it, targets with it are evaluated"
    )
    first_frame: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(
        None, ge=1, description="first frame to use, counted from 1; empty: from the start"
    )
    last_frame: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(
        None, ge=1, description="last frame to use; empty: to the end"
    )
    corrections: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="corrections by hand, which merging obeys (docs/corrections.md); empty: `corrections.tsv` in the "
        "folder of the sequence's results, where there is one",
    )
    detection_jobs: Annotated[int, BeforeValidator(_empty_is_one)] = Field(
        1, ge=1, description="parts of the video in which a network detects side by side, each on its own GPU; empty: 1"
    )

    @model_validator(mode="after")
    def _fits_its_split(self) -> "SampleRow":
        if self.split == "train" and self.ground_truth is None:
            raise ValueError("a train sequence needs ground_truth (MOTS .txt or PNG folder)")
        if self.split == "train" and self.tracklets:
            raise ValueError("a train sequence has its ground_truth, and no use for tracklets")
        if self.split == "target" and not self.detections and not self.tracklets:
            raise ValueError("a target sequence needs detections (mask files, or detectors such as `motion`)")
        if self.first_frame and self.last_frame and self.first_frame > self.last_frame:
            raise ValueError(f"first_frame {self.first_frame} comes after last_frame {self.last_frame}")
        return self


def read_sample_sheet(path: Path | str) -> list[SampleRow]:
    """Read and check ``sequences.tsv``.

    Parameters
    ----------
    path : Path
        Tab-separated, with a header. Lines that are empty or start with ``#`` are left out.

    Returns
    -------
    list of SampleRow
        In the order of the sheet; may be empty.

    Raises
    ------
    InputError
        With the file, the line, the column, and what is allowed there.
    """
    rows: list[SampleRow] = []
    header: list[str] | None = None
    for line_number, cells in _read_lines(path):
        if header is None:
            header = cells
        else:
            rows.append(_parse_row(header, cells, f"{path}, line {line_number}"))
    if header is None:
        raise InputError(f"{path}: empty; the first line must be: {' '.join(SampleRow.model_fields)} (tab-separated)")
    repeated = [name for name, count in Counter(row.sequence for row in rows).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: sequence {repeated[0]} stands in more than one row; give each its own name")
    return rows


def check_detectors(rows: Iterable[SampleRow], detectors: Collection[str]) -> None:
    """Make sure that each word under `detections` that cannot be a file is a detector.

    Parameters
    ----------
    rows : iterable of SampleRow
    detectors : collection of str
        The names of the config's detectors.

    Raises
    ------
    InputError
        With the sequence, the word, and the detectors that there are.
    """
    for row in rows:
        for source in row.detections:
            place = f"sequence {row.sequence}: {source!r} under detections"
            if source == "precomputed":
                raise InputError(f"{place} needs no name: write the file with masks itself")
            if source not in detectors and _is_bare_word(source):
                raise InputError(f"{place} is no detector, and no file with masks; there is {', '.join(detectors)}")


def detector_names(row: SampleRow) -> dict[str, str]:
    """Name each source of detections of a row: a detector by its own name, a file by its stem.

    Parameters
    ----------
    row : SampleRow
        A target sequence.

    Returns
    -------
    dict of str to str
        Name → what stands in the sheet. Files of one stem are told apart by a number.
    """
    names: dict[str, str] = {}
    for source in row.detections:
        stem = Path(source).stem.removeprefix("detections_") or "detections"
        name = stem
        number = 2
        while name in names:
            name, number = f"{stem}_{number}", number + 1
        names[name] = source
    return names


def training_rows(target: SampleRow, rows: Iterable[SampleRow]) -> list[SampleRow]:
    """Choose what a target may learn from: every training sequence but those with frames of the target itself.

    So a sequence that is in the sheet twice, for training and under another name as a target, is left out of its own
    training: with all training sequences in it twice, the sheet asks for leave-one-out validation.

    Parameters
    ----------
    target : SampleRow
    rows : iterable of SampleRow
        The sample sheet.

    Returns
    -------
    list of SampleRow
        In the order of the sheet.
    """
    return [row for row in rows if row.split == "train" and not _share_frames(row, target)]


def _share_frames(a: SampleRow, b: SampleRow) -> bool:
    first = max(row.first_frame or 1 for row in (a, b))
    last = min(row.last_frame or sys.maxsize for row in (a, b))
    return os.path.realpath(a.frames) == os.path.realpath(b.frames) and first <= last


def _is_bare_word(source: str) -> bool:
    path = Path(source)
    return path.name == source and not path.suffix and not path.exists()


def _read_lines(path: Path | str) -> list[tuple[int, list[str]]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such sample sheet; set `sequences` in the config to one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text; save it as tab-separated text") from error
    lines = enumerate(csv.reader(text.splitlines(), delimiter="\t"), start=1)
    return [
        (number, [cell.strip() for cell in cells])
        for number, cells in lines
        if any(cell.strip() for cell in cells) and not cells[0].startswith("#")
    ]


def _parse_row(header: list[str], cells: list[str], place: str) -> SampleRow:
    if len(cells) > len(header):
        raise InputError(f"{place}: {len(cells)} cells, but the header has {len(header)} columns; check the tabs")
    cells = cells + [""] * (len(header) - len(cells))
    try:
        return SampleRow.model_validate(dict(zip(header, cells, strict=True)))
    except ValidationError as error:
        raise InputError(f"{place}: {describe_first_error(error, SampleRow)}") from error
