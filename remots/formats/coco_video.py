"""COCO video, as in YouTube-VIS: an annotation per track, with a mask or null for every frame."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.formats.images import list_images
from remots.formats.mask_source import FoundMask
from remots.formats.mask_store import FrameMasks, MaskStore
from remots.formats.sequence import Sequence
from remots.masks.rle import Rle, areas, boxes

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
        self._store = MaskStore(sequence.height_px, sequence.width_px)
        self.n_tracks = 0

    def add(
        self, frame: int, track_ids: NDArray[np.int64], scores: NDArray[np.floating[Any]], counts: Iterable[bytes]
    ) -> None:
        """Add masks of one frame (1-based); frames come in rising order."""
        for track_id, score, own in zip(track_ids.tolist(), scores.tolist(), counts, strict=True):
            # The store sorts by its first key; here that is the track.
            self._store.add(FoundMask(frame, track_id, CATEGORY_ID, track_id, score, {"counts": own}))

    @property
    def n_masks(self) -> int:
        """How many masks were added."""
        return len(self._store)

    def write(self, path: Path | str) -> None:
        """Write the file (a temporary name: see `remots.formats.atomic`)."""
        head = {
            "videos": [self._describe_video()],
            "categories": [{"id": CATEGORY_ID, "name": self._category_name}],
        }
        with Path(path).open("w", encoding="ascii") as file:
            file.write(json.dumps(head)[:-1] + ', "annotations": [')
            for number, annotation in enumerate(self._annotations(), start=1):
                file.write(("," if number > 1 else "") + "\n" + json.dumps(annotation))
            file.write("\n]}\n")

    def _describe_video(self) -> dict[str, Any]:
        sequence = self._sequence
        video = {
            "id": 1,
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

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for track in self._store.iterate_frames():
            self.n_tracks += 1
            yield {
                "id": self.n_tracks,
                "track_id": int(track.object_ids[0]),
                "video_id": 1,
                "category_id": CATEGORY_ID,
                "iscrowd": 0,
                "height": self._sequence.height_px,
                "width": self._sequence.width_px,
                "score": round(float(track.scores.mean()), 6),
                "segmentations": self._by_frame(track, [_to_json(mask) for mask in track.masks]),
                "bboxes": self._by_frame(track, boxes(track.masks).tolist()),
                "areas": self._by_frame(track, areas(track.masks).tolist()),
            }

    def _by_frame(self, track: FrameMasks, values: list[Any]) -> list[Any]:
        listed: list[Any] = [None] * self._sequence.n_frames
        for frame, value in zip(track.numbers.tolist(), values, strict=True):
            listed[frame - self._sequence.first_frame] = value
        return listed

    def __enter__(self) -> "CocoVideoWriter":
        return self

    def __exit__(self, *_error: object) -> None:
        self._store.__exit__(None, None, None)


def _to_json(mask: Rle) -> dict[str, Any]:
    return {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")}
