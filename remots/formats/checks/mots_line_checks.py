"""Looks at a MOTS text line by line, and goes on after a fault."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from remots.errors import InputError
from remots.formats.checks.findings import Findings
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask
from remots.formats.exchange.mots_text import CLASS_NAMES, IDS_PER_CLASS, IGNORE_ID
from remots.masks.counts import MalformedCountsError
from remots.masks.rle import Rle, areas, check_rle, check_rles

_FIELDS = ("frame", "id", "class", "height", "width")
_PLAIN = re.compile(rb"(?:\d{1,9} ){5}\S+")
_WHOLE = re.compile(rb"(\d{1,9})(?:\.0*)?")
_BATCH = 512
_MARK = b"\xef\xbb\xbf"


class Expected(NamedTuple):
    """What is known about a sequence from elsewhere; None where nothing is.

    Attributes
    ----------
    first_number : {0, 1} or None
        What the first frame is called.
    n_frames : int or None
    size : (int, int) or None
        Height and width in px.
    """

    first_number: int | None = None
    n_frames: int | None = None
    size: tuple[int, int] | None = None


class Line(NamedTuple):
    """The fields of a line that could be read; `frame` as the file counts."""

    number: int
    frame: int
    object_id: int
    class_id: int
    size: tuple[int, int]
    counts: bytes


@dataclass
class Overview:
    """What a first look at the whole file shows.

    Attributes
    ----------
    first_number : int
        What the first frame is called in the file, and in what is written.
    shift : int
        What is to be added to each frame of the file before that.
    size : (int, int)
        That the masks should have.
    class_of : dict of int to int
        The class that an id has most often.
    """

    first_number: int = 1
    shift: int = 0
    size: tuple[int, int] = (0, 0)
    class_of: dict[int, int] = field(default_factory=dict)


def look_over(path: Path, expected: Expected, findings: Findings) -> Overview:
    """Read the file once, for what no single line can tell.

    Parameters
    ----------
    path : Path
        MOTS text.
    expected : Expected
    findings : Findings
        Takes what concerns the whole file.

    Returns
    -------
    Overview

    Raises
    ------
    InputError
        If there is no such file.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    classes: defaultdict[int, Counter[int]] = defaultdict(Counter)
    frames: set[int] = set()
    for line in iterate_lines(path, Findings()):
        sizes[line.size] += 1
        classes[line.object_id][line.class_id] += line.class_id in CLASS_NAMES
        frames.add(line.frame)
    most_common = sizes.most_common(1)[0][0] if sizes else (1, 1)
    has_zero, last = 0 in frames, max(frames, default=0)
    first_number = (0 if has_zero else 1) if expected.first_number is None else expected.first_number
    fits = expected.n_frames is None or last < expected.n_frames
    shift = int(first_number == 1 and has_zero and fits)
    if has_zero and expected.first_number is None:
        message = "frames count from 0, as in KITTI MOTS; MOTSChallenge counts from 1 (--first-frame-number 1 mends it)"
        findings.add("warning", "frame 0", path, message, frame=0)
    if not sizes:
        findings.add("warning", "empty", path, "holds no mask that can be read")
    _report_gaps(path, frames, findings)
    class_of = {object_id: own.most_common(1)[0][0] for object_id, own in classes.items()}
    return Overview(first_number, shift, expected.size or most_common, class_of)


def _report_gaps(path: Path, frames: set[int], findings: Findings) -> None:
    ordered = sorted(frames)
    for before, after in pairwise(ordered):
        if after > before + 1:
            between = f"frame {before + 1} has" if after == before + 2 else f"frames {before + 1} to {after - 1} have"
            findings.add("warning", "gap", path, f"{between} no masks", frame=before + 1)


def iterate_lines(path: Path, findings: Findings) -> Iterator[Line]:
    """Give the lines that can be read, and note those that cannot, and how they are written."""
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                line = _parse(path, number, text, findings)
                if line is not None:
                    yield line
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error


