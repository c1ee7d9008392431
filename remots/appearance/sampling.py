"""Which crops meet in a mini-batch: the triplets of ReMOTS, from figures 2 and 3 of the paper.

Nobody labels the target video, yet it says who is who: two masks of one frame are two people, an altered copy of a crop
is the same person (figure 2), and so is another frame of the same short-term tracklet (figure 3). Each source below
draws *groups* of people known to be different, each person in several *views*::

    intra-frame (2.2)               inter-short-tracklet (2.4)         training set (2.2)

    frame 7:   A    B    C          frame 7:       A    B    C         identity:      1    2    3
               |    |    |                         |    |    |                        |    |    |
    altered:   A*   B*   C*         other frames:  A3   B9   C8        other frames:  1'   2'   3'

Views of one column are positives of each other, those of different columns negatives. Crops of different groups are
never compared: they may show the same person.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

TARGET = 0  # the store of the target video's crops; those of the training sequences follow from 1
NO_IDENTITY = -1


class Group(NamedTuple):
    """People who are different for sure, one a row, each in several views.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_people, n_views)
        Rows of the crops.
    is_strong : ndarray of bool, shape (n_people, n_views)
        Whether the view is a copy that must be altered strongly, because the same crop is in the group already.
    identities : ndarray of int64, shape (n_people,)
        The true person, numbered within the source from 0; -1 where nobody knows.
    """

    rows: NDArray[np.int64]
    is_strong: NDArray[np.bool_]
    identities: NDArray[np.int64]


class GroupSource(Protocol):
    """Something that draws groups of people who are different for sure."""

    @property
    def n_groups(self) -> int:
        """How many groups there are to choose from; 0 where nothing can be learnt."""

    @property
    def n_identities(self) -> int:
        """How many people are known by name; 0 in a target video."""

    def draw(self, max_people: int, n_views: int, rng: np.random.Generator) -> Group:
        """Draw a group of 2 to `max_people` people in `n_views` views each."""


class IntraFrame:
    """Groups for intra-frame training: the masks of a random frame, and altered copies of them.

    Parameters
    ----------
    frames : array of int, shape (n_masks,)
        The frame of each mask.
    is_held_out : array of bool, shape (n_masks,), optional
        Masks that are not to be drawn.

    Notes
    -----
    Source: ReMOTS section 2.2 and figure 2. Masks of one frame are disjoint, so they are of different people. Frames
    with fewer than two masks hold no negative and are left out.
    """

    n_identities = 0

    def __init__(self, frames: ArrayLike, is_held_out: ArrayLike | None = None) -> None:
        frames = np.asarray(frames)
        kept = np.arange(len(frames)) if is_held_out is None else np.flatnonzero(~np.asarray(is_held_out, bool))
        self._frames = [kept[rows] for rows in _rows_by_value(frames[kept]) if len(rows) >= 2]
        self._no_others = np.zeros(0, np.int64)

    @property
    def n_groups(self) -> int:
        """How many frames have at least two masks."""
        return len(self._frames)

    def draw(self, max_people: int, n_views: int, rng: np.random.Generator) -> Group:
        """Draw a frame, masks of it as anchors, and altered copies of them as positives."""
        present = self._frames[rng.integers(len(self._frames))]
        anchors = _choose(present, max_people, rng)
        return _group([_views(anchor, self._no_others, n_views, rng) for anchor in anchors])


class InterShortTracklet:
    """Groups for inter-short-tracklet training: tracklets that are seen in one frame, and other frames of theirs.

    Parameters
    ----------
    frames : array of int, shape (n_masks,)
        The frame of each mask.
    tracklet_ids : array of int, shape (n_masks,)
        The short-term tracklet of each mask; negative where it has none.

    Raises
    ------
    ValueError
        If a tracklet has two masks in one frame; names both.

    Notes
    -----
    Source: ReMOTS section 2.4 and figure 3. Tracklets that never share a frame may be one person: they never meet in a
    group. A tracklet of a single mask serves as in intra-frame training, with altered copies of it as positives.
    """

    n_identities = 0

    def __init__(self, frames: ArrayLike, tracklet_ids: ArrayLike) -> None:
        frames, tracklet_ids = np.asarray(frames), np.asarray(tracklet_ids)
        tracked = np.flatnonzero(tracklet_ids >= 0)
        _check_once_per_frame(frames[tracked], tracklet_ids[tracked])
        self._tracklets = [tracked[rows] for rows in _rows_by_value(tracklet_ids[tracked])]
        self._frames = [tracked[rows] for rows in _rows_by_value(frames[tracked]) if len(rows) >= 2]
        self._tracklet_of_row = np.full(len(frames), -1, np.int64)
        for index, rows in enumerate(self._tracklets):
            self._tracklet_of_row[rows] = index

    @property
    def n_groups(self) -> int:
        """How many frames show at least two tracklets."""
        return len(self._frames)

    def draw(self, max_people: int, n_views: int, rng: np.random.Generator) -> Group:
        """Draw a frame, tracklets present in it as anchors, and other frames of the same tracklets as positives."""
        present = self._frames[rng.integers(len(self._frames))]
        anchors = _choose(present, max_people, rng)
        return _group([_views(anchor, self._others(anchor), n_views, rng) for anchor in anchors])

    def _others(self, anchor: int) -> NDArray[np.int64]:
        tracklet = self._tracklets[self._tracklet_of_row[anchor]]
        others: NDArray[np.int64] = tracklet[tracklet != anchor]
        return others


class TrueIdentities:
    """Groups from a training sequence, where ground truth says who is who.

    Parameters
    ----------
    identities : array of int, shape (n_masks,)
        The true person of each mask; negative in ignore regions, which are left out.

    Notes
    -----
    Source: ReMOTS section 2.2, "we can sample triplets from the training set only referring to the ground-truth
    tracklets".
    """

    def __init__(self, identities: ArrayLike) -> None:
        identities = np.asarray(identities)
        known = np.flatnonzero(identities > NO_IDENTITY)
        self._people = [known[rows] for rows in _rows_by_value(identities[known])]

    @property
    def n_groups(self) -> int:
        """1, or 0 where there are fewer than two people."""
        return int(len(self._people) >= 2)

    @property
    def n_identities(self) -> int:
        """How many people there are."""
        return len(self._people)

    def draw(self, max_people: int, n_views: int, rng: np.random.Generator) -> Group:
        """Draw people, and crops of each."""
        chosen = _choose(np.arange(len(self._people)), max_people, rng)
        return _group([self._crops_of(person, n_views, rng) for person in chosen], chosen)

    def _crops_of(self, person: int, n_views: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
        crops = self._people[person]
        anchor = crops[rng.integers(len(crops))]
        return _views(anchor, crops[crops != anchor], n_views, rng)


@dataclass(frozen=True)
class Batch:
    """The crops of one mini-batch.

    Attributes
    ----------
    stores : ndarray of int64, shape (n_crops,)
        Which array of crops: 0 the target video's, from 1 those of the training sequences.
    rows : ndarray of int64, shape (n_crops,)
        Row in that array.
    labels : ndarray of int64, shape (n_crops,)
        The person. Crops of one label are of one person; those of different labels are of different people for sure
        only where they are of one group.
    groups : ndarray of int64, shape (n_crops,)
        The group.
    is_strong : ndarray of bool, shape (n_crops,)
        Whether the crop must be altered strongly, because the batch has the same crop once more.
    identities : ndarray of int64, shape (n_crops,)
        The true person, numbered over all training sequences from 0; -1 on crops of the target.
    """

    stores: NDArray[np.int64]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    is_strong: NDArray[np.bool_]
    identities: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class BatchSampler:
    """Draw mini-batches; each depends on the seed and its number alone, so a resumed training draws the same ones.

    Parameters
    ----------
    target : GroupSource
        The target video.
    training : sequence of GroupSource
        The training sequences; their crops are in the stores 1, 2, …
    batch_size : int
        Crops of a mini-batch, at most; half of them from the training sequences where there are any.
    n_views : int
        Crops of one person in a mini-batch, at least 2.
    max_people_per_frame : int
        People taken from one frame of the target, at least 2: fewer give a batch more frames, more give it more
        negatives.
    seed : int
        Seed of all draws.

    Notes
    -----
    Source: ReMOTS section 2.2, "triplets from the training set and target set to form a mini-batch input by the ratio
    1:1".
    """

    target: GroupSource
    training: Sequence[GroupSource]
    batch_size: int
    n_views: int
    max_people_per_frame: int
    seed: int

    @property
    def is_empty(self) -> bool:
        """Whether there is no pair of different people anywhere."""
        return not (self.target.n_groups or self._training_stores)

    @property
    def n_identities(self) -> int:
        """How many people of the training sequences are known by name."""
        return sum(source.n_identities for source in self.training)

    @property
    def _training_stores(self) -> list[int]:
        return [store for store, source in enumerate(self.training, start=1) if source.n_groups]

    def draw(self, step: int) -> Batch:
        """Draw the mini-batch of a step.

        Parameters
        ----------
        step : int
            Number of the step, from 0.

        Returns
        -------
        Batch
            Up to ``batch_size`` crops. Without training sequences all are of the target; where no frame of the target
            has two people all are of the training sequences.

        Raises
        ------
        ValueError
            If there is nothing to learn from (`is_empty`).
        """
        if self.is_empty:
            raise ValueError("no frame has two masks: there is no pair of different people to learn from")
        rng = np.random.default_rng((self.seed, step))
        n_people = self.batch_size // self.n_views
        n_target = n_people if not self._training_stores else n_people // 2 if self.target.n_groups else 0
        return _assemble([*self._target_groups(n_target, rng), *self._training_groups(n_people - n_target, rng)])

    def _target_groups(self, n_people: int, rng: np.random.Generator) -> Iterator[tuple[int, Group]]:
        while n_people >= 2:
            group = self.target.draw(min(n_people, self.max_people_per_frame), self.n_views, rng)
            n_people -= len(group.rows)
            yield TARGET, group

    def _training_groups(self, n_people: int, rng: np.random.Generator) -> Iterator[tuple[int, Group]]:
        while n_people >= 2:
            store = self._training_stores[rng.integers(len(self._training_stores))]
            group = self.training[store - 1].draw(n_people, self.n_views, rng)
            n_people -= len(group.rows)
            first = sum(source.n_identities for source in self.training[: store - 1])
            yield store, group._replace(identities=group.identities + first)


def _views(
    anchor: int, others: NDArray[np.int64], n_views: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], int]:
    """Choose a person's views: the anchor, other crops of the person while there are any, then the same ones once more.

    Returns the rows, and from which view on they are copies, which are told from their originals by strong alteration.
    """
    different = np.concatenate([[anchor], _choose(others, n_views - 1, rng)])
    return different[np.arange(n_views) % len(different)], len(different)


def _group(people: Sequence[tuple[NDArray[np.int64], int]], identities: NDArray[np.int64] | None = None) -> Group:
    rows = np.stack([views for views, _ in people])
    n_different = np.array([n for _, n in people])
    unknown = np.full(len(people), NO_IDENTITY)
    is_strong = np.arange(rows.shape[1]) >= n_different[:, None]
    return Group(rows, is_strong, unknown if identities is None else identities)


def _assemble(groups: Sequence[tuple[int, Group]]) -> Batch:
    """Lay groups out in a row; no two share a label."""
    shapes = [group.rows.shape for _, group in groups]
    n_crops = [n_people * n_views for n_people, n_views in shapes]
    n_people, n_views = sum(shape[0] for shape in shapes), shapes[0][1]
    return Batch(
        stores=np.repeat([store for store, _ in groups], n_crops),
        rows=np.concatenate([group.rows.ravel() for _, group in groups]),
        labels=np.repeat(np.arange(n_people), n_views),
        groups=np.repeat(np.arange(len(groups)), n_crops),
        is_strong=np.concatenate([group.is_strong.ravel() for _, group in groups]),
        identities=np.repeat(np.concatenate([group.identities for _, group in groups]), n_views),
    )


def _choose(values: NDArray[np.int64], at_most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(values, min(at_most, len(values)), replace=False)


def _rows_by_value(values: ArrayLike) -> list[NDArray[np.int64]]:
    """Give the rows of each value, in rising order of both."""
    values = np.asarray(values)
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order])) + 1
    return np.split(order, starts) if len(order) else []


def _check_once_per_frame(frames: NDArray[np.int64], tracklet_ids: NDArray[np.int64]) -> None:
    order = np.lexsort((tracklet_ids, frames))
    same = (np.diff(frames[order]) == 0) & (np.diff(tracklet_ids[order]) == 0)
    if same.any():
        row = order[np.flatnonzero(same)[0]]
        raise ValueError(f"tracklet {tracklet_ids[row]} has two masks in frame {frames[row]}")
