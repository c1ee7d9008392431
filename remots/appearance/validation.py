"""How well pseudo labels that the training was not shown are told apart: when to stop, and which weights to keep."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.appearance.sampling import Batch

MIN_GAIN = 0.001  # of AUC, without which a training has settled
TIE = 0.005  # of AUC; weights that differ by less cannot be told apart, and the longer trained ones are kept


def area_under_curve(same: NDArray[np.floating[Any]], different: NDArray[np.floating[Any]]) -> float:
    """Give the chance that a pair of the same person is more similar than a pair of different people.

    Parameters
    ----------
    same, different : ndarrays of float, shapes (n_same,) and (n_different,)
        Similarities of pairs.

    Returns
    -------
    float
        In [0, 1]; ties count half. NaN where either is empty.
    """
    if not len(same) or not len(different):
        return float("nan")
    different = np.sort(different)
    below, not_above = (np.searchsorted(different, same, side) for side in ("left", "right"))
    return float((below + not_above).mean() / (2 * len(different)))


def batch_area_under_curve(features: NDArray[np.floating[Any]], batch: Batch) -> float:
    """Give the area under the curve of the pairs of a mini-batch that are known to be the same or different.

    Parameters
    ----------
    features : ndarray of float, shape (n, n_dimensions)
        Of the crops of the batch, not normalised.
    batch : Batch
        Pairs of one label are of the same person, pairs of one group and two labels of different people.

    Returns
    -------
    float
        In [0, 1]; NaN where there are no such pairs.
    """
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows, columns = np.triu_indices(len(batch), k=1)
    similarities = np.einsum("ij,ij->i", unit[rows], unit[columns])
    is_same = batch.labels[rows] == batch.labels[columns]
    is_different = ~is_same & (batch.groups[rows] == batch.groups[columns])
    return area_under_curve(similarities[is_same], similarities[is_different])


def has_settled(aucs: NDArray[np.float64], patience: int) -> bool:
    """Tell whether the last evaluations brought nothing that the ones before had not.

    Parameters
    ----------
    aucs : ndarray of float64, shape (n_evaluations,)
        Areas under the curve, the first one from before the training.
    patience : int
        Evaluations without a gain of `MIN_GAIN` after which there is none to come; 0 never settles.

    Returns
    -------
    bool
    """
    if not patience or len(aucs) <= patience:
        return False
    return bool(aucs[-patience:].max() < aucs[:-patience].max() + MIN_GAIN)
