"""The one representation of a mask: COCO's compressed run-length encoding, column by column."""

from typing import TypedDict


class Rle(TypedDict):
    """A binary mask; what pycocotools calls an encoded mask.

    ``size`` is (height, width) of the frame in px, ``counts`` the compressed runs.
    """

    size: tuple[int, int]
    counts: bytes
