"""Fill short gaps of tracks: masks are carried along the flow from both ends, and where they agree, one is put between.

A gap is a frame in which a detector missed somebody, or one in which they were hidden. Who is hidden has no pixels of
their own: the flow follows whoever stands in front, and the masks from the two ends come out at different places.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from remots.association.first_guess import LabelMap, guess_flow
from remots.association.flow import dense_flow
from remots.association.warping import FirstGuess, paint_labels
from remots.filling.gaps import Gap, schedule
from remots.filling.patches import Patch, blend, carry, cut_out, overlap, reach_of
from remots.masks.disjoint import give_shared_pixels
from remots.masks.rle import Rle, areas, difference


class Conditions(NamedTuple):
    """What a filled mask must fulfil.

    Attributes
    ----------
    min_agreement : float in [0, 1]
        IoU of the masks carried from the two ends; where it is lower in some frame of a gap, the gap stays.
    min_visible_share : float in [0, 1]
        What other masks of the frame must leave of a filled one.
    min_area_px : int
        The same in pixels.
    """

    min_agreement: float
    min_visible_share: float
    min_area_px: int


class FilledFrame(NamedTuple):
    """The filled masks of a frame, disjoint from each other and from all that were there, and the gap of each."""

    frame: int
    gaps: list[Gap]
    masks: list[Rle]


class Candidate(NamedTuple):
    """A mask for one frame of a gap, and how well the two ends agree there."""

    gap: Gap
    mask: Rle
    agreement: float


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame that has come by; painted once, and only if a flow to or from it is asked for."""

    frame: int
    gray: NDArray[np.uint8]
    masks: Sequence[Rle]

    @cached_property
    def labels(self) -> LabelMap:
        return paint_labels(self.masks, (self.gray.shape[0], self.gray.shape[1]))


class _Flow(NamedTuple):
    """A flow as it is kept: half precision, as many may be at a time; and the longest way in it."""

    ways: NDArray[np.float16]
    reach_px: tuple[int, int]


class _Filler:
    """What is known of the gaps that are open: memory for as many frames as the longest of them has."""

    def __init__(self, gaps: Iterable[Gap], conditions: Conditions, method: str, first_guess: FirstGuess) -> None:
        self._plan = schedule(gaps)
        self._conditions = conditions
        self._method, self._first_guess = method, first_guess
        self._previous: _Seen | None = None
        self._n_masks = 0
        self._carried: dict[Gap, list[Patch]] = {}  # from the first end, into every frame so far
        self._backwards: dict[int, _Flow] = {}  # by the frame from which it carries into the one before
        self._masks: dict[int, Sequence[Rle]] = {}
        self._candidates: dict[int, list[Candidate]] = {}

    def take(self, frame: int, image: NDArray[np.uint8], masks: Sequence[Rle]) -> Iterator[FilledFrame]:
        """Take the next frame; gives the frames before it that have become ready."""
        if self._previous is not None and self._previous.frame + 1 != frame:
            raise ValueError(f"comes after frame {self._previous.frame}; gaps are filled frame by frame")
        current = _Seen(frame, np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8), masks)
        if self._previous is not None:
            self._carry(self._previous, current)
        for gap in self._plan.closing.pop(frame, []):
            self._close(gap, masks[gap.mask_after - self._n_masks])
        yield from self._settle_up_to(min((gap.frame_before for gap in self._carried), default=frame))
        for gap in self._plan.opening.pop(frame, []):
            self._carried[gap] = [cut_out(masks[gap.mask_before - self._n_masks])]
        if self._carried:
            self._masks[frame] = masks
        self._previous, self._n_masks = current, self._n_masks + len(masks)

    def _carry(self, previous: _Seen, current: _Seen) -> None:
        """Carry what is on its way into this frame, and remember the flow for the way back."""
        forwards, backwards = current.frame in self._plan.forwards, current.frame in self._plan.backwards
        if forwards:
            flow = self._flow(previous, current)
            for gap, patches in self._carried.items():
                if current.frame < gap.frame_after:
                    patches.append(carry(patches[-1], *flow))
        if backwards:
            self._backwards[current.frame] = self._flow(current, previous)

    def _flow(self, source: _Seen, goal: _Seen) -> _Flow:
        """Find for each pixel of the goal where it was in the source, an earlier frame or a later one."""
        guess = guess_flow(source.labels, goal.labels) if self._first_guess == "masks" else None
        ways = dense_flow(source.gray, goal.gray, self._method, guess).astype(np.float16)
        return _Flow(ways, reach_of(ways))

    def _close(self, gap: Gap, mask_after: Rle) -> None:
        """Carry the mask at the second end back, and put a mask between where the two agree."""
        from_before, patch = self._carried.pop(gap)[1:], cut_out(mask_after)
        pairs = []
        for frame in range(gap.frame_after - 1, gap.frame_before, -1):
            patch = carry(patch, *self._backwards[frame + 1])
            pairs.append((frame, from_before[frame - gap.frame_before - 1], patch))
        agreement = min(overlap(before, after) for _, before, after in pairs)
        if agreement >= max(self._conditions.min_agreement, np.finfo(float).tiny):
            for frame, before, after in pairs:
                weights = (gap.frame_after - frame, frame - gap.frame_before)
                mask = blend(before, after, weights, mask_after["size"])
                self._candidates.setdefault(frame, []).append(Candidate(gap, mask, agreement))

    def _settle_up_to(self, frame: int) -> Iterator[FilledFrame]:
        """Give the frames that no open gap reaches, up to and with this one, and forget them."""
        for ready in sorted(found for found in self._candidates if found <= frame):
            filled = settle(ready, self._candidates.pop(ready), self._masks[ready], self._conditions)
            if filled.gaps:
                yield filled
        for kept in (self._masks, self._backwards):
            for old in [found for found in kept if found <= frame]:
                del kept[old]


