"""What people ask of the merging: who is the same person, who is not, who is nobody, and where two people were joined.

A row names a tracklet by its number, or a part of one that is split by the number and the part's own first frame::

    split      7       frame 30      tracklet 7, seen in frames 12 to 60, becomes 7@12 and 7@30
    must_link  7@30    9             and the second part is the same person as tracklet 9
    drop       7@12                  while the first is nobody

So a part keeps its name whatever other rows there are.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.merging.constraints import CandidatePairs

Action = Literal["must_link", "cannot_link", "drop", "split"]


class PartName(NamedTuple):
    """A tracklet, or the part of it that begins in some frame."""

    tracklet_id: int
    first_frame: int | None = None

    def __str__(self) -> str:
        return str(self.tracklet_id) if self.first_frame is None else f"{self.tracklet_id}@{self.first_frame}"


class CorrectionRow(NamedTuple):
    """What somebody asks for: `b` for links alone, `frame` (the first of the second part) for splits alone."""

    line: int
    action: Action
    a: PartName
    b: PartName | None = None
    frame: int | None = None

    def __str__(self) -> str:
        where = f" at frame {self.frame}" if self.frame is not None else ""
        return f"line {self.line} ({self.action} {self.a}{f', {self.b}' if self.b else ''}{where})"


def _no_pairs() -> NDArray[np.int64]:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class Corrections:
    """Corrections that do not contradict each other; tracklets are numbered as `split_tracklets` does.

    Attributes
    ----------
    splits : ndarray of int64, shape (n_splits, 2), sorted
        Tracklet, and first frame of its next part.
    must_links : ndarray of int64, shape (n_must_links, 2), sorted
        The smallest of all tracklets that belong together, and another of them; no two of them share a frame.
    cannot_links : ndarray of int64, shape (n_cannot_links, 2)
        Tracklets that are different people.
    dropped : ndarray of int64, shape (n_dropped,)
        Tracklets that belong to no track.
    """

    splits: NDArray[np.int64] = field(default_factory=_no_pairs)
    must_links: NDArray[np.int64] = field(default_factory=_no_pairs)
    cannot_links: NDArray[np.int64] = field(default_factory=_no_pairs)
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def permit(self, pairs: CandidatePairs, n_tracklets: int) -> CandidatePairs:
        """Leave out the pairs of which one tracklet is dropped, or that are different people."""
        if not len(self.dropped) and not len(self.cannot_links):
            return pairs
        is_dropped = np.zeros(n_tracklets, bool)
        is_dropped[self.dropped] = True
        low, high = self.cannot_links.min(axis=1, initial=n_tracklets), self.cannot_links.max(axis=1, initial=0)
        apart = np.isin(pairs.a.astype(np.int64) * n_tracklets + pairs.b, low * n_tracklets + high)
        return pairs.at(np.flatnonzero(~(is_dropped[pairs.a] | is_dropped[pairs.b] | apart)))


NO_CORRECTIONS = Corrections()


def split_tracklets(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]], splits: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Cut tracklets in parts.

    Parameters
    ----------
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        Tracklet of each mask, numbered from 0 without holes, and its frame.
    splits : ndarray of int, shape (n_splits, 2), sorted
        Tracklet, and first frame of its next part.

    Returns
    -------
    ndarray of int64, shape (n_masks,)
        The first part keeps the number of the tracklet; the part that begins at row i of the splits gets the number of
        tracklets plus i.
    """
    ids = tracklet_ids.astype(np.int64)
    if not len(splits) or not len(ids):
        return ids
    n_frames = int(max(frames.max(), splits[:, 1].max())) + 1
    places = np.searchsorted(splits[:, 0] * n_frames + splits[:, 1], ids * n_frames + frames, side="right") - 1
    is_later = (places >= 0) & (splits[places, 0] == ids)
    return np.where(is_later, ids.max() + 1 + places, ids)


