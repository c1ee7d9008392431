"""Folders with a PNG of masks per frame: which frame an image is, and reading it as MOTS or as DAVIS."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.ndimage import find_objects

from remots.errors import InputError
from remots.formats.exchange.identities import VOID
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, FoundMask, MaskSource
from remots.formats.exchange.mots_png import read_mots_png
from remots.formats.exchange.mots_text import IDS_PER_CLASS, IGNORE_ID
from remots.formats.footage.images import list_images
from remots.masks.rle import Rle, boxes, decode_crop, encode_crop

PNG = frozenset({".png"})


def list_numbered(folder: Path, first_number: int) -> list[tuple[int, Path]]:
    """List the images of a folder with their frames.

    Parameters
    ----------
    folder : Path
    first_number : int
        What the first frame of a video is called. An image bears its frame's number, as ``000101.png``; where names are
        no numbers, or lower ones, the images are the frames 1, 2, 3, … in natural order.

    Returns
    -------
    list of (int, Path)
        Frame (1-based) and image, by rising frame.
    """
    paths = list_images(folder, PNG)
    if all(path.stem.isdecimal() for path in paths) and int(paths[0].stem) >= first_number:
        return [(int(path.stem) - first_number + 1, path) for path in paths]
    return list(enumerate(paths, start=1))


def open_numbered_mots_png(folder: Path, first_number: int) -> MaskSource:
    """Open a folder of MOTS PNG whose names are frame numbers, from 1 (MOTSChallenge) or 0 (KITTI MOTS)."""
    return MaskSource(folder, "image", "class", partial(_iterate_mots, folder, first_number))


def _iterate_mots(folder: Path, first_number: int) -> Iterator[FoundMask]:
    for frame, path in list_numbered(folder, first_number):
        for object_id, rle in read_mots_png(path):
            yield FoundMask(frame, frame, object_id // IDS_PER_CLASS, object_id, 1.0, rle)


def open_davis(folder: Path, class_id: int) -> MaskSource:
    """Open a folder of DAVIS annotations: palette PNG from ``00000.png`` on; see `read_davis_png`."""
    return MaskSource(folder, "image", "class", partial(_iterate_davis, folder, class_id))


def _iterate_davis(folder: Path, class_id: int) -> Iterator[FoundMask]:
    for frame, path in list_numbered(folder, 0):
        for index, rle in _masks_of(read_davis_png(path)):
            if index == VOID:
                yield FoundMask(frame, frame, IGNORE_CLASS_ID, IGNORE_ID, 1.0, rle)
            else:
                yield FoundMask(frame, frame, class_id, index, 1.0, rle)


def read_davis_png(path: Path) -> NDArray[np.uint8]:
    """Read a palette PNG of DAVIS.

    Parameters
    ----------
    path : Path

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px)
        Index of the object at each pixel; 0 is background, 255 void.

    Raises
    ------
    InputError
        If it is no image, or one with colours in the place of indices.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise InputError(f"{path}: a PNG of mode {image.mode}; DAVIS has a palette (P) or grey levels (L)")
            return np.array(image, np.uint8)
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be decoded as an image (cut off or damaged?); replace it") from error


def _masks_of(labels: NDArray[np.uint8]) -> Iterator[tuple[int, Rle]]:
    size = (labels.shape[0], labels.shape[1])
    for index, place in enumerate(find_objects(labels), start=1):
        if place is not None:
            yield index, encode_crop(labels[place] == index, place[1].start, place[0].start, size)


def write_davis_png(path: Path, indices: Sequence[int], masks: Sequence[Rle], size: tuple[int, int]) -> None:
    """Write one frame as DAVIS has it.

    Parameters
    ----------
    path : Path
    indices : sequence of int in [1, 255], length n
        255 is void.
    masks : sequence of Rle, length n
        Where they overlap, the later one counts.
    size : (int, int)
        Height and width of the frame in px.
    """
    labels = np.zeros(size, np.uint8)
    for index, mask, (left, top, width, height) in zip(indices, masks, boxes(masks).tolist(), strict=True):
        labels[top : top + height, left : left + width][decode_crop(mask, left, top, width, height)] = index
    image = Image.fromarray(labels)
    image.putpalette(davis_palette().ravel().tolist())
    image.save(path)


def davis_palette() -> NDArray[np.uint8]:
    """Give the colours of DAVIS (and PASCAL VOC): the bits of an index, three at a time, from the highest bit down.

    Returns
    -------
    ndarray of uint8, shape (256, 3)
        RGB of each index.
    """
    indices = np.arange(256)[:, None]
    bits: NDArray[Any] = (indices[:, :, None] >> (3 * np.arange(8) + np.arange(3)[:, None])) & 1
    return np.asarray((bits << (7 - np.arange(8))).sum(axis=2), np.uint8)
