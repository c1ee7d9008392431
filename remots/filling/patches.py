"""A mask as a small picture with its place in the frame, carried along a flow and blended with another."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.masks.rle import Rle, boxes, decode_crop, encode_crop

_OPAQUE = 255
_HALF = 128
_NO_ARRAY: Any = None


class Patch(NamedTuple):
    """A mask inside a box.

    Attributes
    ----------
    left_px, top_px : int
        Where the box lies in the frame.
    cover : ndarray of uint8, shape (box height, box width)
        How far the mask covers each pixel, 0 to 255: outlines that are carried from frame to frame get soft. Empty
        where nothing is left.
    """

    left_px: int
    top_px: int
    cover: NDArray[np.uint8]


def cut_out(mask: Rle) -> Patch:
    """Give a mask as a patch."""
    left, top, width, height = boxes([mask])[0].tolist()
    return Patch(left, top, decode_crop(mask, left, top, width, height).astype(np.uint8, order="C") * _OPAQUE)


def carry(patch: Patch, flow: NDArray[np.float16], reach_px: tuple[int, int]) -> Patch:
    """Carry a patch into an adjacent frame.

    Parameters
    ----------
    patch : Patch
    flow : ndarray of float16, shape (height, width, 2), in px
        From the frame that it is carried into to the frame where it is.
    reach_px : (int, int)
        The longest way in the flow, to the side and up or down.

    Returns
    -------
    Patch
        What leaves the frame is cut off.
    """
    height_px, width_px = flow.shape[:2]
    patch_height, patch_width = patch.cover.shape
    left, top = max(0, patch.left_px - reach_px[0]), max(0, patch.top_px - reach_px[1])
    right = min(width_px, patch.left_px + patch_width + reach_px[0])
    bottom = min(height_px, patch.top_px + patch_height + reach_px[1])
    ways = flow[top:bottom, left:right].astype(np.float32)
    ways += np.array([left - patch.left_px, top - patch.top_px], np.float32)
    if not patch.cover.size or not ways.size:
        return _empty()
    how = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
    cover = cv2.remap(patch.cover, ways, _NO_ARRAY, how, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return _trim(Patch(left, top, np.asarray(cover, np.uint8)))


def reach_of(flow: NDArray[np.float16]) -> tuple[int, int]:
    """Give the longest way in a flow of shape (height, width, 2), to the side and up or down, in whole px."""
    across, down = np.abs(flow).reshape(-1, 2).max(axis=0).tolist()
    return int(np.ceil(across)) + 1, int(np.ceil(down)) + 1


def overlap(patch_a: Patch, patch_b: Patch) -> float:
    """IoU of two patches, 0 where both are empty."""
    a, b, _, _ = _in_one_box(patch_a, patch_b)
    either = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / either) if either else 0.0


def blend(patch_a: Patch, patch_b: Patch, weights: tuple[int, int], size: tuple[int, int]) -> Rle:
    """Give the shape between two: its outline lies between theirs, nearer to one or the other.

    Parameters
    ----------
    patch_a, patch_b : Patch
    weights : (int, int)
        Of the two, not negative: (1, 0) gives the first shape, (2, 1) one that is twice as near to it. Whole numbers,
        so that what lies exactly between two straight outlines does not hang on rounding.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    Rle
        Where the weighted mean of the two signed distances to the outlines is on the inner side.
    """
    a, b, left, top = _in_one_box(patch_a, patch_b)
    inside = weights[0] * _signed_distances(a) + weights[1] * _signed_distances(b) > 0
    return encode_crop(inside, left, top, size)


def _in_one_box(patch_a: Patch, patch_b: Patch) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int, int]:
    """Put two patches into the smallest box that holds both; whole pixels, covered by half or more."""
    patches = [patch for patch in (patch_a, patch_b) if patch.cover.size]
    left = min((patch.left_px for patch in patches), default=0)
    top = min((patch.top_px for patch in patches), default=0)
    right = max((patch.left_px + patch.cover.shape[1] for patch in patches), default=1)
    bottom = max((patch.top_px + patch.cover.shape[0] for patch in patches), default=1)
    both = np.zeros((2, bottom - top, right - left), np.bool_)
    for own, patch in zip(both, (patch_a, patch_b), strict=True):
        height, width = patch.cover.shape
        row, column = patch.top_px - top, patch.left_px - left
        if patch.cover.size:
            own[row : row + height, column : column + width] = patch.cover >= _HALF
    return both[0], both[1], left, top


def _signed_distances(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the outline in px, above 0 inside, shape as the mask's; outside, far from an empty mask."""
    padded = np.pad(mask, 1).astype(np.uint8)  # a mask that fills its box has its outline there
    inner = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if not mask.any():
        return np.full(mask.shape, -float(sum(mask.shape)), np.float32)
    outer = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray((inner - outer)[1:-1, 1:-1], np.float32)


def _trim(patch: Patch) -> Patch:
    """Cut the empty borders off."""
    rows = np.flatnonzero(patch.cover.any(axis=1))
    if not len(rows):
        return _empty()
    columns = np.flatnonzero(patch.cover.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return Patch(patch.left_px + int(left), patch.top_px + int(top), patch.cover[top:bottom, left:right])


def _empty() -> Patch:
    return Patch(0, 0, np.zeros((0, 0), np.uint8))