def name_parts(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]], splits: NDArray[np.integer[Any]]
) -> dict[int, PartName]:
    """Name the parts of split tracklets.

    Parameters
    ----------
    tracklet_ids, frames, splits
        As for `split_tracklets`.

    Returns
    -------
    dict of int to PartName
        By the numbers that `split_tracklets` gives; tracklets that no row splits are left out.
    """
    parts = split_tracklets(tracklet_ids, frames, splits)
    n_tracklets = int(tracklet_ids.max(initial=-1)) + 1
    whole = {owner: int(frames[parts == owner].min()) for owner in splits[:, 0].tolist()}
    later = {n_tracklets + i: PartName(*split) for i, split in enumerate(splits.tolist())}
    return {owner: PartName(owner, first) for owner, first in whole.items()} | later


def resolve_corrections(
    rows: Sequence[CorrectionRow], tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]]
) -> Corrections:
    """Find out what corrections mean for the tracklets that there are.

    Parameters
    ----------
    rows : sequence of CorrectionRow
        In any order; a row may be repeated.
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        Tracklet of each mask, numbered from 0 without holes, and its frame.

    Returns
    -------
    Corrections

    Raises
    ------
    ValueError
        If a row makes no sense, or some rows contradict each other; names the rows.
    """
    spans = _Spans(tracklet_ids, frames)
    for row in rows:
        for name in (row.a, *([row.b] if row.b else [])):
            spans.check_exists(row, name)
    split_rows = {_check_split(row, spans): row for row in rows if row.action == "split"}
    splits = np.array(sorted(split_rows), np.int64).reshape(-1, 2)
    names = _Names(split_rows, splits, spans)
    links = {row: names.find_both(row) for row in rows if row.action in ("must_link", "cannot_link")}
    dropped = {names.find(row, row.a): row for row in rows if row.action == "drop"}
    groups = _Groups({row: link for row, link in links.items() if row.action == "must_link"})
    groups.refuse_dropped(dropped)
    groups.refuse_shared_frames(split_tracklets(tracklet_ids, frames, splits), frames, names)
    cannot_links = [link for row, link in links.items() if row.action == "cannot_link"]
    groups.refuse_cannot_links({row: link for row, link in links.items() if row.action == "cannot_link"})
    return Corrections(
        splits,
        groups.pairs(),
        np.array(cannot_links, np.int64).reshape(-1, 2),
        np.array(sorted(dropped), np.int64),
    )


class _Spans:
    """The frames of each tracklet."""

    def __init__(self, tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]]) -> None:
        self.n_tracklets = int(tracklet_ids.max(initial=-1)) + 1
        self.masks = tracklet_ids, frames
        self._ids, self._frames = tracklet_ids, frames

    def frames_of(self, tracklet_id: int) -> NDArray[np.integer[Any]]:
        return np.asarray(self._frames[self._ids == tracklet_id])

    def check_exists(self, row: CorrectionRow, name: PartName) -> None:
        if not 0 <= name.tracklet_id < self.n_tracklets:
            there = f"they are numbered from 0 to {self.n_tracklets - 1}" if self.n_tracklets else "there are none"
            raise ValueError(f"{row}: there is no tracklet {name.tracklet_id}; {there}")


def _check_split(row: CorrectionRow, spans: _Spans) -> tuple[int, int]:
    if row.frame is None or row.a.first_frame is not None:
        raise ValueError(f"{row}: a split names the whole tracklet and a frame, such as {row.a.tracklet_id} and 30")
    own = spans.frames_of(row.a.tracklet_id)
    first, last = int(own.min()), int(own.max())
    if not first < row.frame <= last:
        raise ValueError(
            f"{row}: tracklet {row.a} has the frames {first} to {last}; its second part can begin in {first + 1} to "
            f"{last}"
            if first < last
            else f"{row}: tracklet {row.a} has frame {first} alone, and cannot be split"
        )
    if row.frame not in own:
        nearest = int(own[own > row.frame].min())
        raise ValueError(f"{row}: tracklet {row.a} has no mask in that frame; its next one is in frame {nearest}")
    return row.a.tracklet_id, row.frame


