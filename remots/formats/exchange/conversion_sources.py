"""What `remots convert` reads: one sequence or many, in any format that has identities."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2

from remots.errors import InputError
from remots.formats.exchange.coco_video_source import open_coco_video
from remots.formats.exchange.cvat import iterate_cvat, open_cvat, read_facts
from remots.formats.exchange.mask_source import FoundMask, MaskSource
from remots.formats.exchange.mot_boxes import iterate_boxes, open_mot_boxes
from remots.formats.exchange.mots_text import (
    find_first_frame_number,
    iterate_mots_text,
    mots_object_ids,
    open_mots_text,
)
from remots.formats.exchange.numbered_images import list_numbered, open_davis, open_numbered_mots_png
from remots.formats.files.archives import unpack
from remots.formats.footage.images import decode_image
from remots.formats.footage.seqinfo import read_seqinfo
from remots.formats.footage.sequence import Sequence, read_sequence
from remots.formats.results.tracks import iterate_tracked_frames

FORMATS = ("remots", "mots", "kitti", "mots-zip", "mots-png", "kitti-png", "coco-video", "davis", "cvat", "boxes")
_RESULT = "tracks.parquet"
_TRUTH = "gt/gt.txt"


class TrackedSequence(NamedTuple):
    """A sequence and its masks with identities.

    Attributes
    ----------
    sequence : Sequence
        Name, size and frames.
    source : MaskSource
    has_scores : bool
        Whether the scores of the masks come from the source.
    notes : list of str
        What is not known for certain, for the user.
    left_out : dict of str to int
        Counts what has a class that MOTS does not know, once the masks are read.
    """

    sequence: Sequence
    source: MaskSource
    has_scores: bool
    notes: list[str]
    left_out: dict[str, int]


class _Place(NamedTuple):
    name: str
    path: Path
    kind: str


@contextmanager
def open_tracked_sequences(
    paths: list[Path], kind: str | None = None, sequence: Sequence | None = None, class_id: int = 2
) -> Iterator[list[TrackedSequence]]:
    """Open everything that there is to convert.

    Parameters
    ----------
    paths : list of Path
        Files and folders, of one sequence or of many.
    kind : str, optional
        One of `FORMATS`; by default what the files show.
    sequence : Sequence, optional
        For a single sequence: its name, size and frames, where its file does not know them.
    class_id : int
        Class of the objects of DAVIS, which knows none.

    Yields
    ------
    list of TrackedSequence

    Raises
    ------
    InputError
        If a file is missing or of no known format, if two sequences have one name, or if `sequence` is given for many.
    """
    with ExitStack() as stack:
        places = [place for path in paths for place in _find(path, kind, stack)]
        if sequence is not None and len(places) > 1:
            raise InputError(f"--sequence is of one sequence, but there are {len(places)}; convert them one by one")
        found = [one for place in places for one in _open(place, sequence, class_id)]
        names = [one.sequence.sequence for one in found]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{paths[0]}: two sequences are called {repeated[0]}; convert them one by one")
        yield found


def _find(path: Path, kind: str | None, stack: ExitStack) -> list[_Place]:
    """Find the sequences under a path."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    name = path.resolve().name if path.is_dir() else path.stem
    if kind == "mots-zip" or (kind is None and path.suffix.lower() == ".zip"):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        unpack(path, folder)
        return [place._replace(kind=place.kind) for place in _find_in_folder(folder, None, stack, path)]
    if path.is_file():
        return [_Place(name, path, kind or _kind_of_file(path))]
    if (own := _kind_of_folder(path, kind)) is not None:
        return [_Place(name, path / _TRUTH if own == "mots" and (path / _TRUTH).is_file() else path, own)]
    return _find_in_folder(path, kind, stack, path)


def _find_in_folder(folder: Path, kind: str | None, stack: ExitStack, shown: Path) -> list[_Place]:
    inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [path for path in inner if path.is_dir() and _kind_of_folder(path, kind) is not None]
    files = [path for path in inner if path.suffix.lower() in (".txt", ".xml", ".csv") and path.name != "seqmap.txt"]
    places = [place for path in folders or files for place in _find(path, kind, stack)]
    if not places:
        raise InputError(
            f"{shown}: holds no sequence that can be converted: no {_RESULT}, {_TRUTH}, PNG images or .txt, .xml "
            "or .csv files, and no folders with these; name the file or folder itself"
        )
    return places


def _kind_of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".json", ".xml", ".csv"):
        return {".json": "coco-video", ".xml": "cvat", ".csv": "boxes"}[suffix]
    if suffix != ".txt":
        raise InputError(f"{path}: unknown format; name it with --from {', '.join(FORMATS)}")
    with path.open("rb") as file:
        return "boxes" if b"," in next((line for line in file if line.strip()), b"") else "mots"


def _kind_of_folder(folder: Path, kind: str | None) -> str | None:
    """Say what a folder of one sequence holds; None for a folder of many, or of something else."""
    if (folder / _RESULT).is_file():
        return "remots"
    if (folder / _TRUTH).is_file():
        return "boxes" if kind == "boxes" else _kind_of_file(folder / _TRUTH)
    images = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
    if not images:
        return None
    if kind is not None:
        return kind
    deep = decode_image(images[0], cv2.IMREAD_UNCHANGED).dtype.itemsize > 1
    return "davis" if not deep else "kitti-png" if images[0].stem.strip("0") == "" else "mots-png"


