"""The one representation of a mask: COCO's compressed run-length encoding, column by column."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from remots.masks.counts import MalformedCountsError, decode_counts, encode_counts, read_number, write_number

# pycocotools 2.0.11 counts the masks of one call to `area` in 8 bits; numpy 2 raises where there are more.
_MAX_MASKS_PER_AREA_CALL = 255
# Longer runs would overflow the 32-bit integers of pycocotools.
_MAX_PIXELS = 2**29 - 1


class Rle(TypedDict):
    """A binary mask; what pycocotools calls an encoded mask.

    ``size`` is (height, width) of the frame in px, ``counts`` the compressed runs.
    """

    size: tuple[int, int]
    counts: bytes


def encode(mask: NDArray[Any]) -> Rle:
    """Encode a dense mask.

    Parameters
    ----------
    mask : ndarray of bool or uint8, shape (height, width)
        Not 0 where the object is.

    Returns
    -------
    Rle

    Raises
    ------
    ValueError
        If the array has not two dimensions, or no pixels.

    Notes
    -----
    Only the object's box is encoded, so that the empty part of the frame is passed over once; where the box is known,
    `encode_crop` need not even do that.
    """
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"a mask is an array of shape (height, width), not {mask.shape}")
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return encode_runs([height * width], (height, width))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return encode_crop(mask[top:bottom, left:right], left, top, (height, width))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """Decode a mask into a dense frame; `decode_crop` is many times faster where only the object's box is needed.

    Parameters
    ----------
    rle : Rle
        A mask that `check_rle` accepts.

    Returns
    -------
    ndarray of bool, shape (height, width)
        In column-major order, as the runs are.

    Raises
    ------
    ValueError
        If the counts are malformed.
    """
    height, width = rle["size"]
    runs = decode_runs(rle)
    if runs.sum() != height * width:
        raise ValueError(f"the runs add up to {runs.sum()} px, but a frame of {height} x {width} has {height * width}")
    # Only from the first to the last pixel of the object, which lie in a few columns: the rest stays 0.
    inner = runs[1 : len(runs) // 2 * 2]
    flat = np.zeros(height * width, np.bool_)
    flat[runs[0] : runs[0] + inner.sum()] = np.repeat(np.arange(len(inner)) % 2 == 0, inner)
    return flat.reshape(width, height).T


def areas(masks: Sequence[Rle]) -> NDArray[np.int64]:
    """Count the pixels of each mask.

    Parameters
    ----------
    masks : sequence of Rle, length n

    Returns
    -------
    ndarray of int64, shape (n,), in px
    """
    step = _MAX_MASKS_PER_AREA_CALL
    parts = [coco_mask.area(list(masks[start : start + step])) for start in range(0, len(masks), step)]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)


def boxes(masks: Sequence[Rle]) -> NDArray[np.int32]:
    """Find the smallest box around each mask.

    Parameters
    ----------
    masks : sequence of Rle, length n

    Returns
    -------
    ndarray of int32, shape (n, 4), in px
        Columns left, top, width, height; all 0 for an empty mask.
    """
    if not masks:
        return np.zeros((0, 4), np.int32)
    found: NDArray[np.int32] = coco_mask.toBbox(list(masks)).astype(np.int32)
    return found


def encode_crop(crop: NDArray[Any], left_px: int, top_px: int, size: tuple[int, int]) -> Rle:
    """Encode a mask that is given only inside a box; the frame is never made dense.

    Parameters
    ----------
    crop : ndarray of bool or uint8, shape (box height, box width)
        Not 0 where the object is.
    left_px, top_px : int
        Where the crop's first pixel lies in the frame, from 0.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    Rle
        Of the whole frame.

    Raises
    ------
    ValueError
        If the box does not lie within the frame; names both.
    """
    if crop.ndim != 2:
        raise ValueError(f"a crop is an array of shape (height, width), not {crop.shape}")
    crop_height, crop_width = crop.shape
    _check_box(left_px, top_px, crop_width, crop_height, size)
    padded = np.zeros((crop_width, crop_height + 2), np.bool_)
    padded[:, 1:-1] = crop.T != 0
    column, row = np.divmod(np.flatnonzero(padded[:, 1:] != padded[:, :-1]), crop_height + 1)
    return encode_toggles((left_px + column) * size[0] + top_px + row, size)


def decode_crop(rle: Rle, left_px: int, top_px: int, width_px: int, height_px: int) -> NDArray[np.bool_]:
    """Decode only what lies inside a box; the frame is never made dense.

    Parameters
    ----------
    rle : Rle
        A mask that `check_rle` accepts.
    left_px, top_px, width_px, height_px : int
        A box within the frame, for instance the mask's own from `boxes`.

    Returns
    -------
    ndarray of bool, shape (height_px, width_px)
        In column-major order, as the runs are.

    Raises
    ------
    ValueError
        If the box does not lie within the frame, or the counts are malformed.
    """
    _check_box(left_px, top_px, width_px, height_px, rle["size"])
    frame_height = rle["size"][0]
    positions = np.cumsum(decode_runs(rle))
    column, row = np.divmod(positions, frame_height)
    # How many pixels of the crop come before each toggle: differences of it are the runs inside the crop.
    row_in_crop = np.clip(row - top_px, 0, height_px)
    n_before = np.clip((column - left_px) * height_px + row_in_crop, 0, width_px * height_px)
    values = np.arange(len(positions)) % 2 == 1
    return np.repeat(values, np.diff(n_before, prepend=0)).reshape(width_px, height_px).T


def decode_runs(rle: Rle) -> NDArray[np.int64]:
    """Give the run lengths: background, object, background, … down the columns, from the left.

    Parameters
    ----------
    rle : Rle

    Returns
    -------
    ndarray of int64, shape (n_runs,), in px
        The sum is height times width. The first run may be 0.

    Raises
    ------
    ValueError
        If the counts are malformed.
    """
    return decode_counts([rle["counts"]])[0]


def encode_runs(runs: ArrayLike, size: tuple[int, int]) -> Rle:
    """Encode run lengths, for instance COCO's uncompressed counts.

    Parameters
    ----------
    runs : sequence of int, in px
        Background first; the sum is height times width.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    Rle
        Without empty runs, except that the first may be empty.

    Raises
    ------
    ValueError
        If a run is negative, or the sum is not height times width.
    """
    lengths = np.asarray(runs)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError("run lengths are a list of whole numbers")
    n_pixels = size[0] * size[1]
    if np.any(lengths < 0) or lengths.sum() != n_pixels:
        raise ValueError(f"the runs are negative or add up to {lengths.sum()} px, not to {size[0]} x {size[1]}")
    return encode_toggles(np.cumsum(lengths.astype(np.int64)), size)


def encode_toggles(positions: NDArray[np.integer[Any]], size: tuple[int, int]) -> Rle:
    """Encode the positions at which background and object change places.

    Parameters
    ----------
    positions : ndarray of int, shape (n,), ascending, in [0, height · width]
        Numbers of pixels, counted down the columns. A position that stands there twice cancels itself: between the two
        lies nothing.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    Rle
    """
    n_pixels = size[0] * size[1]
    unique, n_times = np.unique(positions, return_counts=True)
    toggles = unique[(n_times % 2 == 1) & (unique < n_pixels)]
    runs = np.diff(toggles, prepend=0, append=n_pixels)
    return Rle(size=size, counts=encode_counts(runs, [len(runs)])[0])


def check_rle(rle: Mapping[str, Any]) -> Rle:
    """Make sure that a mask from outside is well-formed: pycocotools may crash, or read garbage, where it is not.

    Parameters
    ----------
    rle : mapping
        Such as a ``segmentation`` of COCO results: ``size`` and compressed ``counts``, as bytes or str.

    Returns
    -------
    Rle
        The same mask, with counts as bytes. Empty runs between others are gone: they are allowed, but pycocotools stops
        at them. Go on with this one, not with the one given.

    Raises
    ------
    ValueError
        If the size is not two whole numbers above 0, a character of the counts is out of range, a number is cut off, a
        run is negative, or the runs do not add up to height times width.
    """
    try:
        return check_rles([rle])[0]
    except MalformedCountsError as error:
        raise ValueError(error.fault) from None


def check_rles(masks: Sequence[Mapping[str, Any]]) -> list[Rle]:
    """Do as `check_rle` does for many masks at once, which is much faster than one by one.

    Parameters
    ----------
    masks : sequence of mappings, length n

    Returns
    -------
    list of Rle, length n

    Raises
    ------
    MalformedCountsError
        A ValueError; its `index` says which mask is the first wrong one, its `fault` what is wrong with it.
    """
    checked = [_check_form(index, mask) for index, mask in enumerate(masks)]
    runs, n_runs = decode_counts([mask["counts"] for mask in checked])
    owner = np.repeat(np.arange(len(checked)), n_runs)
    negative = np.flatnonzero(runs < 0)
    if len(negative):
        raise MalformedCountsError(int(owner[negative[0]]), "the counts hold a negative run")
    n_pixels = np.array([mask["size"][0] * mask["size"][1] for mask in checked], np.int64)
    n_covered = np.bincount(owner, weights=runs, minlength=len(checked))
    for index in np.flatnonzero(n_covered != n_pixels)[:1].tolist():
        height, width = checked[index]["size"]
        fault = f"the runs add up to {n_covered[index]:.0f} px, but a frame of {height} x {width} has {n_pixels[index]}"
        raise MalformedCountsError(index, fault)
    first_run = np.cumsum(n_runs) - n_runs
    empty = runs == 0
    empty[first_run] = False
    for index in np.unique(owner[empty]).tolist():
        own_runs = runs[first_run[index] : first_run[index] + n_runs[index]]
        checked[index] = encode_runs(own_runs, checked[index]["size"])
    return checked


def _check_form(index: int, rle: Mapping[str, Any]) -> Rle:
    """Look at all but the characters of the counts."""
    try:
        height, width = rle["size"]
        counts = rle["counts"]
    except (TypeError, KeyError, ValueError):
        raise MalformedCountsError(index, "a mask has a size (height, width) and counts") from None
    whole = isinstance(height, (int, np.integer)) and isinstance(width, (int, np.integer))
    if not whole or height < 1 or width < 1 or int(height) * int(width) > _MAX_PIXELS:
        raise MalformedCountsError(
            index, f"the size {height!r} x {width!r} is not the height and width of a frame in px"
        )
    if isinstance(counts, str):
        counts = counts.encode("utf-8")
    if not isinstance(counts, bytes):
        raise MalformedCountsError(
            index, f"the counts are a {type(counts).__name__}, not a compressed run-length encoding"
        )
    return Rle(size=(int(height), int(width)), counts=counts)


def complement(rle: Rle) -> Rle:
    """Swap background and object, without decoding more than the first four runs.

    Parameters
    ----------
    rle : Rle
        A mask that `check_rle` accepts.

    Returns
    -------
    Rle

    Notes
    -----
    The complement has an empty run more, or one less, in front. The first three runs are stored as they are and each
    later one as the difference to the run before the last, so only the run that passes from one kind to the other is
    written anew.
    """
    counts = rle["counts"]
    numbers: list[int] = []
    ends = [0]
    while ends[-1] < len(counts) and len(numbers) < 4:
        number, end = read_number(counts, ends[-1])
        numbers.append(number)
        ends.append(end)
    if numbers[0] > 0:  # runs a, b, c, … become 0, a, b, c, …
        unchanged, moved = b"0" + counts[: ends[:3][-1]], [c - numbers[0] for c in numbers[2:3]]
        rest = counts[ends[:4][-1] :]
    else:  # runs 0, a, b, c, … become a, b, c, …
        unchanged, moved = counts[ends[1] : ends[:4][-1]], [c + numbers[1] for c in numbers[3:4]]
        rest = counts[ends[-1] :]
    return Rle(size=rle["size"], counts=unchanged + b"".join(map(write_number, moved)) + rest)


def difference(rle: Rle, *others: Rle) -> Rle:
    """Take other masks away from a mask.

    Parameters
    ----------
    rle : Rle
        What something is taken from.
    *others : Rle
        What is taken away.

    Returns
    -------
    Rle
        The pixels of `rle` that are in none of the others.

    Raises
    ------
    ValueError
        If the masks come from frames of different sizes; names both sizes.
    """
    check_same_size([rle, *others])
    return intersection(rle, *map(complement, others))


def intersection(*masks: Rle) -> Rle:
    """Keep the pixels that all masks share.

    Parameters
    ----------
    *masks : Rle
        At least one mask; all of one size, which is not checked.

    Returns
    -------
    Rle
    """
    return masks[0] if len(masks) == 1 else _as_rle(coco_mask.merge(list(masks), intersect=True))


def check_same_size(masks: Sequence[Rle]) -> None:
    """Raise ValueError, naming both sizes, where two masks come from frames of different sizes."""
    sizes = sorted({tuple(mask["size"]) for mask in masks})
    if len(sizes) > 1:
        (height, width), (other_height, other_width) = sizes[0], sizes[1]
        raise ValueError(
            f"masks of frames of different size (height x width): {height} x {width} and {other_height} x {other_width}"
        )


def _as_rle(encoded: dict[str, Any]) -> Rle:
    height, width = encoded["size"]
    return Rle(size=(int(height), int(width)), counts=encoded["counts"])


def _check_box(left_px: int, top_px: int, width_px: int, height_px: int, size: tuple[int, int]) -> None:
    inside = left_px >= 0 and top_px >= 0 and left_px + width_px <= size[1] and top_px + height_px <= size[0]
    if not inside or width_px < 0 or height_px < 0:
        raise ValueError(
            f"the box left {left_px}, top {top_px}, {width_px} wide, {height_px} high does not lie within the frame of "
            f"{size[0]} x {size[1]} (height x width)"
        )
