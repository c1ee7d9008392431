"""How far each mask, carried along by the optical flow, covers each mask of the next frame (paper 2.3).

The masks of a frame are disjoint, so one label map holds them all; it is warped and counted once, however many they
are.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.association.first_guess import LabelMap, guess_flow
from remots.association.flow import dense_flow
from remots.masks.counts import decode_counts
from remots.masks.rle import Rle

MAX_MASKS_PER_FRAME = 65535
# OpenCV takes None where it has no array, but its type hints do not say so; an empty array is not the same to it.
_NO_ARRAY: Any = None

FirstGuess = Literal["masks", "none"]


class WarpedPairs(NamedTuple):
    """Pairs of masks of adjacent frames that overlap after warping; arrays of shape (n_pairs,), IoU in (0, 1]."""

    previous: NDArray[np.int64]
    current: NDArray[np.int64]
    iou: NDArray[np.float64]


class _PaintedFrame(NamedTuple):
    frame: int
    first_mask_id: int
    n_masks: int
    labels: LabelMap
    gray: NDArray[np.uint8]


def paint_labels(masks: Sequence[Rle], size: tuple[int, int]) -> LabelMap:
    """Paint the disjoint masks of a frame into one map.

    Parameters
    ----------
    masks : sequence of Rle, length n_masks
        Disjoint masks of one frame.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    ndarray of uint8 or, for more than 255 masks, uint16, shape (height, width)
        i + 1 where mask i is, 0 elsewhere.

    Raises
    ------
    ValueError
        If a mask is of another size, two masks overlap, or there are more than `MAX_MASKS_PER_FRAME`.
    """
    height_px, width_px = size
    _check_masks(masks, size)
    starts, stops, owners = _object_runs(masks, height_px * width_px)
    order = np.argsort(starts)
    starts, stops, owners = starts[order], stops[order], owners[order]
    if np.any(stops[:-1] > starts[1:]):
        raise ValueError("masks of one frame overlap; only disjoint masks can be tracked")
    dtype = np.uint8 if len(masks) <= 255 else np.uint16
    values = np.zeros(2 * len(starts) + 1, dtype)
    values[1::2] = owners + 1
    edges = np.concatenate([[0], np.column_stack([starts, stops]).ravel(), [height_px * width_px]])
    columns = np.repeat(values, np.diff(edges)).reshape(width_px, height_px)
    return np.asarray(cv2.transpose(columns), dtype)


def _check_masks(masks: Sequence[Rle], size: tuple[int, int]) -> None:
    for mask in masks:
        if tuple(mask["size"]) != tuple(size):
            raise ValueError(f"a mask of {_size_text(mask['size'])} px in a frame of {_size_text(size)} px")
    if len(masks) > MAX_MASKS_PER_FRAME:
        raise ValueError(f"{len(masks)} masks in one frame; at most {MAX_MASKS_PER_FRAME} can be tracked")


def _size_text(size: Sequence[int]) -> str:
    return f"{size[1]}x{size[0]}"


def _object_runs(masks: Sequence[Rle], n_pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give first pixel, pixel after the last, and owner of each run of object pixels; they run down the columns."""
    runs, n_runs = decode_counts([mask["counts"] for mask in masks])
    owners = np.repeat(np.arange(len(masks)), n_runs)
    stops = np.cumsum(runs) - owners * n_pixels  # each mask's runs add up to the frame
    index = np.arange(len(runs)) - np.repeat(np.cumsum(n_runs) - n_runs, n_runs)
    kept = np.flatnonzero((index % 2 == 1) & (runs > 0))
    return stops[kept] - runs[kept], stops[kept], owners[kept]