def settle(frame: int, candidates: Sequence[Candidate], masks: Sequence[Rle], conditions: Conditions) -> FilledFrame:
    """Take from filled masks what belongs to others, and leave out those of which too little is left.

    Parameters
    ----------
    frame : int
    candidates : sequence of Candidate
        Filled masks as they were carried there, in any order.
    masks : sequence of Rle
        The masks of the frame; what was there wins over what is filled.
    conditions : Conditions

    Returns
    -------
    FilledFrame
        Of two filled masks that claim a pixel, the one whose ends agree better has it.
    """
    candidates = sorted(candidates, key=lambda candidate: candidate.gap)
    own = [difference(candidate.mask, *masks) for candidate in candidates]
    own, _ = give_shared_pixels(own, np.array([candidate.agreement for candidate in candidates]))
    left_px, whole_px = areas(own), areas([candidate.mask for candidate in candidates])
    least_px = np.maximum(conditions.min_area_px, conditions.min_visible_share * whole_px)
    kept = np.flatnonzero((left_px >= least_px) & (left_px > 0)).tolist()
    return FilledFrame(frame, [candidates[i].gap for i in kept], [own[i] for i in kept])


def iterate_fillings(
    masked_images: Iterable[tuple[int, NDArray[np.uint8], Sequence[Rle]]],
    gaps: Sequence[Gap],
    conditions: Conditions,
    method: str = "dis_fine",
    first_guess: FirstGuess = "masks",
) -> Iterator[FilledFrame]:
    """Go once through a video and fill the gaps of its tracks.

    Parameters
    ----------
    masked_images : iterable of (int, ndarray of uint8, sequence of Rle)
        Frame number, RGB image of shape (height, width, 3) and disjoint masks, of every frame in order, with masks or
        without. As many frames are kept as the longest gap has: their masks, and a flow in half precision.
    gaps : sequence of Gap
        By mask id, which is the number of masks that came before.
    conditions : Conditions
    method : str
        See `remots.association.flow.dense_flow`.
    first_guess : {"masks", "none"}
        Whether the flow first tries what `remots.association.first_guess.guess_flow` says.

    Yields
    ------
    FilledFrame
        By rising frame; only frames with a filled mask.

    Raises
    ------
    ValueError
        If a frame is left out, or masks overlap or are not of their image's size; names the frame.
    """
    if not gaps:
        return
    filler = _Filler(gaps, conditions, method, first_guess)
    for frame, image, masks in masked_images:
        try:
            yield from filler.take(frame, image, masks)
        except ValueError as error:
            raise ValueError(f"frame {frame}: {error}") from error