class _Names:
    """Which tracklet a name means, after the splits."""

    def __init__(
        self, split_rows: dict[tuple[int, int], CorrectionRow], splits: NDArray[np.int64], spans: _Spans
    ) -> None:
        self._names = name_parts(*spans.masks, splits)
        self._ids = {name: number for number, name in self._names.items()}
        self._split_rows: dict[int, list[CorrectionRow]] = defaultdict(list)
        for key, row in sorted(split_rows.items()):
            self._split_rows[key[0]].append(row)

    def __getitem__(self, tracklet_id: int) -> PartName:
        return self._names.get(tracklet_id, PartName(tracklet_id))

    def find(self, row: CorrectionRow, name: PartName) -> int:
        cuts = self._split_rows.get(name.tracklet_id)
        parts = ", ".join(str(part) for part in self._ids if part.tracklet_id == name.tracklet_id)
        if name in self._ids:
            return self._ids[name]
        if cuts and name.first_frame is None:
            raise ValueError(f"{row}: tracklet {name} is cut by {_list(cuts)}; name the part: {parts}")
        if name.first_frame is not None:
            there = f"its parts are {parts}" if cuts else "no row splits this tracklet"
            raise ValueError(f"{row}: there is no part {name}; {there}")
        return name.tracklet_id

    def find_both(self, row: CorrectionRow) -> tuple[int, int]:
        if row.b is None:
            raise ValueError(f"{row}: a link needs two tracklets, in the columns a and b")
        a, b = self.find(row, row.a), self.find(row, row.b)
        if a == b:
            raise ValueError(f"{row}: links {row.a} to itself")
        return a, b


class _Groups:
    """Tracklets that must be one person, through a chain of rows."""

    def __init__(self, must_links: dict[CorrectionRow, tuple[int, int]]) -> None:
        self._rows_of: dict[int, list[tuple[int, CorrectionRow]]] = defaultdict(list)
        for row, (a, b) in must_links.items():
            self._rows_of[a].append((b, row))
            self._rows_of[b].append((a, row))
        self._group_of: dict[int, int] = {}
        for tracklet_id in sorted(self._rows_of):
            if tracklet_id not in self._group_of:
                self._group_of.update(dict.fromkeys(self._reach(tracklet_id), tracklet_id))

    def pairs(self) -> NDArray[np.int64]:
        pairs = sorted((group, member) for member, group in self._group_of.items() if member != group)
        return np.array(pairs, np.int64).reshape(-1, 2)

    def refuse_dropped(self, dropped: dict[int, CorrectionRow]) -> None:
        for tracklet_id, row in dropped.items():
            if tracklet_id in self._rows_of:
                other = self._rows_of[tracklet_id][0][1]
                raise ValueError(f"{row} contradicts {other}; take one of them out")

    def refuse_cannot_links(self, cannot_links: dict[CorrectionRow, tuple[int, int]]) -> None:
        for row, (a, b) in cannot_links.items():
            if a in self._group_of and self._group_of[a] == self._group_of.get(b):
                raise ValueError(f"{row} contradicts {_list(self._reach(a)[b])}; take one of them out")

    def refuse_shared_frames(
        self, tracklet_ids: NDArray[np.int64], frames: NDArray[np.integer[Any]], names: _Names
    ) -> None:
        linked = np.flatnonzero(np.isin(tracklet_ids, list(self._group_of)))
        groups = np.array([self._group_of[own] for own in tracklet_ids[linked].tolist()], np.int64)
        order = np.lexsort((frames[linked], groups))
        groups, linked = groups[order], linked[order]
        twice = np.flatnonzero((np.diff(groups) == 0) & (np.diff(frames[linked]) == 0))
        if len(twice):
            one, other = tracklet_ids[linked[twice[0] : twice[0] + 2]].tolist()
            rows = self._reach(one)[other]
            frame = frames[linked[twice[0]]]
            them = "one of these rows" if len(rows) > 1 else "this row"
            raise ValueError(
                f"{_list(rows)} would join {names[one]} and {names[other]}, which share frame {frame} and so are two "
                f"people; take {them} out"
            )

    def _reach(self, start: int) -> dict[int, list[CorrectionRow]]:
        """Give every tracklet that rows lead to, with the fewest rows that do."""
        paths: dict[int, list[CorrectionRow]] = {start: []}
        waiting = [start]
        for tracklet_id in waiting:  # grows as it is walked: nearest first
            for other, row in self._rows_of[tracklet_id]:
                if other not in paths:
                    paths[other] = [*paths[tracklet_id], row]
                    waiting.append(other)
        return paths


def _list(rows: Sequence[CorrectionRow]) -> str:
    return " and ".join(map(str, rows))
