"""A few images of a video, quickly: to look at, not to count on."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.images import list_images, read_image
from remots.formats.footage.video import iterate_video, to_rgb

_MOST_DECODED = 250  # the usual distance of key frames


def glimpse(frames: Path, n_images: int = 24) -> Iterator[NDArray[np.uint8]]:
    """Give some images of a video, spread over it; a long video is not decoded whole.

    Parameters
    ----------
    frames : Path
        A MOT sequence folder, a folder of images, or a video.
    n_images : int
        How many, at most. Of a video in which one cannot seek, they are its first ones.

    Yields
    ------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB.

    Raises
    ------
    InputError
        If there is no such file or folder, no image in it can be read, or they differ in size.
    """
    size: tuple[int, ...] = ()
    for image in _glimpse(frames, n_images):
        if size and image.shape != size:
            raise InputError(f"{frames}: its images differ in size; all frames must be of one size")
        size = image.shape
        yield image


def _glimpse(frames: Path, n_images: int) -> Iterator[NDArray[np.uint8]]:
    if not frames.exists():
        raise InputError(f"{frames}: no such file or folder; give a video or a folder of images")
    if frames.is_dir():
        images = list_images(frames / "img1" if (frames / "img1").is_dir() else frames)
        for place in np.unique(np.linspace(0, len(images) - 1, n_images).round().astype(int)).tolist():
            yield read_image(images[place])
        return
    first = next(iterate_video(frames), None)  # refuses what is no video
    if first is None:
        raise InputError(f"{frames}: no frame of this video can be decoded; convert it or replace it")
    yield to_rgb(first)
    yield from _seek(frames, n_images - 1)


def _seek(path: Path, n_images: int) -> Iterator[NDArray[np.uint8]]:
    """Decode one image at each of several times; where one cannot seek, the images that follow one another."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start, duration = stream.start_time or 0, stream.duration or 0
        for part in range(1, n_images + 1):
            wanted = start + duration * part // (n_images + 1)
            try:
                if duration:
                    container.seek(wanted, stream=stream)  # to the key frame before it
                image = _decode_until(container, stream, wanted)
            except FFmpegError:
                return
            if image is None:
                return
            yield image


def _decode_until(
    container: av.container.InputContainer, stream: av.VideoStream, wanted: int
) -> NDArray[np.uint8] | None:
    """Decode from here to a time; where key frames are far apart, only so far as does not take long."""
    frame = None
    for frame in islice(container.decode(stream), _MOST_DECODED):
        if frame.pts is None or frame.pts >= wanted:
            break
    return None if frame is None else to_rgb(frame)