def _open(place: _Place, sequence: Sequence | None, class_id: int) -> list[TrackedSequence]:
    if place.kind == "coco-video":
        left_out: dict[str, int] = {}
        return [
            TrackedSequence(_named(sequence, sequence.sequence), source, has_scores, [], left_out)
            for sequence, source, has_scores in open_coco_video(place.path, left_out)
        ]
    if place.kind == "remots":
        return [_open_result(place.path)]
    if place.kind not in _OPENERS:
        raise InputError(f"{place.path}: --from {place.kind} does not suit it; see `remots convert --help`")
    found = _OPENERS[place.kind](place, sequence, class_id)
    return [found._replace(sequence=_named(found.sequence, sequence.sequence if sequence else place.name))]


def _named(sequence: Sequence, name: str) -> Sequence:
    """Give a sequence a name that can be that of a file."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("._-")
    return replace(sequence, sequence=safe or "sequence")


def _guess(place: _Place, size: tuple[int, int], last_frame: int, given: Sequence | None) -> tuple[Sequence, list[str]]:
    """Say how many frames there are: what was given, what ``seqinfo.ini`` says, or else the last one with a mask."""
    if given is not None:
        return given, []
    folder = place.path.parent.parent if place.path.name == "gt.txt" else place.path.parent
    info = read_seqinfo(folder)
    if info is not None and info.n_frames is not None:
        return Sequence(place.name, str(place.path), "images", *size, info.fps or 25.0, 1, info.n_frames), []
    note = f"it does not say how many frames there are: {last_frame}, the last with a mask (--sequence knows better)"
    return Sequence(place.name, str(place.path), "images", *size, 25.0, 1, max(last_frame, 1)), [note]


def _open_text(place: _Place, given: Sequence | None, _class_id: int) -> TrackedSequence:
    path = place.path
    if path.parent.name == "gt" and place.name == "gt":
        place = place._replace(name=path.resolve().parent.parent.name)
    first = 0 if place.kind == "kitti" else find_first_frame_number(path)
    size, last = (given.height_px, given.width_px) if given else (0, 0), 0
    for mask in iterate_mots_text(path, first):
        size, last = size if size[0] else mask.rle["size"], max(last, mask.frame)
    if not size[0]:
        raise InputError(f"{path}: holds no masks, so the size of the frames is not known; give --sequence")
    sequence, notes = _guess(place, size, last, given)
    return TrackedSequence(_named(sequence, place.name), open_mots_text(path, first), False, notes, {})


def _open_boxes(place: _Place, given: Sequence | None, _class_id: int) -> TrackedSequence:
    path = place.path / _TRUTH if place.path.is_dir() else place.path
    info = read_seqinfo(path.parent.parent)
    if given is None and info is not None and info.height_px and info.width_px and info.n_frames:
        size = (info.height_px, info.width_px)
        given = Sequence(info.name or place.name, str(path), "images", *size, info.fps or 25.0, 1, info.n_frames)
    if given is None:
        raise InputError(f"{path}: boxes do not say how large the frames are; give --sequence (from `remots probe`)")
    scores = {score for *_, score, _ in iterate_boxes(path)}
    source = open_mot_boxes(path, given.height_px, given.width_px)
    return TrackedSequence(given, source, len(scores) > 1, ["its masks are boxes"], {})


def _open_png(place: _Place, given: Sequence | None, class_id: int) -> TrackedSequence:
    if not place.path.is_dir():
        raise InputError(f"{place.path}: {place.kind} is a folder of PNG images; give the folder")
    first = 1 if place.kind == "mots-png" else 0
    images = list_numbered(place.path, first)
    height_px, width_px = decode_image(images[0][1], cv2.IMREAD_UNCHANGED).shape[:2]
    sequence = given or Sequence(
        place.name, str(place.path), "images", height_px, width_px, 25.0, images[0][0], images[-1][0]
    )
    is_davis = place.kind == "davis"
    source = open_davis(place.path, class_id) if is_davis else open_numbered_mots_png(place.path, first)
    return TrackedSequence(sequence, source, False, [], {})


def _open_cvat(place: _Place, given: Sequence | None, _class_id: int) -> TrackedSequence:
    facts = read_facts(place.path)
    height_px, width_px = (given.height_px, given.width_px) if given else (facts.height_px, facts.width_px)
    if not height_px or not width_px:
        raise InputError(f"{place.path}: has no original_size; give --sequence (from `remots probe`)")
    left_out: dict[str, int] = {}
    source = open_cvat(place.path, height_px, width_px, left_out)
    last, notes = facts.n_frames, []
    if given is None and not last:
        last = max((mask.frame for mask in iterate_cvat(place.path, {})), default=1)
        notes = [f"it does not say how many frames there are: {last}, the last with a mask (--sequence knows better)"]
    sequence = given or Sequence(place.name, str(place.path), "images", height_px, width_px, 25.0, 1, last or 1)
    return TrackedSequence(sequence, source, False, notes, left_out)


def _open_result(folder: Path) -> TrackedSequence:
    """Open the results of a sequence of ReMOTS itself."""
    sequence = read_sequence(folder / "sequence.json")
    size = (sequence.height_px, sequence.width_px)

    def find_masks() -> Iterator[FoundMask]:
        tables = (folder / name for name in ("masks.parquet", "short_tracklets.parquet", _RESULT))
        for frame, columns in iterate_tracked_frames(sequence, *tables):
            for row, counts in enumerate(columns["rle"]):
                class_id = int(columns["class_id"][row])
                object_id = int(mots_object_ids(class_id, columns["track_id"][row]))
                score = float(columns["score"][row])
                yield FoundMask(
                    int(columns["mask_id"][row]), frame, class_id, object_id, score, {"size": size, "counts": counts}
                )

    return TrackedSequence(sequence, MaskSource(folder, "mask", "class", find_masks), True, [], {})


_OPENERS = {
    "mots": _open_text,
    "kitti": _open_text,
    "mots-png": _open_png,
    "kitti-png": _open_png,
    "davis": _open_png,
    "cvat": _open_cvat,
    "boxes": _open_boxes,
}
