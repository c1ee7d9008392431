"""Which frames the small video of a report shows, so that a long sequence makes no larger page than a short one."""

from typing import NamedTuple

import numpy as np

MIN_FPS = 10
N_PIECES = 4


class ClipPlan(NamedTuple):
    """The frames of a small video.

    Attributes
    ----------
    frames : list of int
        Rising.
    step_frames : int
        From one frame to the next within a piece.
    fps : float
        At which the small video shows people at their true speed.
    pieces : list of (int, int)
        First and last frame of each piece.
    """

    frames: list[int]
    step_frames: int
    fps: float
    pieces: list[tuple[int, int]]


def plan_clip(first_frame: int, last_frame: int, fps: float, max_frames: int) -> ClipPlan:
    """Choose the frames of a small video.

    Frames are left out as long as at least `MIN_FPS` frames a second stay. What is still too long is shown in pieces,
    spread over the whole sequence.

    Parameters
    ----------
    first_frame, last_frame : int
        Of the sequence.
    fps : float
        Frames per second of the sequence.
    max_frames : int
        How many frames the small video may have; at least 1.

    Returns
    -------
    ClipPlan
    """
    step = max(1, int(fps // MIN_FPS))
    shown = np.arange(first_frame, last_frame + 1, step)
    if len(shown) > max_frames:
        n_pieces = min(N_PIECES, max_frames)
        length = max_frames // n_pieces
        starts = np.linspace(0, len(shown) - length, n_pieces).round().astype(int)
        parts = [shown[start : start + length] for start in starts]
    else:
        parts = [shown]
    pieces = [(int(part[0]), int(part[-1])) for part in parts]
    return ClipPlan(np.concatenate(parts).tolist(), step, fps / step, pieces)


def describe_clip(plan: ClipPlan, n_frames: int) -> str:
    """Say in words which frames of a sequence of `n_frames` frames a small video shows."""
    ordinals = {1: "Every frame", 2: "Every second frame", 3: "Every third frame"}
    words = ordinals.get(plan.step_frames, f"Every {plan.step_frames}th frame")
    if len(plan.pieces) == 1:
        return f"{words} of {n_frames:,}, small; the whole of it in full size is overlay.mp4."
    pieces = ", ".join(f"{first:,}–{last:,}" for first, last in plan.pieces)
    return (
        f"{words} in {len(plan.pieces)} pieces (frames {pieces}): {n_frames:,} frames are too many for a page. "
        "The whole of it in full size is overlay.mp4."
    )
