"""MOTS PNG: a 16-bit image per frame, a pixel's value is its object's id (see `remots.formats.exchange.mots_text`)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from remots.errors import InputError
from remots.formats.exchange.mask_source import FoundMask, MaskSource
from remots.formats.exchange.mots_text import CLASS_NAMES, IDS_PER_CLASS, IGNORE_ID
from remots.formats.footage.images import decode_image, list_images
from remots.masks.rle import Rle, boxes, decode_crop, encode_crop


def open_mots_png(folder: Path | str) -> MaskSource:
    """Open a folder of MOTS PNG images; see `iterate_mots_png`."""
    folder = Path(folder)
    return MaskSource(folder, "image", "class", lambda: iterate_mots_png(folder))


def iterate_mots_png(folder: Path | str) -> Iterator[FoundMask]:
    """Read a folder of MOTS PNG images, one at a time.

    Parameters
    ----------
    folder : Path
        A PNG per frame; the first in natural order is frame 1.

    Yields
    ------
    FoundMask
        Frame by frame, by rising id. `number` is the frame, `score` is 1.

    Raises
    ------
    InputError
        If there are no images, or one cannot be decoded, is not grey with 16 bits, or holds an unknown class.
    """
    for frame, path in enumerate(list_images(folder, frozenset({".png"})), start=1):
        for object_id, rle in read_mots_png(path):
            yield FoundMask(frame, frame, object_id // IDS_PER_CLASS, object_id, 1.0, rle)


def read_mots_png(path: Path | str) -> list[tuple[int, Rle]]:
    """Read the masks of one image, by rising object id.

    Parameters
    ----------
    path : Path
        A 16-bit grey PNG; 0 is background.

    Returns
    -------
    list of (int, Rle)
        Object id and mask.

    Raises
    ------
    InputError
        As `iterate_mots_png`.
    """
    labels = decode_image(path, cv2.IMREAD_UNCHANGED)
    if labels.ndim != 2 or labels.dtype != np.uint16:
        raise InputError(f"{path}: not a 16-bit grey PNG, as MOTS annotations are; give the folder of instances")
    object_ids, compact = np.unique(labels, return_inverse=True)
    for object_id in object_ids[object_ids > 0].tolist():
        if object_id // IDS_PER_CLASS not in CLASS_NAMES or (object_id > IGNORE_ID):
            known = ", ".join(f"{known_id} = {name}" for known_id, name in CLASS_NAMES.items())
            raise InputError(f"{path}: object {object_id} is of unknown class {object_id // IDS_PER_CLASS}; {known}")
    compact = compact.reshape(labels.shape)
    height_px, width_px = labels.shape
    found = []
    for number, (object_id, place) in enumerate(zip(object_ids.tolist(), find_objects(compact + 1), strict=True)):
        if object_id:
            crop = compact[place] == number
            found.append((object_id, encode_crop(crop, place[1].start, place[0].start, (height_px, width_px))))
    return found


def write_mots_png(
    path: Path | str, object_ids: Sequence[int] | NDArray[np.integer], masks: Sequence[Rle], size: tuple[int, int]
) -> None:
    """Write the masks of one frame.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    object_ids : sequence of int, length n
        From 1 to 65535: ``1000 * class_id + number``.
    masks : sequence of Rle, length n
        Where they overlap, the later one counts.
    size : (int, int)
        Height and width of the frame in px.

    Raises
    ------
    ValueError
        If an id does not fit into 16 bits.
    """
    labels = np.zeros(size, np.uint16)
    for object_id, mask, (left, top, width, height) in zip(object_ids, masks, boxes(masks).tolist(), strict=True):
        if not 0 < object_id <= np.iinfo(np.uint16).max:
            raise ValueError(f"object id {object_id} does not fit into a 16-bit PNG")
        labels[top : top + height, left : left + width][decode_crop(mask, left, top, width, height)] = object_id
    encoded = cv2.imencode(".png", labels)[1]
    Path(path).write_bytes(encoded.tobytes())