def _parse(path: Path, number: int, text: bytes, findings: Findings) -> Line | None:
    if number == 1 and text.startswith(_MARK):
        findings.add("error", "byte order mark", path, "begins with a byte order mark", number, remedy="mend")
        text = text.removeprefix(_MARK)
    fields = text.split()
    if not fields:
        findings.add("error", "blank line", path, "is empty; the official tools stop here", number, remedy="mend")
        return None
    if len(fields) != len(_FIELDS) + 1:
        hint = "; commas part boxes, not masks" if text.count(b",") >= len(_FIELDS) else ""
        message = f"{len(fields)} columns instead of 6 ({' '.join(_FIELDS)} rle){hint}"
        findings.add("error", "columns", path, message, number, remedy="leave out")
        return None
    whole = [_WHOLE.fullmatch(one) for one in fields[:5]]
    for name, one, matched in zip(_FIELDS, fields, whole, strict=False):
        if matched is None:
            shown = one[:20].decode("ascii", "replace")
            message = f"the {name} is {shown!r}, not a whole number from 0"
            findings.add("error", "number", path, message, number, remedy="leave out")
    if any(matched is None for matched in whole):
        return None
    _report_form(path, number, text, findings)
    frame, object_id, class_id, height_px, width_px = (int(matched[1]) for matched in whole if matched is not None)
    return Line(number, frame, object_id, class_id, (height_px, width_px), fields[5])


def _report_form(path: Path, number: int, text: bytes, findings: Findings) -> None:
    """Note how a line is written that can be read here, but perhaps not everywhere."""
    body = text.removesuffix(b"\n").removesuffix(b"\r")
    if _PLAIN.fullmatch(body) is not None:
        return
    if any(b"." in one for one in body.split()[:5]) or any(
        separator in body for separator in (b"\t", b"\r", b"\v", b"\f")
    ):
        message = "numbers have no decimals, and single spaces part the columns"
        findings.add("error", "form", path, message, number, remedy="mend")
    else:
        message = "more than one space between columns, or one too many at an end"
        findings.add("warning", "spaces", path, message, number, remedy="mend")


def check_lines(path: Path, expected: Expected, overview: Overview, findings: Findings) -> Iterator[FoundMask]:
    """Check line by line, and give what is left of each.

    Parameters
    ----------
    path : Path
        MOTS text.
    expected : Expected
    overview : Overview
        From `look_over`.
    findings : Findings
        Takes what is wrong.

    Yields
    ------
    FoundMask
        Of each line without a fault, or with faults that could be mended, in the order of the file; its frame is
        1-based, its mask well-formed and not empty.
    """
    lines = _check_numbers(path, expected, overview, findings)
    while batch := list(islice(lines, _BATCH)):
        checked = [(line, rle) for line, rle in _check_counts(path, batch, findings) if rle is not None]
        areas_px = areas([rle for _, rle in checked]).tolist()
        for (line, rle), area_px in zip(checked, areas_px, strict=True):
            if not area_px:
                message = "the mask has no pixel"
                findings.add("warning", "empty mask", path, message, line.number, line.frame, remedy="mend")
                continue
            frame = line.frame + overview.shift - overview.first_number + 1
            yield FoundMask(line.number, frame, line.class_id, line.object_id, 1.0, rle)


def _check_numbers(path: Path, expected: Expected, overview: Overview, findings: Findings) -> Iterator[Line]:
    """Pass on the lines whose frame, class and size are right."""
    last_frame = 0
    for line in iterate_lines(path, findings):
        if line.frame < last_frame:
            message = f"frame {line.frame} comes after frame {last_frame}"
            findings.add("warning", "order", path, message, line.number, line.frame, remedy="mend")
        last_frame = max(last_frame, line.frame)
        faults = [*_frame_faults(line, expected, overview), *_size_faults(line, overview)]
        checked, class_faults = _check_class(line, overview)
        for level, code, message, remedy in [*faults, *class_faults]:
            findings.add(level, code, path, message, line.number, line.frame, remedy)
        if all(fault[3] != "leave out" for fault in [*faults, *class_faults]):
            yield checked


