"""Small random masks for Hypothesis, and slow, obvious twins of what `remots.masks` computes."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from remots.masks.rle import Rle, encode


def dense_masks(n_min: int = 0, n_max: int = 8, max_side: int = 9) -> st.SearchStrategy[np.ndarray]:
    """Stacks of masks of one random frame size, bool of shape (n, height, width)."""
    sides = st.integers(1, max_side)
    return st.tuples(st.integers(n_min, n_max), sides, sides).flatmap(lambda shape: arrays.arrays(np.bool_, shape))


def encode_all(stack: np.ndarray) -> list[Rle]:
    return [encode(mask) for mask in stack]


def slow_runs(mask: np.ndarray) -> list[int]:
    """Run lengths, pixel by pixel."""
    runs, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def slow_iom(mask: np.ndarray, other: np.ndarray) -> float:
    smaller = min(mask.sum(), other.sum())
    return float((mask & other).sum() / smaller) if smaller else 0.0


def slow_iou(mask: np.ndarray, other: np.ndarray) -> float:
    union = (mask | other).sum()
    return float((mask & other).sum() / union) if union else 0.0


def slow_fusion(
    stack: np.ndarray, scores: np.ndarray, threshold: float, min_area_px: int, ratio: Callable[..., float] = slow_iom
) -> list[tuple[int, np.ndarray]]:
    """The paper's listing on dense frames: drop specks, sort, suppress one by one, give pixels away, drop the small."""
    smallest_px = max(min_area_px, 1)
    rank = sorted(range(len(stack)), key=lambda i: (-scores[i], -stack[i].sum(), encode(stack[i])["counts"], i))
    kept = []
    for index in rank:
        if stack[index].sum() >= smallest_px and all(ratio(stack[index], stack[other]) <= threshold for other in kept):
            kept.append(index)
    claimed = np.zeros(stack.shape[1:], np.bool_)
    rest = []
    for index in kept:
        rest.append(stack[index] & ~claimed)
        claimed |= stack[index]
    return [(index, mask) for index, mask in zip(kept, rest, strict=True) if mask.sum() >= smallest_px]