def warp_labels(previous_labels: LabelMap, flow: NDArray[np.float32]) -> LabelMap:
    """Carry a label map into the current frame.

    Parameters
    ----------
    previous_labels : ndarray of uint8 or uint16, shape (height, width)
        The previous frame's labels, 0 for background.
    flow : ndarray of float32, shape (height, width, 2), in px
        From the current frame back to the previous one: see `remots.association.flow.dense_flow`.

    Returns
    -------
    ndarray like `previous_labels`
        The label at the place where each pixel came from, nearest pixel; 0 where it came from outside of the frame.
    """
    how = cv2.INTER_NEAREST | cv2.WARP_RELATIVE_MAP
    warped = cv2.remap(previous_labels, flow, _NO_ARRAY, how, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(warped, previous_labels.dtype)


def warped_iou(
    previous_labels: LabelMap,
    current_labels: LabelMap,
    flow: NDArray[np.float32],
    n_previous: int,
    n_current: int,
) -> WarpedPairs:
    """Compare each mask of the previous frame, warped, with each mask of the current frame by IoU.

    Parameters
    ----------
    previous_labels, current_labels : ndarray of uint8 or uint16, shape (height, width)
        What `paint_labels` gives.
    flow : ndarray of float32, shape (height, width, 2), in px
        From the current frame back to the previous one.
    n_previous, n_current : int
        Numbers of masks in the two frames.

    Returns
    -------
    WarpedPairs
        The pairs with an IoU above 0, by the masks' places in their frames, sorted. The union is taken with the warped
        mask, as the intersection is.

    Raises
    ------
    ValueError
        If label maps and flow differ in size.

    Notes
    -----
    Source: ReMOTS section 2.3, the IoU of equation 1.
    """
    if not previous_labels.shape == current_labels.shape == flow.shape[:2]:
        raise ValueError(
            f"label maps of {previous_labels.shape} and {current_labels.shape}, but a flow of {flow.shape[:2]} px"
        )
    counts = _count_pairs(warp_labels(previous_labels, flow), current_labels, n_previous + 1, n_current + 1)
    intersections = counts[1:, 1:]
    previous, current = np.nonzero(intersections)
    overlap_px = intersections[previous, current]
    union_px = counts.sum(axis=1)[previous + 1] + counts.sum(axis=0)[current + 1] - overlap_px
    return WarpedPairs(previous, current, overlap_px / union_px)


def _count_pairs(labels_a: LabelMap, labels_b: LabelMap, n_a: int, n_b: int) -> NDArray[np.float64]:
    """Count the pixels of each pair of labels, shape (n_a, n_b): by runs of equal pairs, far fewer than pixels."""
    joint = labels_a.astype(np.uint16 if n_a * n_b <= 65536 else np.uint32)
    np.multiply(joint, n_b, out=joint)
    np.add(joint, labels_b, out=joint)
    joint = joint.ravel()
    starts = np.concatenate([[0], np.flatnonzero(joint[1:] != joint[:-1]) + 1])
    lengths_px = np.diff(starts, append=len(joint)).astype(np.float64)
    counts = np.bincount(joint[starts], weights=lengths_px, minlength=n_a * n_b)
    return np.asarray(counts, np.float64).reshape(n_a, n_b)


def iterate_warped_iou(
    masked_images: Iterable[tuple[int, NDArray[np.uint8], Sequence[Rle]]],
    method: str = "dis_fine",
    first_guess: FirstGuess = "masks",
) -> Iterator[WarpedPairs]:
    """Go once through a video and compare the masks of each frame with those of the next.

    Where a frame has no masks, no flow is computed to or from it.

    Parameters
    ----------
    masked_images : iterable of (int, ndarray of uint8, sequence of Rle)
        Frame number, RGB image of shape (height, width, 3) and disjoint masks, of all frames that have masks, in rising
        order. Only two frames are kept at a time.
    method : str
        See `remots.association.flow.dense_flow`.
    first_guess : {"masks", "none"}
        Whether the flow first tries what `remots.association.first_guess.guess_flow` says.

    Yields
    ------
    WarpedPairs
        By mask id, which is the number of masks that came before; one for each two adjacent frames with masks.

    Raises
    ------
    ValueError
        If masks overlap or are not of their image's size; names the frame.
    """
    previous: _PaintedFrame | None = None
    n_masks = 0
    for frame, image, masks in masked_images:
        current = _paint_frame(frame, image, masks, n_masks)
        n_masks += len(masks)
        if previous is not None and previous.frame + 1 == frame and previous.n_masks and current.n_masks:
            yield _compare(previous, current, method, first_guess)
        previous = current


def _paint_frame(frame: int, image: NDArray[np.uint8], masks: Sequence[Rle], first_mask_id: int) -> _PaintedFrame:
    height_px, width_px = image.shape[:2]
    try:
        labels = paint_labels(masks, (height_px, width_px))
    except ValueError as error:
        raise ValueError(f"frame {frame}: {error}") from error
    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return _PaintedFrame(frame, first_mask_id, len(masks), labels, gray)


def _compare(previous: _PaintedFrame, current: _PaintedFrame, method: str, first_guess: FirstGuess) -> WarpedPairs:
    guess = guess_flow(previous.labels, current.labels) if first_guess == "masks" else None
    flow = dense_flow(previous.gray, current.gray, method, guess)
    pairs = warped_iou(previous.labels, current.labels, flow, previous.n_masks, current.n_masks)
    return WarpedPairs(pairs.previous + previous.first_mask_id, pairs.current + current.first_mask_id, pairs.iou)
