"""Reading COCO video (YouTube-VIS): the videos of a file, and the masks of each."""

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import ijson

from remots.errors import InputError
from remots.formats.exchange.coco import read_segmentation
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask, MaskSource
from remots.formats.exchange.mots_text import CLASS_NAMES, IGNORE_ID
from remots.formats.footage.sequence import Sequence

CLASS_IDS = {name: class_id for class_id, name in CLASS_NAMES.items()} | {"person": 2}


class CocoVideo(NamedTuple):
    """One video of a COCO video file, and its masks."""

    sequence: Sequence
    source: MaskSource
    has_scores: bool


def open_coco_video(path: Path, left_out: dict[str, int]) -> list[CocoVideo]:
    """Open all videos of a COCO video file.

    Its tracks are read once and wait in a temporary file: a data set of thousands of videos needs little memory.

    Parameters
    ----------
    path : Path
        A JSON object of ``videos``, ``annotations`` and ``categories``.
    left_out : dict of str to int
        Counts the tracks of categories other than person, pedestrian, car and ignore region.

    Returns
    -------
    list of CocoVideo
        In the order of the file.

    Raises
    ------
    InputError
        If the file is not JSON, or not as described; on iteration, at the first track that is not.
    """
    try:
        videos = _read_list(path, "videos")
        categories = {category["id"]: str(category["name"]) for category in _read_list(path, "categories")}
        sequences = [_describe(path, number, video) for number, video in enumerate(videos, start=1)]
        spool = _Spool(path, [video["id"] for video in videos])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: a video has id, height, width, length; a category id and name ({error})") from error
    return [
        CocoVideo(sequence, _open_video(path, spool, video["id"], sequence, categories, left_out), spool.has_scores)
        for video, sequence in zip(videos, sequences, strict=True)
    ]


def _read_list(path: Path, key: str) -> list[Any]:
    try:
        with path.open("rb") as file:
            found = next(ijson.items(file, key, use_float=True), None)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except ijson.JSONError as error:
        raise InputError(f"{path}: not valid JSON ({(str(error).splitlines() or ['cut off'])[0]})") from error
    if not isinstance(found, list):
        raise InputError(f"{path}: has no {key}; COCO video is an object of videos, annotations and categories")
    return found


def _describe(path: Path, number: int, video: dict[str, Any]) -> Sequence:
    names = video.get("file_names") or []
    folder = str(names[0]).split("/")[0] if names and "/" in str(names[0]) else f"video_{video['id']}"
    size = (video["height"], video["width"])
    length, first = video.get("length", len(names)), video.get("first_frame", 1)
    if not all(isinstance(value, int) and value >= 1 for value in (*size, length, first)):
        raise InputError(f"{path}: video {number}: height, width, length and first_frame are whole numbers from 1")
    fps = video.get("fps", 25.0)
    name = Path(str(video.get("name") or folder)).name or folder
    return Sequence(name, str(path), "images", *size, float(fps), first, first + length - 1)


class _Spool:
    """The tracks of a file, video by video, as lines of a temporary file."""

    def __init__(self, path: Path, video_ids: list[Any]) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the sources)
        self._places: dict[Any, list[tuple[int, int]]] = {video_id: [] for video_id in video_ids}
        self.has_scores = False
        try:
            with path.open("rb") as file:
                for number, record in enumerate(ijson.items(file, "annotations.item", use_float=True)):
                    self._add(path, number, record)
        except ijson.JSONError as error:
            raise InputError(f"{path}: not valid JSON ({(str(error).splitlines() or ['cut off'])[0]})") from error

    def _add(self, path: Path, number: int, record: Any) -> None:
        if not isinstance(record, dict) or record.get("video_id") not in self._places:
            raise InputError(f"{path}: annotation {number}: has no video_id of one of the videos; the first is 0")
        self.has_scores |= "score" in record
        line = json.dumps({"number": number} | record).encode()
        self._places[record["video_id"]].append((self._file.seek(0, 2), len(line)))
        self._file.write(line)

    def read(self, video_id: Any) -> Iterator[dict[str, Any]]:
        for start, length in self._places[video_id]:
            self._file.seek(start)
            record: dict[str, Any] = json.loads(self._file.read(length))
            yield record


def _open_video(
    path: Path, spool: _Spool, video_id: Any, sequence: Sequence, categories: dict[Any, str], left_out: dict[str, int]
) -> MaskSource:
    read_mask = partial(read_segmentation, height_px=sequence.height_px, width_px=sequence.width_px)

    def find_masks() -> Iterator[FoundMask]:
        for record in spool.read(video_id):
            name = categories.get(record.get("category_id"), f"category {record.get('category_id')}")
            if name not in CLASS_IDS:
                left_out[name] = left_out.get(name, 0) + 1
            else:
                yield from _masks_of_track(path, record, CLASS_IDS[name], sequence)

    return MaskSource(path, "annotation", "category", find_masks, read_mask)


def _masks_of_track(path: Path, record: dict[str, Any], class_id: int, sequence: Sequence) -> Iterator[FoundMask]:
    number, segmentations = record["number"], record.get("segmentations")
    object_id, score = record.get("track_id", record.get("id")), record.get("score", 1.0)
    if not isinstance(segmentations, list) or len(segmentations) != sequence.n_frames:
        raise InputError(
            f"{path}: annotation {number}: segmentations is no list of {sequence.n_frames}, one a frame of the video"
        )
    if not isinstance(object_id, int) or object_id < 0 or isinstance(score, bool) or not isinstance(score, int | float):
        raise InputError(f"{path}: annotation {number}: track_id or id is a whole number, score a number")
    if class_id == IGNORE_CLASS_ID:
        object_id = IGNORE_ID
    for frame, segmentation in enumerate(segmentations, start=sequence.first_frame):
        if segmentation:
            yield FoundMask(number, frame, class_id, object_id, float(score), segmentation)
