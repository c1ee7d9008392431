"""What else than the distance of looks tells how near two clusters are: their sizes, and places across junctions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from remots.merging.frame_ranges import Junctions


class JunctionBonus(Protocol):
    """What place adds to the similarity of two clusters, judged where one's frames go on after the other's."""

    largest: float
    """No bonus exceeds this, nor is it below 0."""

    def __call__(self, earlier: NDArray[np.int64], later: NDArray[np.int64], /) -> NDArray[np.float64]:
        """Give the bonus of junctions, as similarities; from and to which rows of the `RangeTable` they lead."""


@dataclass(frozen=True)
class Evidence:
    """What else than the distance of their looks decides how near two clusters are.

    Attributes
    ----------
    looks : callable or None
        Turns distances of looks, given the number of observations of the smaller of the two clusters, into distances
        that can be compared: a single mask's tells less than that of a long tracklet.
    place : JunctionBonus or None
        Where the frames of two clusters, put together, pass from one cluster to the other, there is a junction; the
        smallest bonus of all junctions is taken off the distance.
    """

    looks: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None
    place: JunctionBonus | None = None

    @property
    def largest_bonus(self) -> float:
        """What place takes off a distance at most."""
        return self.place.largest if self.place else 0.0

    def weigh_looks(self, distances: NDArray[np.float64], smaller_sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the distances that can be compared, of pairs with so many observations in the smaller cluster."""
        return distances if self.looks is None else self.looks(distances, smaller_sizes)

    def weigh_place(self, distances: NDArray[np.float64], junctions: Junctions) -> NDArray[np.float64]:
        """Take the smallest bonus of their junctions off the distances of pairs."""
        if self.place is None:
            return distances
        bonuses = np.full(len(distances), np.inf)
        np.minimum.at(bonuses, junctions.pairs, self.place(junctions.earlier, junctions.later))
        return np.asarray(distances - bonuses)


LOOKS_ALONE = Evidence()
