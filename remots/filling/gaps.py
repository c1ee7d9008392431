"""Where a track has a gap: frames without a mask between two masks."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Gap(NamedTuple):
    """A gap of a track.

    Attributes
    ----------
    mask_before, mask_after : int
        Mask ids of its two ends.
    frame_before, frame_after : int
        Their frames; those between are without a mask of the track, at least one.
    """

    mask_before: int
    mask_after: int
    frame_before: int
    frame_after: int

    @property
    def n_frames(self) -> int:
        """How many frames are without a mask."""
        return self.frame_after - self.frame_before - 1


def find_gaps(track_ids: NDArray[np.int64], frames: NDArray[np.int64], max_gap_frames: int) -> list[Gap]:
    """Find the short gaps of all tracks.

    Parameters
    ----------
    track_ids : ndarray of int64, shape (n_masks,)
        The track of each mask, -1 for none.
    frames : ndarray of int64, shape (n_masks,), rising
        The frame of each mask.
    max_gap_frames : int
        Gaps of more frames are left as they are; 0 finds none.

    Returns
    -------
    list of Gap
        By their first frame, then by the mask there.

    Raises
    ------
    ValueError
        If a track has two masks in a frame.
    """
    tracked = np.flatnonzero(track_ids >= 0)
    order = tracked[np.lexsort((frames[tracked], track_ids[tracked]))]
    before, after = order[:-1], order[1:]
    steps = frames[after] - frames[before]
    same = track_ids[before] == track_ids[after]
    if np.any(same & (steps == 0)):
        first = before[same & (steps == 0)][0]
        raise ValueError(f"track {track_ids[first]} has two masks in frame {frames[first]}")
    short = same & (steps > 1) & (steps <= max_gap_frames + 1)
    ends = zip(before[short].tolist(), after[short].tolist(), strict=True)
    return sorted(Gap(a, b, int(frames[a]), int(frames[b])) for a, b in ends)


class Schedule(NamedTuple):
    """What is to be done when a frame comes by; frames without work are not in it.

    Attributes
    ----------
    opening, closing : dict of int to list of Gap
        By `frame_before`, by `frame_after`.
    forwards : set of int
        Frames into which a mask is carried from the frame before.
    backwards : set of int
        Frames from which a mask is carried into the frame before.
    """

    opening: dict[int, list[Gap]]
    closing: dict[int, list[Gap]]
    forwards: set[int]
    backwards: set[int]


def schedule(gaps: Iterable[Gap]) -> Schedule:
    """Sort gaps by what each frame has to do with them."""
    found = Schedule(defaultdict(list), defaultdict(list), set(), set())
    for gap in gaps:
        found.opening[gap.frame_before].append(gap)
        found.closing[gap.frame_after].append(gap)
        found.forwards.update(range(gap.frame_before + 1, gap.frame_after))
        found.backwards.update(range(gap.frame_before + 2, gap.frame_after + 1))
    return found
