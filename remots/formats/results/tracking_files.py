"""What the tracker and the merging read: frames and features of masks, pairs that overlap, short tracklets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader
from remots.formats.results.tables import read_table

_N_ROWS_LOOKED_AT = 1000
_NORM_TOLERANCE = 0.01


def read_mask_frames(masks: Path | str) -> NDArray[np.int64]:
    """Read the frame of each mask.

    Parameters
    ----------
    masks : Path
        A table of masks.

    Returns
    -------
    ndarray of int64, shape (n_masks,)
        1-based, ascending; the place is the mask id.

    Raises
    ------
    InputError
        As `read_table`, and if the masks are not sorted by frame.
    """
    frames = read_table(masks, "masks", columns=["frame"])["frame"].to_numpy(np.int64)
    if np.any(np.diff(frames) < 0):
        raise InputError(f"{masks}: rows are not sorted by frame; make this table again with `remots fuse`")
    return frames


def open_features(path: Path | str, n_masks: int, masks: Path | str) -> ArrayReader:
    """Open the features of a sequence's masks.

    Parameters
    ----------
    path : Path
        An npy file, float32, shape (n_masks, n_dimensions).
    n_masks : int
        How many masks there are.
    masks : Path
        The table that says so, for messages.

    Returns
    -------
    ArrayReader
        Rows are read as they are needed.

    Raises
    ------
    InputError
        If the file is missing or malformed, has another number of rows, or (as far as its first rows show) features
        that have not unit norm.
    """
    features = ArrayReader(path, (None,), np.float32)
    if len(features) != n_masks:
        raise InputError(f"{path}: {len(features)} features, but {masks} has {n_masks} masks; run `remots embed` again")
    norms = np.linalg.norm(features[np.arange(min(n_masks, _N_ROWS_LOOKED_AT))], axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1) <= _NORM_TOLERANCE))
    if len(wrong):
        norm = f"{norms[wrong[0]]:.4g}"
        raise InputError(f"{path}: the feature of mask {wrong[0]} has norm {norm}, not 1; divide each by its norm")
    return features


def read_warped_pairs(path: Path | str, n_masks: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read the pairs of masks of adjacent frames that overlap along the flow.

    Parameters
    ----------
    path : Path
        A table of warped IoU.
    n_masks : int
        How many masks there are.

    Returns
    -------
    pairs : ndarray of int64, shape (n_pairs, 2)
        Mask ids, of the previous and of the current frame.
    ious : ndarray of float32, shape (n_pairs,)

    Raises
    ------
    InputError
        As `read_table`, and if a pair names a mask that is not there.
    """
    table = read_table(path, "warped_iou")
    pairs = table[["mask_id_prev", "mask_id_curr"]].to_numpy(np.int64)
    if len(pairs) and not 0 <= pairs.min() <= pairs.max() < n_masks:
        raise InputError(f"{path}: names mask {pairs.max()}, but there are {n_masks} masks; run `remots warp` again")
    return pairs, table["iou"].to_numpy(np.float32)


def read_short_tracklets(path: Path | str, n_masks: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read the short tracklet and the frame of each mask.

    Parameters
    ----------
    path : Path
        A table of short tracklets.
    n_masks : int, optional
        How many masks there must be.

    Returns
    -------
    tracklet_ids, frames : ndarray of int64, shape (n_masks,)
        The place is the mask id.

    Raises
    ------
    InputError
        As `read_table`, and if the rows are not the masks 0, 1, 2, … in this order, there are more or fewer than
        `n_masks`, or an id is negative.
    """
    table = read_table(path, "short_tracklets")
    if not np.array_equal(table["mask_id"], np.arange(len(table))):
        raise InputError(f"{path}: rows are not the masks 0, 1, 2, … in order; run `remots associate` again")
    if n_masks is not None and len(table) != n_masks:
        raise InputError(
            f"{path}: tracklets of {len(table)} masks, but there are {n_masks}; run `remots associate` again"
        )
    tracklet_ids = table["tracklet_id"].to_numpy(np.int64)
    if len(tracklet_ids) and tracklet_ids.min() < 0:
        raise InputError(f"{path}: tracklet_id {tracklet_ids.min()} is negative; run `remots associate` again")
    return tracklet_ids, table["frame"].to_numpy(np.int64)
