"""Statistics that are local in time: θ_short for each stretch of a video (the paper's future work, section 3)."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.statistics.histograms import SimilarityHistogram
from remots.statistics.thresholds import Threshold

# A window's own value weighs as much as the video's where it has so many sure links.
HALF_TRUSTED_PAIRS = 100


@dataclass(frozen=True)
class Window:
    """A stretch of a video and the similarities in it.

    Attributes
    ----------
    first_frame, last_frame : int
        Both are part of it.
    intra_frame, sure_link : SimilarityHistogram
        Of pairs of different people, and of pairs of adjacent frames that geometry alone decides.
    """

    first_frame: int
    last_frame: int
    intra_frame: SimilarityHistogram
    sure_link: SimilarityHistogram

    @property
    def middle_frame(self) -> float:
        """Half way between its first and its last frame."""
        return (self.first_frame + self.last_frame) / 2


def cut_windows(frames: NDArray[np.integer[Any]], window_frames: int) -> list[tuple[int, int]]:
    """Cut a video into windows of equal length.

    Parameters
    ----------
    frames : ndarray of int, shape (n_masks,)
        Frame of each mask, ascending.
    window_frames : int, at least 1
        About how long a window is.

    Returns
    -------
    list of (int, int)
        First and last frame of each, from the first frame with a mask to the last; empty where there are no masks.
    """
    if not len(frames):
        return []
    first, end = int(frames[0]), int(frames[-1]) + 1
    n_windows = max(1, round((end - first) / window_frames))
    bounds = np.linspace(first, end, n_windows + 1).round().astype(int).tolist()
    return [(low, high - 1) for low, high in itertools.pairwise(bounds)]


def localise(
    whole: Threshold,
    windows: Sequence[Window],
    rule: Callable[[SimilarityHistogram, SimilarityHistogram], Threshold],
) -> Threshold:
    r"""Give each window of a video a θ_short of its own.

    .. math:: \theta_w = \frac{n_w \hat\theta_w + n_0 \theta}{n_w + n_0}

    Parameters
    ----------
    whole : Threshold
        Of the whole video, θ.
    windows : sequence of Window
        In the order of time.
    rule : callable
        The rule that gave `whole`; from the two histograms of a window it gives θ̂_w.

    Returns
    -------
    Threshold
        `whole` with `windows`. A window of few sure links n_w keeps near the video's value, and one in which the rule
        falls back has the video's; n_0 is `HALF_TRUSTED_PAIRS`.

    Notes
    -----
    Source: named by ReMOTS section 3 as work to come: statistics "at the entire video level" miss what is local in
    time, such as exposure and crowds.
    """
    values = []
    for window in windows:
        local = rule(window.intra_frame, window.sure_link)
        trust = window.sure_link.n / (window.sure_link.n + HALF_TRUSTED_PAIRS) if local.fallback is None else 0.0
        values.append((window.middle_frame, trust * local.value + (1 - trust) * whole.value))
    return replace(whole, windows=tuple(values))
