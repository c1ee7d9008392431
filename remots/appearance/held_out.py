"""Which part of what is known a training is not shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_N_HELD_OUT_BLOCKS = 3
_BLOCKS = 5  # stream of chance beside the sampler's


def hold_out_frames(frames: NDArray[np.integer[Any]], share: float, seed: int) -> NDArray[np.bool_]:
    """Choose frames that a training is not shown, to see on them when it has learnt what there is to learn.

    Parameters
    ----------
    frames : ndarray of int, shape (n_masks,)
        Frame of each mask.
    share : float
        Share of the frames with masks, in [0, 1).
    seed : int
        Where the blocks lie.

    Returns
    -------
    ndarray of bool, shape (n_masks,)
        Whether a mask lies in such a frame: in one of three blocks of frames, one in each third of the sequence.
    """
    present = np.unique(frames)
    rng = np.random.default_rng((seed, _BLOCKS))
    blocks = []
    for part in np.array_split(present, _N_HELD_OUT_BLOCKS):
        length = round(share * len(part))
        first = int(rng.integers(len(part) - length + 1))
        blocks.append(part[first : first + length])
    return np.isin(frames, np.concatenate(blocks))
