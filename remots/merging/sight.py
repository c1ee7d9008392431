"""Hidden or gone: how long somebody may be out of sight and still be the same, beside θ_t.

In MOTChallenge, who walks out of the picture and comes back is somebody new. Who disappears in the middle of it is
still there, behind somebody or something, and turns up again in the middle of it::

    ┌────────────────────────────┐
    │    A ─── ┊ sign ┊ ─── A    │   hidden: within the picture all the time, as far as a straight walk tells
    │                        B ──┼──→
    │                       B'? ←┼──   gone: seen last at the border, and first at the border
    │   C ───           ─── C    │
    └────────────────────────────┘   neither: θ_t
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.merging.frame_ranges import RangeTable

# Nearer than this to the left or right border, in heights of the person, somebody may have walked out.
_BORDER_HEIGHTS = 0.25
# Nobody knows how somebody walks who is seen for a moment; he may have been this much as fast as the video's people.
_SLOW_SHARE = 0.5


@dataclass(frozen=True)
class Bounds:
    """The masks at one end of all ranges of frames, by the rows of the `RangeTable`.

    Attributes
    ----------
    boxes_px : ndarray of float64, shape (n_ranges, 4)
        Left, top, width and height.
    steps_px : ndarray of float64, shape (n_ranges,)
        How far the person goes to the right in one frame, away from the range: what comes after its end, or went before
        its beginning; NaN where nobody knows.
    """

    boxes_px: NDArray[np.float64]
    steps_px: NDArray[np.float64]

    def stay_within(
        self,
        rows: NDArray[np.integer[Any]],
        gap_frames: NDArray[np.integer[Any]],
        size: tuple[int, int],
        unknown_paces: NDArray[np.floating[Any]],
    ) -> NDArray[np.bool_]:
        """Tell whose straight walk stays within the picture for so many frames, shape (n_rows,).

        Nobody's does whose mask touches the upper or lower border, or comes nearer to the left or right one than a
        quarter of its own height. Who has no known velocity has the `unknown_paces`, in heights a frame, both to the
        left and to the right.
        """
        left, top, width, height = self.boxes_px[rows].T
        steps, margin = self.steps_px[rows], _BORDER_HEIGHTS * height
        unknown = unknown_paces * height
        to_the_left = np.where(np.isnan(steps), unknown, np.maximum(-steps, 0)) * gap_frames
        to_the_right = np.where(np.isnan(steps), unknown, np.maximum(steps, 0)) * gap_frames
        is_clear = (left - to_the_left > margin) & (left + width + to_the_right < size[1] - margin)
        return np.asarray(is_clear & (top > 0) & (top + height < size[0]))


@dataclass(frozen=True)
class Sight:
    """What can be told of people out of sight: whether they are hidden or gone.

    Attributes
    ----------
    ends, starts : Bounds
        Of each range of frames.
    size : (int, int)
        Height and width of the picture in px.
    max_hidden_frames, max_gone_frames : int
        The longest gap of somebody who is hidden (not less than θ_t), and of somebody who is gone.
    """

    ends: Bounds
    starts: Bounds
    size: tuple[int, int]
    max_hidden_frames: int
    max_gone_frames: int

    @cached_property
    def slow_pace(self) -> float:
        """Half the median pace of those whose velocity is known, in heights a frame; 0 where there are none."""
        paces = np.abs(self.ends.steps_px / self.ends.boxes_px[:, 3])
        known = paces[np.isfinite(paces)]
        return _SLOW_SHARE * float(np.median(known)) if len(known) else 0.0

    def longest_gap(self, max_gap_frames: int) -> int:
        """Give the longest gap that anybody may have; `max_gap_frames` is θ_t."""
        return max(max_gap_frames, self.max_hidden_frames, self.max_gone_frames)

    def may_follow(
        self,
        ranges: RangeTable,
        max_gap_frames: int,
        earlier: NDArray[np.integer[Any]],
        later: NDArray[np.integer[Any]],
    ) -> NDArray[np.bool_]:
        """Tell whether the later range may be the same person's as the earlier one, as far as the gap goes.

        Parameters
        ----------
        ranges : RangeTable
        max_gap_frames : int
            θ_t, for who is neither surely hidden nor surely gone.
        earlier, later : ndarray of int, shape (n_pairs,)
            Rows of `ranges`.

        Returns
        -------
        ndarray of bool, shape (n_pairs,)
            Hidden is whose straight walks, on from the end of the one and back from the start of the other, stay
            within the picture all through the gap. Gone is who, at both, is one step from the border or nearer. Where
            the velocity is known at one end alone, that walk decides, and the other end stands still; where it is known
            at neither, both may have walked either way at the `slow_pace`.
        """
        gaps = ranges.first[later] - ranges.last[earlier]
        allowed = gaps <= max_gap_frames
        long = np.flatnonzero(~allowed & (gaps <= self.max_hidden_frames))
        allowed[long] = self._both(earlier[long], later[long], gaps[long], stay=True)
        open_ = np.flatnonzero((gaps <= self.longest_gap(max_gap_frames)) & (allowed != (gaps <= self.max_gone_frames)))
        gone = open_[self._both(earlier[open_], later[open_], np.ones(len(open_), np.int64), stay=False)]
        allowed[gone] = gaps[gone] <= self.max_gone_frames
        return np.asarray(allowed)

    def _both(
        self,
        earlier: NDArray[np.integer[Any]],
        later: NDArray[np.integer[Any]],
        frames: NDArray[np.int64],
        stay: bool,
    ) -> NDArray[np.bool_]:
        """Tell where the ends of the earlier and the starts of the later ranges both stay within, or both do not."""
        steps = self.ends.steps_px[earlier], self.starts.steps_px[later]
        paces = np.where(np.isnan(steps).all(axis=0), self.slow_pace, 0.0)
        ends = self.ends.stay_within(earlier, frames, self.size, paces) == stay
        return np.asarray(ends & (self.starts.stay_within(later, frames, self.size, paces) == stay))
