"""Where a person's track changes: the identity switches behind the column IDS, one by one."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from remots.evaluation.metrics import MIN_IOU

_KEPT = 1000.0  # a pair that goes on from the frame before comes before all others


class IdentitySwitch(NamedTuple):
    """A true person whose mask is found in another track than the last time.

    Attributes
    ----------
    frame : int
        The first frame of the new track.
    identity : int
        Of the person, in the ground truth.
    track_before, track_after : int
    last_frame : int
        The last frame in which the person was found in the track before.
    """

    frame: int
    identity: int
    track_before: int
    track_after: int
    last_frame: int


def find_identity_switches(
    matches: Iterable[tuple[int, np.ndarray, np.ndarray, np.ndarray]],
) -> list[IdentitySwitch]:
    """List the identity switches of a sequence.

    Parameters
    ----------
    matches : iterable of (frame, true_ids, result_ids, iou)
        Every frame in order, from `remots.evaluation.metrics.match_frames`. Read once.

    Returns
    -------
    list of IdentitySwitch
        In the order of frames; as many as the column IDS counts.

    Notes
    -----
    Source: the CLEAR metrics as the benchmark computes them: a match of the frame before is kept as long as its IoU is
    at least 0.5, the others are assigned for the greatest sum of IoU.
    """
    last_seen: dict[int, tuple[int, int]] = {}  # the track and the frame in which each person was last found
    partners: dict[int, int] = {}  # of the last frame that had both true and result masks
    switches = []
    for frame, true_ids, result_ids, iou in matches:
        if not len(true_ids) or not len(result_ids):
            continue
        found = _assign(true_ids, result_ids, iou, partners)
        for identity, track in found.items():
            track_before, last_frame = last_seen.get(identity, (track, frame))
            if track_before != track:
                switches.append(IdentitySwitch(frame, identity, track_before, track, last_frame))
            last_seen[identity] = (track, frame)
        partners = found
    return switches


def _assign(true_ids: np.ndarray, result_ids: np.ndarray, iou: np.ndarray, partners: dict[int, int]) -> dict[int, int]:
    """Give each person found in a frame the track that has them."""
    before = np.array([partners.get(identity, -1) for identity in true_ids.tolist()])
    scores = np.where(iou < MIN_IOU - np.finfo(float).eps, 0, iou + _KEPT * (before[:, None] == result_ids[None, :]))
    rows, columns = linear_sum_assignment(-scores)
    found = scores[rows, columns] > np.finfo(float).eps
    return dict(zip(true_ids[rows[found]].tolist(), result_ids[columns[found]].tolist(), strict=True))
