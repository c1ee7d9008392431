"""Pictures within a page: data URIs, and thumbnails of masks."""

import base64
from collections.abc import Iterable
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.appearance.crops import CROP_CHANNELS
from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader
from remots.formats.results.result_folder import ResultFolder
from remots.report.thumbnails import draw_thumbnail

THUMBNAIL_QUALITY = 62


def to_uri(data: bytes, mime: str) -> str:
    """Write bytes as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def to_webp_uri(image_rgb: NDArray[np.uint8], quality: int) -> str:
    """Write an RGB image of shape (height, width, 3) as a WebP data URI; `quality` is in 1–100."""
    done, encoded = cv2.imencode(
        ".webp", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality]
    )
    if not done:
        raise OSError("OpenCV cannot write WebP here")
    return to_uri(encoded.tobytes(), "image/webp")


class Thumbnails:
    """Thumbnails of masks, from ``crops.npy``; use it in a ``with`` block.

    Parameters
    ----------
    folder : ResultFolder
        Where there is no ``crops.npy``, there are no thumbnails.

    Raises
    ------
    InputError
        If there are crops of more or fewer masks.
    """

    def __init__(self, folder: ResultFolder) -> None:
        self._masks, self._name = folder.masks, folder.name_tracklet
        path = folder.file("crops.npy")
        self._crops = ArrayReader(path, (None, None, CROP_CHANNELS), np.uint8) if folder.has("crops.npy") else None
        if self._crops is not None and len(self._crops) != len(self._masks.frames):
            raise InputError(
                f"{path}: {len(self._crops)} crops, but {len(self._masks.frames)} masks; run `remots crop` again"
            )

    def of(self, mask_ids: Iterable[int]) -> list[dict[str, int | str]]:
        """Give of each mask its frame, its short tracklet and its picture as a data URI, empty where there is none."""
        return [
            {
                "frame": int(self._masks.frames[mask_id]),
                "tracklet": self._name(int(self._masks.tracklet_ids[mask_id])),
                "picture": self._draw(mask_id),
            }
            for mask_id in mask_ids
        ]

    def _draw(self, mask_id: int) -> str:
        if self._crops is None:
            return ""
        (crop,) = self._crops[np.array([mask_id])]
        width_px, height_px = self._masks.boxes_px[mask_id, 2:].tolist()
        return to_webp_uri(draw_thumbnail(crop, width_px, height_px), THUMBNAIL_QUALITY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._crops is not None:
            self._crops.close()
