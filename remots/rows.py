"""Rows of an array that may be larger than memory."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class FeatureRows(Protocol):
    """One unit-norm feature per mask, shape (n_masks, n_dimensions): an array, or a file that is read as needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_masks, n_dimensions)."""

    def __len__(self) -> int:
        """Give the number of masks."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]:
        """Give the features of some masks, by mask id, shape (n_rows, n_dimensions)."""
