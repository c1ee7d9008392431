"""Folders of images: their order, and one image at a time."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

# A broken image ends in our own message; OpenCV's log lines before it would only hide that.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which ``2.png`` comes before ``10.png``."""
    parts = re.split(r"([0-9]+)", path.name)
    return tuple((1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts)


def list_images(folder: Path | str, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> list[Path]:
    """List the images of a folder in natural order; image k is frame k + 1.

    Parameters
    ----------
    folder : Path
        A folder; other files and hidden files in it are passed over.
    suffixes : frozenset of str
        What counts as an image, in lower case.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If there are no images, or if two differ in nothing but their suffix (which of them is the frame?).
    """
    images = sorted(_iterate_images(Path(folder), suffixes), key=natural_key)
    if not images:
        raise InputError(
            f"{folder}: no images in this folder ({', '.join(sorted(suffixes))}); give the folder that holds them"
        )
    seen: dict[str, Path] = {}
    for image in images:
        other = seen.setdefault(image.stem, image)
        if other is not image:
            raise InputError(f"{folder}: both {other.name} and {image.name}; keep one image per frame")
    return images


def _iterate_images(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
            yield path


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read an image file.

    Parameters
    ----------
    path : Path
        An image in any format of OpenCV. Grey images become RGB, transparency is dropped, EXIF orientation is applied.

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB.

    Raises
    ------
    InputError
        If the file is not an image or has been cut off.
    """
    return np.asarray(cv2.cvtColor(decode_image(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def decode_image(path: Path | str, flags: int) -> NDArray[Any]:
    """Decode an image file as ``cv2.imread`` does with these flags; raise InputError where that fails."""
    stored = np.fromfile(path, dtype=np.uint8)
    image = None
    if _is_complete(stored.tobytes()):
        with contextlib.suppress(cv2.error):
            image = cv2.imdecode(stored, flags)
    if image is None:
        raise InputError(f"{path}: cannot be decoded as an image (cut off or damaged?); replace it")
    return np.asarray(image)


def _is_complete(stored: bytes) -> bool:
    """Tell a whole file from one that was cut off; some versions of OpenCV fill a cut-off JPEG with grey."""
    if stored.startswith(b"\xff\xd8"):  # JPEG: an end marker after the last start of a scan
        return stored.rfind(b"\xff\xd9") > stored.rfind(b"\xff\xda")
    if stored.startswith(b"\x89PNG"):
        return b"IEND" in stored
    return len(stored) > 0
