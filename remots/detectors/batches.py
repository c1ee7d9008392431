"""Detection in batches of images, whatever the detector; batches become smaller where memory runs out."""

import gc
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from remots.detectors.interface import Detector, Instance

logger = logging.getLogger(__name__)

Frame = tuple[int, NDArray[np.uint8]]

# What errors that are no MemoryError say: torch on a GPU and on a CPU, cuDNN and cuBLAS, oneDNN, OpenCV.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|cannot allocate memory|STATUS_ALLOC_FAILED|bad_alloc"
    r"|could not (create|execute) a (primitive|memory)|Insufficient memory",
    re.IGNORECASE,
)


def detect_frames(detector: Detector, frames: Iterable[Frame], batch_size: int) -> Iterator[tuple[int, list[Instance]]]:
    """Find what there is in the frames of a video.

    Parameters
    ----------
    detector : Detector
    frames : iterable of (int, ndarray of uint8, shape (height, width, 3))
        Frame number and RGB image, in the order of the video.
    batch_size : int
        Images that are given to the detector together. Where they do not fit into memory, half as many, from there on.

    Yields
    ------
    frame : int
    instances : list of Instance

    Raises
    ------
    ValueError
        If not even one image fits into memory; says what to try.
    """
    frames = iter(frames)
    while batch := list(islice(frames, batch_size)):
        start = 0
        while start < len(batch):
            part = batch[start : start + batch_size]
            try:
                found = _detect(detector, [image for _, image in part])
            except MemoryError as error:
                reason = str(error)
            else:
                yield from zip((frame for frame, _ in part), found, strict=True)
                start += len(part)
                continue
            # Only here, where the error is gone, is what it held on to: the activations of the network.
            batch_size = _halve(detector, part, reason)


def _detect(detector: Detector, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
    """Detect; raise MemoryError where memory runs out, on whatever device, with one line of the cause."""
    try:
        return detector.detect(images)
    except Exception as error:  # OpenCV's and torch's have no base of their own in common
        if not (isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error))):
            raise
        raise MemoryError((str(error).splitlines() or ["no memory left"])[0]) from None


def _halve(detector: Detector, part: Sequence[Frame], reason: str) -> int:
    """Free memory and give the next smaller number of images."""
    gc.collect()
    torch = sys.modules.get("torch")  # not imported here: not every detector needs it
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    device = getattr(detector, "device", "this machine")
    frame, image = part[0]
    if len(part) == 1:
        raise ValueError(
            f"not even one image of {image.shape[1]} x {image.shape[0]} px (frame {frame}) fits into the memory of "
            f"{device}: make short_side_px smaller, set precision to bfloat16 (or float16), or take another device "
            f"({reason})"
        )
    n = len(part)
    logger.warning(
        "out of memory on %s with %d images at once (from frame %d on): going on with %d (%s)",
        *(device, n, frame, n // 2, reason),
    )
    return n // 2


def split_frames(first_frame: int, last_frame: int, n_parts: int, batch_size: int) -> list[range]:
    """Split a sequence into parts that can be detected in on several machines.

    Parameters
    ----------
    first_frame, last_frame : int
        Both ends included.
    n_parts : int
        How many parts.
    batch_size : int
        A part starts where a batch of the unsplit sequence starts: an image's scores depend, in the last digit, on the
        size of its batch.

    Returns
    -------
    list of range, length n_parts
        Frame numbers; in order, without gaps. Where there are fewer batches than parts, some are empty.
    """
    n_batches = -(-(last_frame + 1 - first_frame) // batch_size)
    starts = [first_frame + batch_size * -(-n_batches * part // n_parts) for part in range(n_parts)]
    ends = [*starts[1:], last_frame + 1]
    return [
        range(min(start, last_frame + 1), min(end, last_frame + 1)) for start, end in zip(starts, ends, strict=True)
    ]
