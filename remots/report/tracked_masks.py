"""The masks of a result as columns: when, where, in which short tracklet and in which track."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class TrackedMasks(NamedTuple):
    """All masks of a sequence; the place in each array is the mask id.

    Attributes
    ----------
    frames : ndarray of int64, shape (n_masks,), rising
    boxes_px : ndarray of int64, shape (n_masks, 4)
        Left, top, width and height.
    areas_px : ndarray of int64, shape (n_masks,)
    tracklet_ids, track_ids : ndarray of int64, shape (n_masks,)
        Of the short tracklet and of the track; -1 where a mask is in none.
    """

    frames: NDArray[np.int64]
    boxes_px: NDArray[np.int64]
    areas_px: NDArray[np.int64]
    tracklet_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64]

    def of_track(self, track_id: int) -> NDArray[np.int64]:
        """Give the ids of a track's masks, in the order of time."""
        return np.flatnonzero(self.track_ids == track_id)


def choose_tracks(masks: TrackedMasks, n_most: int) -> list[int]:
    """Choose the tracks that are shown: those with most masks, in the order of their ids.

    Parameters
    ----------
    masks : TrackedMasks
    n_most : int
        How many at most.

    Returns
    -------
    list of int
        Track ids, rising; of equally long tracks the first.
    """
    track_ids, n_masks = np.unique(masks.track_ids[masks.track_ids >= 0], return_counts=True)
    longest = np.argsort(-n_masks, kind="stable")[:n_most]
    return sorted(track_ids[longest].tolist())


def choose_masks(masks: TrackedMasks, mask_ids: NDArray[np.int64], n_most: int) -> list[int]:
    """Choose masks that show somebody well: of each of `n_most` parts of the time the largest mask.

    Parameters
    ----------
    masks : TrackedMasks
    mask_ids : ndarray of int64, shape (n,)
        Among which to choose, in the order of time.
    n_most : int
        How many at most.

    Returns
    -------
    list of int
        Mask ids, in the same order.
    """
    parts = np.array_split(mask_ids, min(n_most, len(mask_ids))) if len(mask_ids) else []
    return [int(part[np.argmax(masks.areas_px[part])]) for part in parts]
