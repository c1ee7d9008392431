"""How far apart tracklets are by their looks: sums of features, and the mean cosine distance (paper 2.5)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.merging.constraints import CandidatePairs
from remots.rows import FeatureRows

# Features that are compared at once: 16 MB as float32.
_VALUES_PER_CHUNK = 2**22


def sum_features(
    tracklet_ids: NDArray[np.integer[Any]], features: FeatureRows, n_tracklets: int
) -> NDArray[np.float32]:
    """Add up the features of each tracklet.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, in [0, n_tracklets).
    features : FeatureRows, float32, shape (n_masks, n_dimensions)
        One unit-norm feature per mask; a part is read at a time.
    n_tracklets : int

    Returns
    -------
    ndarray of float32, shape (n_tracklets, n_dimensions)

    Raises
    ------
    ValueError
        If the lengths do not fit together, or a feature is not finite; names the tracklet.
    """
    if len(tracklet_ids) != len(features):
        raise ValueError(f"{len(tracklet_ids)} masks but {len(features)} features")
    sums = np.zeros((n_tracklets, features.shape[1]), np.float32)
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, features.shape[1]))
    for start in range(0, len(tracklet_ids), n_rows):
        rows = np.arange(start, min(start + n_rows, len(tracklet_ids)))
        ids = tracklet_ids[rows]
        order = np.argsort(ids, kind="stable")
        starts = np.flatnonzero(np.diff(ids[order], prepend=-1))
        sums[ids[order[starts]]] += np.add.reduceat(features[rows][order], starts, axis=0)
    broken = np.flatnonzero(~np.isfinite(sums.sum(axis=1)))
    if len(broken):
        raise ValueError(f"a feature of tracklet {broken[0]} is not finite")
    return sums


def tracklet_distances(sums: NDArray[np.float32], sizes: NDArray[Any], pairs: CandidatePairs) -> NDArray[np.float64]:
    r"""Distance of each candidate pair of tracklets; that of all other pairs is infinite.

    .. math::
        W_{k1,k2} = \frac{1}{N_{k1} N_{k2}} \sum_i \sum_j (1 - f_i^{k1} \cdot f_j^{k2})
                  = 1 - \bar f^{k1} \cdot \bar f^{k2}

    Parameters
    ----------
    sums : ndarray of float32, shape (n_tracklets, n_dimensions)
        Sums of the unit-norm features.
    sizes : ndarray of int64, shape (n_tracklets,)
        Observations of each tracklet.
    pairs : CandidatePairs
        The pairs whose distance is finite.

    Returns
    -------
    ndarray of float64, shape (n_pairs,), in [0, 2]

    Notes
    -----
    Source: ReMOTS section 2.5, the distance matrix W^long (called equation 3 here). The mean of all products of two
    sets of vectors is the product of their means, so nobody needs the N_k1 x N_k2 products.
    """
    products = np.empty(len(pairs.a))
    n_rows = max(1, _VALUES_PER_CHUNK // max(1, 2 * sums.shape[1]))
    for start in range(0, len(products), n_rows):
        chunk = slice(start, start + n_rows)
        products[chunk] = np.einsum("ij,ij->i", sums[pairs.a[chunk]], sums[pairs.b[chunk]])
    return np.asarray(1 - products / (sizes[pairs.a] * sizes[pairs.b]))
