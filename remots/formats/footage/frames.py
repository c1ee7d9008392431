"""The frames of a sequence: a MOT folder, any folder of images, or a video."""

import configparser
import logging
import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.images import list_images, read_image
from remots.formats.footage.sequence import Sequence
from remots.formats.footage.video import FPS_WHERE_UNKNOWN, iterate_video, read_fps, shown_size, to_rgb
from remots.progress import track

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

SEQINFO = "seqinfo.ini"


class _Folder(NamedTuple):
    images: Path
    fps: float
    n_frames: int | None


def probe_frames(
    path: Path | str,
    first_frame: int | None = None,
    last_frame: int | None = None,
    name: str | None = None,
    fps: float | None = None,
) -> Sequence:
    """Find out what a sequence is made of; every frame of it is decoded once.

    Parameters
    ----------
    path : Path
        A sequence folder of MOT17 or MOTS20 (``seqinfo.ini`` and ``img1``), a folder of images, or a video.
    first_frame, last_frame : int, optional
        A part of the frames, both ends included; frames are numbered from 1. All of them by default.
    name : str, optional
        Name of the sequence; by default the name of the folder or of the video without its suffix.
    fps : float, optional
        Frames per second; by default what the video or ``seqinfo.ini`` says, else 25.

    Returns
    -------
    Sequence

    Raises
    ------
    InputError
        If there are no frames, if one cannot be decoded or is of another size, or if the part lies outside.
    """
    path = Path(path)
    first = 1 if first_frame is None else first_frame
    _check_part(path, first, last_frame)
    if fps is not None and not 0 < fps < math.inf:
        raise InputError(f"{path}: {fps:g} frames per second were asked for; it must be a number above 0")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give a folder of images or a video")
    default_name = path.resolve().name if path.is_dir() else path.stem
    if path.is_dir():
        folder = _find_images(path)
        frames, kind, fps_found = folder.images, "images", folder.fps
        n_frames, size = _probe_images(folder, path, first, last_frame)
    else:
        frames, kind, fps_found = path, "video", read_fps(path)
        n_frames, size = _probe_video(path, first, last_frame)
    last = n_frames if last_frame is None else last_frame
    return Sequence(name or default_name, str(frames), kind, *size, fps or fps_found, first, last)  # type: ignore[arg-type]


