"""COCO video, as in YouTube-VIS: an annotation per track, with a mask or null for every frame."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.formats.exchange.mask_source import FoundMask
from remots.formats.exchange.mask_store import FrameMasks, MaskStore
from remots.formats.footage.images import list_images
from remots.formats.footage.sequence import Sequence
from remots.masks.rle import Rle, areas, boxes, decode_runs

CATEGORY_ID = 1


class CocoVideoWriter:
    """Collect masks frame by frame, then write them track by track.

    Masks wait in a temporary file, not in memory. Use it in a ``with`` block: `add` for each frame, then `write`.

    Parameters
    ----------
    sequence : Sequence
        Entry i of a track's lists is frame ``first_frame + i``.
    category_name : str
        Name of the class of all tracks.

    Attributes
    ----------
    n_masks, n_tracks : int
        How many there are; `n_tracks` is known once they are written.
    """

    def __init__(self, sequence: Sequence, category_name: str) -> None:
        self._sequence = sequence
        self._category_name = category_name
        self._store = TrackStore(sequence)
        self.n_tracks = 0

    def add(
        self, frame: int, track_ids: NDArray[np.int64], scores: NDArray[np.floating[Any]], counts: Iterable[bytes]
    ) -> None:
        """Add masks of one frame (1-based); frames come in rising order."""
        for track_id, score, own in zip(track_ids.tolist(), scores.tolist(), counts, strict=True):
            self._store.add(frame, track_id, CATEGORY_ID, score, own)

    @property
    def n_masks(self) -> int:
        """How many masks were added."""
        return len(self._store)

    def write(self, path: Path | str) -> None:
        """Write the file (a temporary name: see `remots.formats.files.atomic`)."""
        head = {
            "videos": [describe_video(self._sequence)],
            "categories": [{"id": CATEGORY_ID, "name": self._category_name}],
        }
        with Path(path).open("w", encoding="ascii") as file:
            file.write(json.dumps(head)[:-1] + ', "annotations": [')
            for number, annotation in enumerate(self._store.annotate(), start=1):
                file.write(("," if number > 1 else "") + "\n" + json.dumps(annotation))
                self.n_tracks = number
            file.write("\n]}\n")

    def __enter__(self) -> "CocoVideoWriter":
        return self

    def __exit__(self, *_error: object) -> None:
        self._store.close()


class TrackStore:
    """The masks of one video in a temporary file, to be read track by track; close it at the end."""

    def __init__(self, sequence: Sequence) -> None:
        self._sequence = sequence
        self._store = MaskStore(sequence.height_px, sequence.width_px)

    def __len__(self) -> int:
        return len(self._store)

    def add(self, frame: int, track_id: int, category_id: int, score: float, counts: bytes) -> None:
        """Add a mask of a frame (1-based); frames of a track come in rising order."""
        # The store sorts by its first key; here that is the track.
        self._store.add(FoundMask(frame, track_id, category_id, track_id, score, {"counts": counts}))

    def annotate(
        self, video_id: int = 1, first_id: int = 1, crowd_category: int | None = None, is_compressed: bool = True
    ) -> Iterator[dict[str, Any]]:
        """Yield the annotation of each track, by rising track id.

        Parameters
        ----------
        video_id, first_id : int
            Of the video, and of the first annotation.
        crowd_category : int, optional
            Tracks of this category are crowds.
        is_compressed : bool
            Write run lengths as a string, as results have them; else as a list, as YouTube-VIS has its ground truth.
        """
        for number, track in enumerate(self._store.iterate_frames(), start=first_id):
            category_id = int(track.class_ids[0])
            yield {
                "id": number,
                "track_id": int(track.object_ids[0]),
                "video_id": video_id,
                "category_id": category_id,
                "iscrowd": int(category_id == crowd_category),
                "height": self._sequence.height_px,
                "width": self._sequence.width_px,
                "score": round(float(track.scores.mean()), 6),
                "segmentations": self._by_frame(track, [_to_json(mask, is_compressed) for mask in track.masks]),
                "bboxes": self._by_frame(track, boxes(track.masks).tolist()),
                "areas": self._by_frame(track, areas(track.masks).tolist()),
            }

    def _by_frame(self, track: FrameMasks, values: list[Any]) -> list[Any]:
        listed: list[Any] = [None] * self._sequence.n_frames
        for frame, value in zip(track.numbers.tolist(), values, strict=True):
            listed[frame - self._sequence.first_frame] = value
        return listed

    def close(self) -> None:
        """Remove the temporary file."""
        self._store.__exit__(None, None, None)


def describe_video(sequence: Sequence, video_id: int = 1) -> dict[str, Any]:
    """Describe a video for the list ``videos``; the names of its images are there where they are known."""
    video = {
        "id": video_id,
        "name": sequence.sequence,
        "height": sequence.height_px,
        "width": sequence.width_px,
        "length": sequence.n_frames,
        "first_frame": sequence.first_frame,
        "fps": sequence.fps,
    }
    if sequence.kind == "images" and Path(sequence.frames).is_dir():
        images = list_images(sequence.frames)[sequence.first_frame - 1 : sequence.last_frame]
        video["file_names"] = [image.name for image in images]
    return video


def _to_json(mask: Rle, is_compressed: bool) -> dict[str, Any]:
    counts = mask["counts"].decode("ascii") if is_compressed else decode_runs(mask).tolist()
    return {"size": list(mask["size"]), "counts": counts}