def _frame_faults(line: Line, expected: Expected, overview: Overview) -> Iterator[tuple]:  # type: ignore[type-arg]
    if overview.shift and line.frame == 0:
        message = "frame 0, but frames are numbered from 1: all of the file counts from 0, as in KITTI MOTS"
        yield "error", "frame 0", message, "mend"
    elif line.frame < overview.first_number:
        yield "error", "frame 0", "frame 0, but frames are numbered from 1", "leave out"
    last = None if expected.n_frames is None else expected.n_frames + overview.first_number - 1
    if last is not None and line.frame + overview.shift > last:
        yield "error", "frame range", f"frame {line.frame}, but the last of the sequence is {last}", "leave out"


def _size_faults(line: Line, overview: Overview) -> Iterator[tuple]:  # type: ignore[type-arg]
    if line.size != overview.size:
        (height_px, width_px), (right_height, right_width) = line.size, overview.size
        message = f"a mask of {width_px}x{height_px} px, but the frames have {right_width}x{right_height} px"
        yield "error", "size", message, "leave out"


def _check_class(line: Line, overview: Overview) -> tuple[Line, list[tuple]]:  # type: ignore[type-arg]
    """Give the line with the class that its id asks for, and what was wrong."""
    ignored = line._replace(object_id=IGNORE_ID, class_id=IGNORE_CLASS_ID)
    if line.object_id == IGNORE_ID and line.class_id != IGNORE_CLASS_ID:
        message = f"id {IGNORE_ID} is that of ignore regions, whose class is {IGNORE_CLASS_ID}, not {line.class_id}"
        return ignored, [("error", "ignore region", message, "mend")]
    if line.class_id == IGNORE_CLASS_ID and line.object_id != IGNORE_ID:
        message = f"ignore regions (class {IGNORE_CLASS_ID}) have id {IGNORE_ID}, not {line.object_id}"
        return ignored, [("warning", "ignore region", message, "mend")]
    if line.class_id not in CLASS_NAMES:
        known = ", ".join(f"{known_id} = {name}" for known_id, name in CLASS_NAMES.items())
        return line, [("error", "class", f"unknown class {line.class_id}; {known}", "leave out")]
    usual = overview.class_of.get(line.object_id, line.class_id)
    if line.class_id != usual:
        message = f"id {line.object_id} has class {line.class_id} here, but class {usual} elsewhere"
        return line, [("error", "mixed class", message, "leave out")]
    if line.class_id not in (line.object_id // IDS_PER_CLASS, line.object_id // 1_000_000):
        message = f"id {line.object_id} is not {IDS_PER_CLASS} times its class {line.class_id} plus a number"
        return line, [("warning", "id", message, "none")]
    return line, []


def _check_counts(path: Path, batch: list[Line], findings: Findings) -> Iterator[tuple[Line, Rle | None]]:
    """Check many masks at once; where one is malformed, one by one."""
    masks = [{"size": line.size, "counts": line.counts} for line in batch]
    try:
        checked: list[Rle | None] = list(check_rles(masks))
    except MalformedCountsError:
        checked = [_check_one(path, line, findings) for line in batch]
    for line, rle in zip(batch, checked, strict=True):
        if rle is not None and rle["counts"] != line.counts:
            message = "the run-length encoding has empty runs, at which pycocotools stops"
            findings.add("error", "rle", path, message, line.number, line.frame, remedy="mend")
        yield line, rle


def _check_one(path: Path, line: Line, findings: Findings) -> Rle | None:
    try:
        return check_rle({"size": line.size, "counts": line.counts})
    except ValueError as error:
        findings.add("error", "rle", path, f"malformed mask: {error}", line.number, line.frame, remedy="leave out")
        return None
