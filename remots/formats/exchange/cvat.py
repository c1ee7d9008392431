"""CVAT for video 1.1: XML with a track per mask, and the masks of one object in one group.

CVAT has no tracks of masks: of a track with several it imports the first and leaves out the rest. So, as in its own
export, each mask is a track of one frame that ends in the next, and ``group_id`` says whose it is, which CVAT keeps. A
mask is run-length encoded along the rows of its box, background first. Frames count from 0.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from remots.errors import InputError
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask, MaskSource
from remots.formats.exchange.mot_boxes import Box, fill_box
from remots.formats.exchange.mots_text import CLASS_NAMES, IGNORE_ID
from remots.formats.footage.sequence import Sequence as FrameSequence
from remots.masks.rle import Rle, boxes, decode_crop, encode_crop

CLASS_IDS = {name: class_id for class_id, name in CLASS_NAMES.items()} | {"person": 2}
SHAPES = ("mask", "box", "polygon")
_CHUNK = 1 << 16
_COLOURS = {1: "#3d7dca", 2: "#ff6037", IGNORE_CLASS_ID: "#808080"}


class Facts(NamedTuple):
    """What the head of the file says: name and number of frames of the task, their size; None where it does not."""

    name: str | None
    n_frames: int | None
    height_px: int | None
    width_px: int | None


class _Shape(NamedTuple):
    line: int
    track: dict[str, str]
    kind: str
    attributes: dict[str, str]


def read_facts(path: Path) -> Facts:
    """Read the head of a CVAT file; raises InputError where it is none."""
    facts: dict[str, str] = {}
    for _ in _parse(path, facts):
        break
    numbers = [int(facts[key]) if facts.get(key, "").isdecimal() else None for key in ("size", "height", "width")]
    return Facts(facts.get("name"), *numbers)


def open_cvat(path: Path, height_px: int, width_px: int, left_out: dict[str, int]) -> MaskSource:
    """Open the masks, boxes and polygons of a CVAT file; see `iterate_cvat`."""
    read_mask = partial(_read_shape, height_px=height_px, width_px=width_px)
    return MaskSource(path, "line", "label", lambda: iterate_cvat(path, left_out), read_mask)


def iterate_cvat(path: Path, left_out: dict[str, int]) -> Iterator[FoundMask]:
    """Read the shapes of the tracks of a CVAT file, in bounded memory.

    Parameters
    ----------
    path : Path
        XML of "CVAT for video 1.1".
    left_out : dict of str to int
        Counts labels that are neither person, pedestrian, car nor ignore region.

    Yields
    ------
    FoundMask
        In the order of the file. `object_id` is the group where there is one, else the track.

    Raises
    ------
    InputError
        If the file is no XML, has a document type (it could hold anything), is "CVAT for images", or an attribute is
        missing; names the line.
    """
    for line, track, kind, attributes in _parse(path, {}):
        if track.get("label", "") not in CLASS_IDS:
            left_out[track.get("label", "")] = left_out.get(track.get("label", ""), 0) + 1
        elif attributes.get("outside") != "1":
            class_id = CLASS_IDS[track["label"]]
            try:
                # Groups and tracks are counted on their own: keep the two apart.
                group, number = int(track.get("group_id", 0)), int(track["id"])
                frame = int(attributes["frame"]) + 1
            except (KeyError, ValueError) as error:
                raise InputError(f"{path}: line {line}: id, group_id and frame are whole numbers ({error})") from error
            own = group if group > 0 else -2 - number
            object_id = IGNORE_ID if class_id == IGNORE_CLASS_ID else own
            yield FoundMask(line, frame, class_id, object_id, 1.0, (kind, attributes))


def _parse(path: Path, facts: dict[str, str]) -> Iterator[_Shape]:
    """Give the shapes of all tracks; `facts` takes the head's name, size, height and width."""
    reader = _Reader(path, facts)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                yield from reader.take()
            reader.parser.Parse(b"", True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except expat.ExpatError as error:
        raise InputError(f"{path}: line {error.lineno}: not valid XML ({expat.ErrorString(error.code)})") from error
    yield from reader.take()


class _Reader:
    """Takes what expat finds; text of the head is kept, shapes wait until they are taken."""

    def __init__(self, path: Path, facts: dict[str, str]) -> None:
        self._path, self._facts = path, facts
        self._stack: list[str] = []
        self._track: dict[str, str] = {}
        self._found: list[_Shape] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = lambda _name: self._stack.pop()
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def take(self) -> list[_Shape]:
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._stack and name != "annotations":
            raise InputError(f"{self._path}: an XML of <{name}>, not CVAT's <annotations>")
        line = self.parser.CurrentLineNumber
        if name == "image":
            raise InputError(f"{self._path}: line {line}: 'CVAT for images' has no tracks; export 'CVAT for video 1.1'")
        self._stack.append(name)
        if name == "track":
            self._track = attributes
        elif "track" in self._stack and name in SHAPES:
            self._found.append(_Shape(line, self._track, name, attributes))

    def _text(self, text: str) -> None:
        key, parent = (self._stack[-1], self._stack[-2]) if len(self._stack) > 1 else ("", "")
        if (key in ("name", "size") and parent in ("task", "job")) or parent == "original_size":
            self._facts[key] = self._facts.get(key, "") + text.strip()

    def _refuse_doctype(self, *_declared: object) -> None:
        raise InputError(f"{self._path}: has a document type, which CVAT's files have not; take it out")


def _read_shape(shape: tuple[str, dict[str, str]], height_px: int, width_px: int) -> Rle:
    """Make a mask of a shape; raises ValueError where it cannot be one."""
    kind, attributes = shape
    try:
        if kind == "mask":
            return _read_mask(attributes, (height_px, width_px))
        if kind == "box":
            left, top, right, bottom = (float(attributes[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            return fill_box(Box(left, top, right - left, bottom - top), height_px, width_px)
        corners = [float(value) for pair in attributes["points"].split(";") for value in pair.split(",")]
    except KeyError as error:
        raise ValueError(f"the {kind} has no {error.args[0]}") from error
    if len(corners) < 6 or len(corners) % 2 or not np.all(np.abs(corners) <= 2 * max(height_px, width_px)):
        raise ValueError("a polygon has three points or more, in or near the frame")
    encoded: Any = coco_mask.merge(coco_mask.frPyObjects([corners], height_px, width_px))
    return Rle(size=(height_px, width_px), counts=encoded["counts"])


def _read_mask(attributes: dict[str, str], size: tuple[int, int]) -> Rle:
    left, top, width, height = (int(attributes[key]) for key in ("left", "top", "width", "height"))
    runs = np.array([int(run) for run in attributes["rle"].split(",")], np.int64)
    inside = 0 <= left <= left + width <= size[1] and 0 <= top <= top + height <= size[0]
    if not inside or width < 1 or height < 1 or np.any(runs < 0) or runs.sum() != width * height:
        raise ValueError(f"its runs add up to {runs.sum()} px, its box is {width} x {height} px at {left}, {top}")
    crop = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return encode_crop(crop, left, top, size)


class CvatWriter:
    """Write a CVAT file frame by frame; use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    sequence : Sequence
        Name, size and number of its frames.
    class_ids : sequence of int
        Classes, as in MOTS text, that occur.
    """

    def __init__(self, path: Path, sequence: FrameSequence, class_ids: Sequence[int]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._last_frame, self._n_masks = sequence.last_frame, 0
        labels = "".join(
            f"<label><name>{CLASS_NAMES[class_id]}</name><color>{_COLOURS[class_id]}</color><type>mask</type>"
            "<attributes></attributes></label>"
            for class_id in class_ids
        )
        self._file.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>'
            f"<name>{escape(sequence.sequence)}</name><size>{sequence.last_frame}</size><mode>interpolation</mode>"
            f"<overlap>0</overlap><start_frame>0</start_frame><stop_frame>{sequence.last_frame - 1}</stop_frame>"
            f"<labels>{labels}</labels><original_size><width>{sequence.width_px}</width>"
            f"<height>{sequence.height_px}</height></original_size></task></meta>\n"
        )

    def append(self, frame: int, object_ids: Sequence[int], class_ids: Sequence[int], masks: list[Rle]) -> None:
        """Add the masks of one frame (1-based); a positive id becomes the group."""
        for object_id, class_id, mask, box in zip(object_ids, class_ids, masks, boxes(masks).tolist(), strict=True):
            left, top, width, height = box
            runs = ", ".join(map(str, row_runs(decode_crop(mask, left, top, width, height))))
            place = f'occluded="0" rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}" z_order="0"'
            self._file.write(
                f'<track id="{self._n_masks}" label={quoteattr(CLASS_NAMES[class_id])} source="file" '
                f'group_id="{object_id}">\n  <mask frame="{frame - 1}" keyframe="1" outside="0" {place}></mask>\n'
            )
            if frame < self._last_frame:
                self._file.write(f'  <mask frame="{frame}" keyframe="1" outside="1" {place}></mask>\n')
            self._file.write("</track>\n")
            self._n_masks += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.write("</annotations>\n")
        self._file.close()


def row_runs(crop: NDArray[np.bool_]) -> list[int]:
    """Give the run lengths of a mask along its rows: background, object, background, …; the first may be 0."""
    flat = crop.ravel()
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs: list[int] = np.diff(turns, prepend=0, append=len(flat)).tolist()
    return [0, *runs] if flat[0] else runs
