"""Cosine similarities of three populations of mask pairs: surely different people, surely and almost surely the same.

Each function gives the similarities in blocks, for `remots.statistics.histograms.fill_histogram`, and reads only a part
of the features at a time.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.rows import FeatureRows

# Features that are read at once: 32 MB as float32.
_VALUES_PER_CHUNK = 2**23
MAX_OBSERVATIONS_PER_TRACKLET = 64


def intra_frame_similarities(
    frames: NDArray[np.integer[Any]], features: FeatureRows, masks: slice = slice(None)
) -> Iterator[NDArray[np.float32]]:
    """Compare all pairs of masks of one frame: different people, as masks of a frame are disjoint.

    Parameters
    ----------
    frames : ndarray of int, shape (n_masks,)
        Frame of each mask, ascending.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask.
    masks : slice
        Of whole frames: those to compare; by default all.

    Yields
    ------
    ndarray of float32, shape (n_pairs,), in [-1, 1] but for rounding
        Those of one frame; each pair once.

    Notes
    -----
    Source: ReMOTS section 2.3, figure 4.
    """
    begin, end, _ = masks.indices(len(frames))
    starts = begin + np.flatnonzero(np.diff(frames[begin:end], prepend=-1))
    ends = np.append(starts[1:], end)
    for first, last in _whole_frames(starts, ends, features.shape[1]):
        block_start = int(starts[first])
        block = features[np.arange(block_start, ends[last - 1])]
        for start, end in zip(starts[first:last].tolist(), ends[first:last].tolist(), strict=True):
            if end - start > 1:
                yield _upper_triangle(block[start - block_start : end - block_start])


def _whole_frames(starts: NDArray[np.int64], ends: NDArray[np.int64], n_dimensions: int) -> Iterator[tuple[int, int]]:
    """Part the frames into ranges whose features can be in memory together; a frame is never cut."""
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, n_dimensions))
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + n_rows, side="right")))
        yield first, last
        first = last


def _upper_triangle(features: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = np.triu_indices(len(features), k=1)
    return np.asarray((features @ features.T)[rows, columns])


def intra_tracklet_similarities(
    tracklet_ids: NDArray[np.integer[Any]],
    features: FeatureRows,
    max_observations: int = MAX_OBSERVATIONS_PER_TRACKLET,
) -> Iterator[NDArray[np.float32]]:
    """Compare all pairs of masks of one short-term tracklet: the same person, almost surely.

    Of a long tracklet, `max_observations` masks are taken at even steps from the first to the last: its pairs would
    grow with the square of its length, and drown those of all others.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask.
    max_observations : int
        Masks taken of one tracklet, at least 2.

    Yields
    ------
    ndarray of float32, shape (n_pairs,), in [-1, 1] but for rounding
        Those of one tracklet of two masks or more; each pair once.

    Notes
    -----
    Source: ReMOTS section 2.5, figure 5 (there called inter-short-tracklet).
    """
    order = np.argsort(tracklet_ids, kind="stable")
    starts = np.flatnonzero(np.diff(tracklet_ids[order], prepend=-1))
    ends = np.append(starts[1:], len(order))[: len(starts)]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            n_taken = min(end - start, max_observations)
            taken = np.linspace(start, end - 1, n_taken).round().astype(np.int64)
            yield _upper_triangle(features[order[taken]])


def pair_similarities(pairs: NDArray[np.integer[Any]], features: FeatureRows) -> Iterator[NDArray[np.float32]]:
    """Compare the given pairs of masks.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        Mask ids; best sorted, so that a file is read from front to back.
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask.

    Yields
    ------
    ndarray of float32, shape (any,), in [-1, 1] but for rounding
    """
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, 2 * features.shape[1]))
    for start in range(0, len(pairs), n_rows):
        chunk = pairs[start : start + n_rows].astype(np.int64)
        products: NDArray[np.float32] = np.einsum("ij,ij->i", features[chunk[:, 0]], features[chunk[:, 1]])
        yield products
