"""A timeline: when each track was seen, where it has gaps, and where one short tracklet takes over from another."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.report.tracked_masks import TrackedMasks

# Nobody sees more on a screen, and so a long video makes no larger page than a short one.
MAX_COLUMNS = 1000


class TimelineRow(NamedTuple):
    """A track of a timeline.

    Attributes
    ----------
    track_id : int
    runs : list of (int, int)
        First and last frame of each stretch in which the track was seen.
    joins : list of int
        The first frame of each short tracklet but the first.
    n_masks, n_tracklets : int
        Of the track.
    """

    track_id: int
    runs: list[tuple[int, int]]
    joins: list[int]
    n_masks: int
    n_tracklets: int


def draw_timeline(masks: TrackedMasks, track_ids: list[int], n_frames: int) -> list[TimelineRow]:
    """Find the stretches and joins of some tracks.

    Parameters
    ----------
    masks : TrackedMasks
    track_ids : list of int
        Whose.
    n_frames : int
        Length of the sequence. Gaps and joins nearer to one another than a thousandth of it are put together.

    Returns
    -------
    list of TimelineRow
        As many as `track_ids`; at most `MAX_COLUMNS` runs and joins each.
    """
    column_frames = n_frames / MAX_COLUMNS
    order = np.argsort(masks.track_ids, kind="stable")
    bounds = np.searchsorted(masks.track_ids[order], np.array([[i, i + 1] for i in track_ids], np.int64).reshape(-1, 2))
    rows = []
    for track_id, (start, end) in zip(track_ids, bounds.tolist(), strict=True):
        own = order[start:end]
        frames, tracklets = masks.frames[own], masks.tracklet_ids[own]
        joins = frames[1:][np.diff(tracklets) != 0]
        n_tracklets = len(np.unique(tracklets))
        rows.append(
            TimelineRow(track_id, _runs(frames, column_frames), _thin(joins, column_frames), end - start, n_tracklets)
        )
    return rows


def find_runs(frames: NDArray[np.int64], n_frames: int) -> list[tuple[int, int]]:
    """Put frames together that lie one after the other, or nearer than a thousandth of the sequence.

    Parameters
    ----------
    frames : ndarray of int64, shape (n,), rising
    n_frames : int
        Length of the sequence.

    Returns
    -------
    list of (int, int)
        First and last frame of each stretch.
    """
    return _runs(frames, n_frames / MAX_COLUMNS)


def _runs(frames: NDArray[np.int64], column_frames: float) -> list[tuple[int, int]]:
    breaks = np.flatnonzero(np.diff(frames) > max(1.0, column_frames))
    starts, ends = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(frames) - 1]])
    return list(zip(frames[starts].tolist(), frames[ends].tolist(), strict=True)) if len(frames) else []


def _thin(frames: NDArray[np.int64], column_frames: float) -> list[int]:
    """Keep one frame of each column."""
    columns = np.floor(frames / max(1.0, column_frames))
    kept = np.unique(columns, return_index=True)[1]
    return [int(frame) for frame in frames[kept]]
