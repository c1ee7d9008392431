"""The images of a sequence with their masks and the track of each, for drawing."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import Sequence
from remots.formats.results.filled_masks import add_filled_masks, iterate_masks_with_tracks
from remots.formats.results.tables import count_rows
from remots.formats.results.tracks import read_track_of_mask
from remots.masks.rle import Rle


class TrackedImage(NamedTuple):
    """A frame, its image (RGB), its masks and the track of each mask, -1 where it is in none."""

    frame: int
    image: NDArray[np.uint8]
    masks: list[Rle]
    track_ids: NDArray[np.int64]


def iterate_tracked_images(
    sequence: Sequence,
    masks: Path | str,
    short_tracklets: Path | str,
    tracks: Path | str,
    filled: Path | None = None,
) -> Iterator[TrackedImage]:
    """Read a result together with its images, one frame at a time.

    Parameters
    ----------
    sequence : Sequence
        Where the images are.
    masks, short_tracklets, tracks : Path
        The tables of the result.
    filled : Path, optional
        Its table of filled masks.

    Yields
    ------
    TrackedImage
        Every frame of the sequence, with or without masks.

    Raises
    ------
    InputError
        If a file cannot be read, or if the tables do not belong together or to the sequence.
    """
    size = (sequence.height_px, sequence.width_px)
    track_of_mask = read_track_of_mask(short_tracklets, tracks, count_rows(masks, "masks"))
    no_rows = {"track_id": np.zeros(0, dtype=np.int64), "rle": np.zeros(0, dtype=object)}
    found = add_filled_masks(iterate_masks_with_tracks(sequence, masks, track_of_mask), sequence, filled)
    rows = fill_frames(found, sequence, no_rows)
    for (frame, image), columns in zip(iterate_images(sequence), rows, strict=True):
        found_masks = [Rle(size=size, counts=counts) for counts in columns["rle"]]
        yield TrackedImage(frame, image, found_masks, columns["track_id"])