def iterate_images(
    sequence: Sequence, first: int | None = None, last: int | None = None
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Read the images of a sequence one by one.

    Parameters
    ----------
    sequence : Sequence
        What `probe_frames` found.
    first, last : int, optional
        A part of the sequence, both ends included. A video is decoded from its start whatever the part.

    Yields
    ------
    frame : int
        1-based, in rising order.
    image : ndarray of uint8, shape (height_px, width_px, 3)
        RGB.

    Raises
    ------
    InputError
        If an image cannot be read, or if the frames are no longer those that were probed.
    """
    first = sequence.first_frame if first is None else first
    last = sequence.last_frame if last is None else last
    if not sequence.first_frame <= first <= last <= sequence.last_frame:
        raise InputError(
            f"{sequence.frames}: frames {first} to {last} were asked for; "
            f"the sequence has {sequence.first_frame} to {sequence.last_frame}"
        )
    read = _read_folder if sequence.kind == "images" else _read_video
    frame = first - 1
    for frame, image in read(Path(sequence.frames), first, last):
        if image.shape[:2] != (sequence.height_px, sequence.width_px):
            expected = (sequence.height_px, sequence.width_px)
            raise InputError(
                f"{sequence.frames}: {_compare(frame, image.shape[:2], expected)}; run `remots probe` again"
            )
        yield frame, image
    if frame < last:
        raise InputError(f"{sequence.frames}: ends before frame {last}, after frame {frame}; run `remots probe` again")


def sample_images(sequence: Sequence, n_images: int) -> Iterator[NDArray[np.uint8]]:
    """Read some images of a sequence, spread evenly from the first to the last.

    Parameters
    ----------
    sequence : Sequence
        What `probe_frames` found.
    n_images : int
        How many, at most; all of them where the sequence is shorter.

    Yields
    ------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB, in the order of the frames.

    Raises
    ------
    InputError
        As `iterate_images`.
    """
    n_images = min(n_images, sequence.n_frames)
    wanted = np.linspace(sequence.first_frame, sequence.last_frame, n_images).round().astype(int).tolist()
    if sequence.kind == "images":
        for frame in wanted:
            yield from (image for _, image in iterate_images(sequence, frame, frame))
    else:
        chosen = frozenset(wanted)
        yield from (image for frame, image in iterate_images(sequence) if frame in chosen)


def _read_folder(folder: Path, first: int, last: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; run `remots probe` again")
    for frame, path in _part(list_images(folder), first, last):
        yield frame, read_image(path)


def _read_video(path: Path, first: int, last: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    if not path.is_file():
        raise InputError(f"{path}: no such video; run `remots probe` again")
    for frame, decoded in _part(iterate_video(path), first, last):
        yield frame, to_rgb(decoded)


def _part(items: Iterable[Item], first: int, last: int | None) -> Iterator[tuple[int, Item]]:
    return islice(enumerate(items, start=1), first - 1, last)


def _probe_images(folder: _Folder, given: Path, first: int, last: int | None) -> tuple[int, tuple[int, int]]:
    """Return the number of images and the size they share."""
    images = list_images(folder.images)
    if folder.n_frames is not None and folder.n_frames != len(images):
        logger.warning(
            "%s: seqLength is %d, but there are %d images; the images count",
            given / SEQINFO,
            folder.n_frames,
            len(images),
        )
    _check_range(folder.images, len(images), first, last)
    part = images[first - 1 : last]
    expected = _read_size(part[0])
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        sizes = track(pool.map(_read_size, part), f"probe {given.name}", len(part))
        for frame, (path, size) in enumerate(zip(part, sizes, strict=True), start=first):
            if size != expected:
                raise InputError(f"{path}: {_compare(frame, size, expected)}; all frames must be of one size")
    return len(images), expected


def _read_size(path: Path) -> tuple[int, int]:
    height_px, width_px = read_image(path).shape[:2]
    return height_px, width_px


def _probe_video(path: Path, first: int, last: int | None) -> tuple[int, tuple[int, int]]:
    """Return the number of frames, as far as `last`, and the size they share.

    Headers are often wrong about the number of frames, and packets are not frames: only decoding tells.
    """
    n_frames = 0
    expected: tuple[int, int] | None = None
    for n_frames, frame in track(_part(iterate_video(path), 1, last), f"probe {path.name}"):
        size = shown_size(frame)
        expected = expected or size
        if size != expected:
            raise InputError(f"{path}: {_compare(n_frames, size, expected)}; all frames must be of one size")
    if expected is None:
        raise InputError(f"{path}: no frame of this video can be decoded; convert it or replace it")
    _check_range(path, n_frames, first, last)
    return n_frames, expected


def _compare(frame: int, size: tuple[int, ...], expected: tuple[int, ...]) -> str:
    return f"frame {frame} is {size[1]}x{size[0]} px, not {expected[1]}x{expected[0]} px"


def _check_part(path: Path, first: int, last: int | None) -> None:
    if first < 1:
        raise InputError(f"{path}: first frame {first} asked for; frames are numbered from 1")
    if last is not None and first > last:
        raise InputError(f"{path}: first frame {first} comes after last frame {last}; swap them")


def _check_range(path: Path, n_frames: int, first: int, last: int | None) -> None:
    wanted = first if last is None else last
    if wanted > n_frames:
        raise InputError(f"{path}: frame {wanted} was asked for, but the last frame is {n_frames}")


def _find_images(folder: Path) -> _Folder:
    """Find the images of a MOT sequence folder; any other folder holds its images itself."""
    if not (folder / SEQINFO).is_file():
        inner = folder / "img1"
        return _Folder(inner if inner.is_dir() else folder, FPS_WHERE_UNKNOWN, None)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(folder / SEQINFO, encoding="utf-8-sig")
        section = parser["Sequence"]
        images = folder / section.get("imDir", "img1")
        fps, n_frames = section.getfloat("frameRate", FPS_WHERE_UNKNOWN), section.getint("seqLength")
    except (configparser.Error, KeyError, ValueError) as error:
        raise InputError(f"{folder / SEQINFO}: {error}; see motchallenge.net for its format") from error
    if not fps > 0:
        raise InputError(f"{folder / SEQINFO}: frameRate is {fps:g}; it must be above 0")
    if not images.is_dir():
        raise InputError(f"{images}: no such folder, but {SEQINFO} says that the images are there")
    return _Folder(images, fps, n_frames)
