"""Video files: decoding frame by frame, and writing H.264."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from remots.errors import InputError

logger = logging.getLogger(__name__)

# x264 gives the same bytes on every machine only if the number of threads does not depend on the machine.
ENCODING_THREADS = 4
FPS_WHERE_UNKNOWN = 25.0


def read_fps(path: Path | str) -> float:
    """Read the average frame rate of a video, in frames per second; 25 where the file does not say."""
    with _open(path) as container:
        stream = container.streams.video[0]
        return float(stream.average_rate or stream.guessed_rate or FPS_WHERE_UNKNOWN)


def iterate_video(path: Path | str) -> Iterator[av.VideoFrame]:
    """Decode a video from its start, one frame at a time.

    Parameters
    ----------
    path : Path
        A video in any container and codec of FFmpeg.

    Yields
    ------
    av.VideoFrame
        Every frame that can be decoded, in the order of display. `to_rgb` gives its pixels.

    Raises
    ------
    InputError
        If the file is not a video.

    Notes
    -----
    One thread only: where a video is damaged, FFmpeg mends it differently in several threads.
    """
    n_damaged = 0
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in _demux(container, stream):
            try:
                frames = packet.decode()
            except FFmpegError:
                n_damaged += 1
                continue
            for frame in frames:
                n_damaged += frame.is_corrupt
                yield frame
    if n_damaged:
        logger.warning("%s: damaged in %d places; what cannot be decoded is left out", path, n_damaged)


def to_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Convert a decoded frame to pixels, turned as the video asks to be shown.

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB.
    """
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    n_quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, like np.rot90
    return np.ascontiguousarray(np.rot90(pixels, n_quarter_turns)) if n_quarter_turns else pixels


def shown_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Give (height_px, width_px) of a decoded frame as it is shown, without converting its pixels."""
    is_upright = round(frame.rotation / 90) % 2 == 0
    return (frame.height, frame.width) if is_upright else (frame.width, frame.height)


def _open(path: Path | str) -> av.container.InputContainer:
    try:
        container = av.open(str(path))
    except FFmpegError as error:
        raise InputError(f"{path}: cannot be opened as a video ({error.strerror}); convert it or replace it") from error
    # FFmpeg takes any text file for a film of a terminal.
    if not container.streams.video or container.format.name == "tty":
        container.close()
        raise InputError(f"{path}: holds no video; give a video file or a folder of images")
    return container


def _demux(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator["av.Packet[av.VideoStream]"]:
    """Yield the packets up to the end, or up to where the container breaks off."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, FFmpegError):
            return


class VideoWriter:
    """Write RGB images as an H.264 video, one by one; use it in a ``with`` block.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`); its suffix says the container: ``.mp4``.
    fps : float
        Frames per second.
    crf : int
        Constant rate factor of x264, from 0 (lossless) to 51; 18 looks lossless.
    preset : str
        Preset of x264: how hard it tries.

    Notes
    -----
    The same images give the same bytes. An odd height or width grows by one px, as the chroma of H.264 needs even ones.
    """

    def __init__(self, path: Path | str, fps: float, crf: int = 18, preset: str = "veryfast") -> None:
        self._path = path
        self._rate = Fraction(fps).limit_denominator(1001)
        # Where the width is no multiple of 16, x264's macroblock tree reads memory that was never written, and two runs
        # give other bytes.
        self._options = {"crf": str(crf), "preset": preset, "mbtree": "0"}
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        self._stream: av.VideoStream | None = None
        self._size: tuple[int, int] | None = None
        self._n_images = 0

    def append(self, image_rgb: NDArray[np.uint8]) -> None:
        """Add an image of shape (height_px, width_px, 3); all of one size, or ValueError."""
        size = image_rgb.shape[:2]
        if self._stream is None:
            self._size = size
            self._stream = self._add_stream(*size)
        if size != self._size:
            raise ValueError(f"image {self._n_images + 1} is {_describe(size)}, the first one {_describe(self._size)}")
        padding = ((0, size[0] % 2), (0, size[1] % 2), (0, 0))
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(np.pad(image_rgb, padding, mode="edge")), format="rgb24"
        )
        frame.pts = self._n_images
        self._n_images += 1
        self._encode(frame)

    def _add_stream(self, height_px: int, width_px: int) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options=self._options)
        stream.height, stream.width = height_px + height_px % 2, width_px + width_px % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = ENCODING_THREADS
        return stream

    def _encode(self, frame: av.VideoFrame | None) -> None:
        if self._stream is not None:
            try:
                self._container.mux(self._stream.encode(frame))
            except FFmpegError as error:
                raise OSError(error.errno, error.strerror, str(self._path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            with contextlib.suppress(OSError):  # it would hide the error that ended the block
                self._close()
            return
        try:
            if not self._n_images:
                raise ValueError("a video needs at least one image")
            self._encode(None)
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._container.close()
        except FFmpegError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error


def write_video(path: Path | str, images: Iterable[NDArray[np.uint8]], fps: float, crf: int = 18) -> None:
    """Write RGB images, all of one size, as an H.264 video; see `VideoWriter`."""
    with VideoWriter(path, fps, crf) as writer:
        for image in images:
            writer.append(image)


def _describe(size: tuple[int, int] | None) -> str:
    return "of no size" if size is None else f"{size[1]}x{size[0]} px"
