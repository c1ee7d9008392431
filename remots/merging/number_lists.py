"""Many short lists of numbers in one array, that can be read and replaced many at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class NumberLists:
    """A list of numbers for each name from 0 on.

    Replaced lists are written behind the others; when there is no more room, what is outdated is thrown away.

    Parameters
    ----------
    values : ndarray of int, shape (n_values,)
        All lists, one after the other.
    offsets : ndarray of int64, shape (n_lists + 1,)
        List i is values[offsets[i]:offsets[i + 1]].
    """

    def __init__(self, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self._starts = offsets[:-1].copy()
        self._counts = offsets[1:] - offsets[:-1]
        self._values = values
        self._n_used = len(values)

    def take(self, names: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Give the lists of some names.

        Parameters
        ----------
        names : ndarray of int, shape (n_names,)
            A name may come more than once.

        Returns
        -------
        values : ndarray, shape (n_values,)
            The lists, one after the other.
        offsets : ndarray of int64, shape (n_names + 1,)
            Where each begins and ends.
        """
        counts = self._counts[names]
        offsets = np.zeros(len(names) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        places = np.arange(offsets[-1])
        places += np.repeat(self._starts[names] - offsets[:-1], counts)
        return self._values[places], offsets

    def replace(
        self, names: NDArray[np.int64], values: NDArray[Any], offsets: NDArray[np.int64], emptied: NDArray[np.int64]
    ) -> None:
        """Give some names new lists, and others empty ones.

        Parameters
        ----------
        names : ndarray of int64, shape (n_names,)
        values : ndarray of int, shape (n_values,)
        offsets : ndarray of int64, shape (n_names + 1,)
            From 0 to n_values.
        emptied : ndarray of int64, shape (any,)
            Names whose lists are needed no more.
        """
        self._counts[emptied] = 0
        self._counts[names] = 0
        if self._n_used + len(values) > len(self._values):
            self._make_room(len(values))
        self._values[self._n_used : self._n_used + len(values)] = values
        self._starts[names] = self._n_used + offsets[:-1]
        self._counts[names] = offsets[1:] - offsets[:-1]
        self._n_used += len(values)

    def _make_room(self, n_more: int) -> None:
        kept, offsets = self.take(np.arange(len(self._counts)))
        self._starts, self._n_used = offsets[:-1].copy(), len(kept)
        self._values = np.concatenate([kept, np.zeros(n_more + len(kept) // 2, kept.dtype)])
