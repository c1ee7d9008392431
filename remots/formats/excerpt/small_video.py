"""The small video of a report: some frames with their tracks, in a file of bounded size."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import Sequence
from remots.formats.footage.video import VideoWriter, iterate_video, to_rgb
from remots.formats.results.filled_masks import add_filled_masks, iterate_masks_with_tracks
from remots.formats.results.result_folder import ResultFolder
from remots.masks.rle import Rle
from remots.progress import track
from remots.report.clip import ClipPlan
from remots.report.overlay import Trails, draw_overlay

# Shares of the size for what plays and for what is buffered ahead; the rest is for the container.
_PLAYED, _BUFFERED = 0.85, 0.1
_CRF, _PRESET = 26, "medium"


class SmallVideoWriter(VideoWriter):
    """Write an H.264 video of bounded size: see `VideoWriter`.

    Parameters
    ----------
    path : Path
    fps : float
    n_images : int
        How many there will be.
    max_bytes : int
        The size of the file. The picture gets as coarse as it needs.
    """

    def __init__(self, path: Path | str, fps: float, n_images: int, max_bytes: int) -> None:
        super().__init__(path, fps, crf=_CRF, preset=_PRESET)
        bits, seconds = 8 * max_bytes, n_images / fps
        self._options |= {"maxrate": str(int(_PLAYED * bits / seconds)), "bufsize": str(int(_BUFFERED * bits))}

    def _add_stream(self, height_px: int, width_px: int) -> av.VideoStream:
        stream = super()._add_stream(height_px, width_px)
        # Where x264 keeps to a size, several threads make other bytes in each run.
        stream.codec_context.thread_count = 1
        return stream


def write_small_video(
    path: Path, folder: ResultFolder, plan: ClipPlan, height_px: int, max_bytes: int
) -> NDArray[np.uint8]:
    """Draw the tracks into some frames of a sequence, and write them as a small video.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    folder : ResultFolder
    plan : ClipPlan
        Which frames.
    height_px : int
        Larger frames are scaled down to this height.
    max_bytes : int
        The size of the file.

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px, 3)
        The first image, RGB.

    Raises
    ------
    InputError
        If frames or masks cannot be read, or do not belong together.
    """
    images = track(_draw_frames(folder, plan, height_px), f"draw {folder.sequence.sequence}", len(plan.frames))
    with SmallVideoWriter(path, plan.fps, len(plan.frames), max_bytes) as video:
        first_image = next(images)
        for image in itertools.chain([first_image], images):
            video.append(image)
    return first_image


def _draw_frames(folder: ResultFolder, plan: ClipPlan, height_px: int) -> Iterator[NDArray[np.uint8]]:
    sequence = folder.sequence
    size = (sequence.height_px, sequence.width_px)
    nothing = {"track_id": np.zeros(0, np.int64), "rle": np.zeros(0, object)}
    found = iterate_masks_with_tracks(sequence, folder.file("masks.parquet"), folder.masks.track_ids)
    rows = fill_frames(add_filled_masks(found, sequence, folder.filled), sequence, nothing)
    images = iterate_chosen_images(sequence, plan.frames)
    chosen, trails = set(plan.frames), Trails(round(sequence.fps))
    for frame, columns in zip(range(sequence.first_frame, plan.frames[-1] + 1), rows, strict=False):
        ids = columns["track_id"]
        if frame in chosen:
            masks = [Rle(size=size, counts=counts) for counts in columns["rle"]]
            trails.append(frame, ids, masks)
            yield draw_overlay(next(images), masks, ids, trails.of_tracks(ids), max_height_px=height_px)


def iterate_chosen_images(sequence: Sequence, frames: list[int]) -> Iterator[NDArray[np.uint8]]:
    """Read some images of a sequence.

    Parameters
    ----------
    sequence : Sequence
    frames : list of int
        Rising. Of a folder of images only these are read; a video is decoded up to the last of them.

    Yields
    ------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB, in the order of frames.

    Raises
    ------
    InputError
        As `remots.formats.footage.frames.iterate_images`.
    """
    if sequence.kind == "images":
        for frame in frames:
            yield from (image for _, image in iterate_images(sequence, frame, frame))
        return
    if not Path(sequence.frames).is_file():
        raise InputError(f"{sequence.frames}: no such video; run `remots probe` again")
    wanted, n_found = set(frames), 0
    for frame, decoded in enumerate(iterate_video(sequence.frames), start=1):
        if frame in wanted:
            n_found += 1
            yield _of_size(to_rgb(decoded), sequence, frame)
        if n_found == len(frames):
            return
    raise InputError(f"{sequence.frames}: ends before frame {frames[n_found]}; run `remots probe` again")


def _of_size(image: NDArray[np.uint8], sequence: Sequence, frame: int) -> NDArray[np.uint8]:
    if image.shape[:2] != (sequence.height_px, sequence.width_px):
        found, expected = f"{image.shape[1]}x{image.shape[0]}", f"{sequence.width_px}x{sequence.height_px}"
        raise InputError(f"{sequence.frames}: frame {frame} is {found} px, not {expected} px; run `remots probe` again")
    return image
