"""How far people get while they are out of sight, learnt from the video's own tracklets: evidence of place.

A tracklet tells where its person should turn up again. How well such a forecast holds is read off places that are
known: both ends of a gap cut into one tracklet (the same person), and masks of two tracklets that share a frame
(different people). Nothing is set by hand in frames, pixels or metres.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A velocity is the slope of a line through the masks nearest to an end; through fewer masks it is mostly noise.
VELOCITY_MASKS = 8
MIN_VELOCITY_MASKS = 4
LAGS_FRAMES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# Of each lag; medians of so many hardly change with more.
MAX_PAIRS_PER_LAG = 3000
MIN_PAIRS_PER_LAG = 30
_FRAMES_PER_LAG = 100
_MASKS_PER_FRAME = 24
_MIN_SCALE = 1e-3
_MASKS_PER_CHUNK = 2**16


@dataclass(frozen=True)
class TrackletMotion:
    """Where each mask is and how its tracklet moves there; all of length n_masks.

    Attributes
    ----------
    frames : ndarray of int64
    centres_px : ndarray of float64, shape (n_masks, 2)
        Of the masks' boxes, x and y.
    heights_px : ndarray of float64
        Of the boxes.
    velocities_before, velocities_after : ndarray of float64, shape (n_masks, 2), in px per frame
        Of the tracklet's masks up to this one, and from this one on; NaN where they are too few.
    """

    frames: NDArray[np.int64]
    centres_px: NDArray[np.float64]
    heights_px: NDArray[np.float64]
    velocities_before: NDArray[np.float64]
    velocities_after: NDArray[np.float64]


@dataclass(frozen=True)
class Displacements:
    """How far masks lie from where they were to be expected, by pairs of an earlier and a later mask.

    Attributes
    ----------
    heights : ndarray of float64, shape (n_pairs,)
        Distance from the place forecast, in heights of the person.
    n_velocities : ndarray of int64
        How many of the two tracklets were long enough to have a velocity: 0, 1 or 2.
    gap_frames : ndarray of int64
        Frames between the two masks, at least 1.
    """

    heights: NDArray[np.float64]
    n_velocities: NDArray[np.int64]
    gap_frames: NDArray[np.int64]


@dataclass(frozen=True)
class DisplacementScales:
    """Median displacements after each lag.

    Attributes
    ----------
    lags_frames : ndarray of int64, shape (n_lags,), ascending
        Those with pairs enough; there may be none.
    same, different : ndarray of float64, shape (3, n_lags), in heights of the person
        Of the same and of different people. Row k: where k velocities are known.
    """

    lags_frames: NDArray[np.int64]
    same: NDArray[np.float64]
    different: NDArray[np.float64]

    def at(self, displaced: Displacements) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the scales of the same and of different people for each pair, shape (n_pairs,) each.

        Linear between lags. Beyond the longest one the same person's grows with the gap; different people's stays.
        """
        gaps, rows = displaced.gap_frames, displaced.n_velocities
        scales = np.full((2, len(gaps)), np.inf)  # where nothing was learnt, place tells nothing
        if len(self.lags_frames):
            beyond = np.maximum(gaps / self.lags_frames[-1], 1)
            for k in range(3):
                of_k = rows == k
                scales[0, of_k] = (np.interp(gaps, self.lags_frames, self.same[k]) * beyond)[of_k]
                scales[1, of_k] = np.interp(gaps[of_k], self.lags_frames, self.different[k])
        return scales[0], scales[1]


def describe_motion(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.integer[Any]], boxes_px: NDArray[np.integer[Any]]
) -> TrackletMotion:
    """Find the place and the velocity of each mask within its tracklet.

    Parameters
    ----------
    tracklet_ids, frames : ndarray of int, shape (n_masks,)
        Tracklet and frame of each mask.
    boxes_px : ndarray of int, shape (n_masks, 4)
        Left, top, width and height of each mask.

    Returns
    -------
    TrackletMotion
    """
    boxes_px = boxes_px.reshape(-1, 4)
    centres = boxes_px[:, :2] + boxes_px[:, 2:] / 2
    before, after = np.empty_like(centres), np.empty_like(centres)
    order = np.lexsort((frames, tracklet_ids))
    starts = np.flatnonzero(np.diff(tracklet_ids[order], prepend=-1))
    slopes = _Slopes(centres[order].mean(axis=0) if len(order) else np.zeros(2))
    bounds = np.append(starts[np.diff(starts // _MASKS_PER_CHUNK, prepend=-1) > 0], len(order)).tolist()
    for start, end in itertools.pairwise(bounds):
        masks = order[start:end]
        own = starts[np.searchsorted(starts, start) : np.searchsorted(starts, end)] - start
        before[masks], after[masks] = _velocities(slopes, own, frames[masks], centres[masks])
    return TrackletMotion(frames.astype(np.int64), centres, boxes_px[:, 3].astype(np.float64), before, after)


def _velocities(
    slopes: "_Slopes", starts: NDArray[np.int64], frames: NDArray[np.integer[Any]], centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocities before and after the masks of some tracklets, which begin at `starts`, in the order of frames."""
    places = np.arange(len(frames))
    lengths = np.diff(starts, append=len(frames))
    starts, ends = np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)
    sums = slopes.add((frames - frames[starts]).astype(np.float64), centres)
    return (
        slopes.of(sums, np.maximum(starts, places + 1 - VELOCITY_MASKS), places + 1),
        slopes.of(sums, places, np.minimum(ends, places + VELOCITY_MASKS)),
    )


class _Slopes:
    """Slopes of least-squares lines through runs of points, from running sums.

    The sums go on from one part of the points to the next, so that it does not matter how they are parted.
    """

    def __init__(self, middle: NDArray[np.float64]) -> None:
        self._middle = middle  # keeps the sums small
        self._last = np.zeros((1, 6))

    def add(self, times: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the running sums before each of the next points and after the last, shape (n_points + 1, 6)."""
        points = points - self._middle
        columns = [times[:, None], times[:, None] ** 2, points, times[:, None] * points]
        sums = np.concatenate([self._last, np.concatenate(columns, axis=1)])
        np.cumsum(sums, axis=0, out=sums)
        self._last = sums[-1:].copy()
        return sums

    @staticmethod
    def of(running: NDArray[np.float64], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the slope of each run, shape (n_runs, 2); NaN where it is too short."""
        n = (end - first).astype(np.float64)
        sums = running[end] - running[first]
        spread = sums[:, 1] - sums[:, 0] ** 2 / n
        known = (end - first >= MIN_VELOCITY_MASKS) & (spread > 0)
        products = sums[:, 4:] - sums[:, :1] * sums[:, 2:4] / n[:, None]
        return np.where(known[:, None], products / np.where(known, spread, 1)[:, None], np.nan)


def measure_displacements(
    motion: TrackletMotion,
    earlier: NDArray[np.integer[Any]],
    later: NDArray[np.integer[Any]],
    max_velocities: int = 2,
) -> Displacements:
    """Measure how far later masks lie from where earlier ones, and they themselves, would have them.

    Parameters
    ----------
    motion : TrackletMotion
    earlier, later : ndarray of int, shape (n_pairs,)
        Mask ids: the last mask before a gap, the first one after it.
    max_velocities : int, in [0, 2]
        Use no more than this many of the two velocities, as if a tracklet were too short to have one.

    Returns
    -------
    Displacements
        The forecast is the earlier place moved on by the mean of the known velocities.
    """
    gaps = motion.frames[later] - motion.frames[earlier]
    velocities = np.stack([motion.velocities_before[earlier], motion.velocities_after[later]])
    velocities[max_velocities:] = np.nan
    known = ~np.isnan(velocities[..., 0])
    n_known = known.sum(axis=0)
    mean = np.where(known[..., None], velocities, 0).sum(axis=0) / np.maximum(n_known, 1)[:, None]
    steps = motion.centres_px[later] - motion.centres_px[earlier] - gaps[:, None] * mean
    heights = np.sqrt(motion.heights_px[earlier] * motion.heights_px[later])
    return Displacements(np.hypot(steps[:, 0], steps[:, 1]) / heights, n_known, gaps)


def learn_scales(tracklet_ids: NDArray[np.integer[Any]], motion: TrackletMotion) -> DisplacementScales:
    """Learn how displacements of the same and of different people grow with the gap.

    Parameters
    ----------
    tracklet_ids : ndarray of int, shape (n_masks,)
        Tracklet of each mask, masks in the order of frames.
    motion : TrackletMotion

    Returns
    -------
    DisplacementScales
        Same: two masks of one tracklet. Different: masks of two tracklets that share some frame. Row k comes from pairs
        with k velocities or more, the others put aside; where those are fewer than `MIN_PAIRS_PER_LAG`, it is the row
        above. Lags with fewer pairs of either kind are left out.
    """
    lags, same, different = [], [], []
    order = np.lexsort((motion.frames, tracklet_ids))
    ids, frames = tracklet_ids[order], motion.frames[order]
    limits = _frame_limits(tracklet_ids, motion.frames)
    shown = np.unique(motion.frames)
    for lag in LAGS_FRAMES:
        own = order[_pairs_within(ids, frames, lag)]
        others = _pairs_between(tracklet_ids, motion.frames, shown, limits, lag)
        if min(len(own), len(others)) >= MIN_PAIRS_PER_LAG:
            lags.append(lag)
            medians = _median_displacements(motion, own, others)
            same.append(medians[:, 0])
            different.append(medians[:, 1])
    return DisplacementScales(
        np.array(lags, np.int64), np.array(same).reshape(-1, 3).T, np.array(different).reshape(-1, 3).T
    )


def _median_displacements(
    motion: TrackletMotion, own: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Medians with 0, 1 and 2 velocities, of the same and of different people, shape (3, 2)."""
    medians = np.zeros((3, 2))
    for n_velocities in range(3):
        found = [measure_displacements(motion, pairs[:, 0], pairs[:, 1], n_velocities) for pairs in (own, others)]
        heights = [each.heights[each.n_velocities == n_velocities] for each in found]
        if min(len(each) for each in heights) >= MIN_PAIRS_PER_LAG:
            medians[n_velocities] = [max(float(np.median(each)), _MIN_SCALE) for each in heights]
        else:
            medians[n_velocities] = medians[n_velocities - 1]
    return medians


def _frame_limits(
    tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frame of each tracklet."""
    n_tracklets = int(tracklet_ids.max(initial=-1)) + 1
    first, last = np.full(n_tracklets, np.iinfo(np.int64).max), np.full(n_tracklets, -1)
    np.minimum.at(first, tracklet_ids, frames)
    np.maximum.at(last, tracklet_ids, frames)
    return first, last


def _pairs_within(tracklet_ids: NDArray[np.integer[Any]], frames: NDArray[np.int64], lag: int) -> NDArray[np.int64]:
    """Pair masks of one tracklet that are `lag` frames apart, shape (n_pairs, 2); places of masks sorted by tracklet.

    A tracklet without holes has one mask a frame.
    """
    near = (tracklet_ids[:-lag] == tracklet_ids[lag:]) & (frames[lag:] - frames[:-lag] == lag)
    earlier = _evenly(np.flatnonzero(near), MAX_PAIRS_PER_LAG)
    return np.column_stack([earlier, earlier + lag])


def _pairs_between(
    tracklet_ids: NDArray[np.integer[Any]],
    frames: NDArray[np.int64],
    shown: NDArray[np.int64],
    limits: tuple[NDArray[np.int64], NDArray[np.int64]],
    lag: int,
) -> NDArray[np.int64]:
    """Pair masks `lag` frames apart of tracklets that share a frame, shape (n_pairs, 2).

    `shown` are the frames with masks, `limits` the first and the last frame of each tracklet.
    """
    first, last = limits
    found = []
    for frame in _evenly(shown, _FRAMES_PER_LAG).tolist():
        masks = [_evenly(_masks_of(frames, at), _MASKS_PER_FRAME) for at in (frame, frame + lag)]
        one, other = (column.ravel() for column in np.meshgrid(*masks, indexing="ij"))
        a, b = tracklet_ids[one], tracklet_ids[other]
        apart = (a != b) & (first[a] <= last[b]) & (first[b] <= last[a])
        found.append(np.column_stack([one[apart], other[apart]]))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    return _evenly(pairs, MAX_PAIRS_PER_LAG)


def _masks_of(frames: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
    return np.arange(np.searchsorted(frames, frame), np.searchsorted(frames, frame + 1))


def _evenly(values: NDArray[np.int64], n_most: int) -> NDArray[np.int64]:
    if len(values) <= n_most:
        return values
    return values[np.linspace(0, len(values) - 1, n_most).astype(np.int64)]


def place_evidence(
    heights: NDArray[np.float64],
    same: NDArray[np.float64],
    different: NDArray[np.float64],
    stretch: float = 1.0,
) -> NDArray[np.float64]:
    r"""Weigh a displacement: how much likelier it is of the same person than of different people.

    .. math::
        \log \frac{p(r \mid same)}{p(r \mid different)} =
        2 \log \frac{m_d}{m_s} + 2 \log \frac{1 + (r / m_d)^2}{1 + (r / m_s)^2} =
        2 \log \frac{m_s (m_d^2 + r^2)}{m_d (m_s^2 + r^2)}

    Parameters
    ----------
    heights : ndarray of float64, shape (n_pairs,)
        Displacements r.
    same, different : ndarray of float64, shape (n_pairs,)
        Median displacements m_s and m_d, from `DisplacementScales.at`.
    stretch : float, at least 1
        By how much real gaps displace more than those cut into tracklets; m_s is multiplied by it.

    Returns
    -------
    ndarray of float64, shape (n_pairs,), in nats
        0 where m_s reaches m_d, or nothing was learnt: such a gap leaves place open. Never beyond ±2 log(m_d / m_s).

    Notes
    -----
    Not in the paper. Both populations are taken for bivariate Student distributions with two degrees of freedom, whose
    scale is given by the median alone and whose heavy tails forgive a person who turns round.
    """
    same = same * stretch
    near = same < different
    m_s, m_d = np.where(near, same, 1.0), np.where(near, different, 1.0)
    squares = heights * heights
    return np.asarray(2 * np.log(m_s * (m_d * m_d + squares) / (m_d * (m_s * m_s + squares))))


@dataclass(frozen=True)
class TrackletPlaces:
    """Where the ranges of frames of all tracklets begin and end, and how people move in this video.

    Attributes
    ----------
    motion : TrackletMotion
        Of all masks.
    scales : DisplacementScales
        From `learn_scales`.
    first_masks, last_masks : ndarray of int, shape (n_ranges,)
        The masks at the two ends of each range.
    """

    motion: TrackletMotion
    scales: DisplacementScales
    first_masks: NDArray[np.int64]
    last_masks: NDArray[np.int64]

    def measure(self, earlier: NDArray[np.integer[Any]], later: NDArray[np.integer[Any]]) -> Displacements:
        """Measure the displacements from earlier to later ranges, by their rows."""
        return measure_displacements(self.motion, self.last_masks[earlier], self.first_masks[later])

    def weigh(
        self, earlier: NDArray[np.integer[Any]], later: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give displacements in heights, and their scales for the same and for different people, (n_pairs,) each."""
        displaced = self.measure(earlier, later)
        return displaced.heights, *self.scales.at(displaced)


class PlaceBonus:
    """Evidence of place across junctions of tracklets, as similarities: a `remots.merging.evidence.JunctionBonus`.

    Parameters
    ----------
    places : TrackletPlaces
    similarity_per_nat : float
        What evidence of one nat is worth: see `remots.statistics.mixture.candidates`.
    stretch : float
        See `place_evidence`.
    """

    def __init__(self, places: TrackletPlaces, similarity_per_nat: float, stretch: float) -> None:
        self._similarity_per_nat = similarity_per_nat
        motion, scales = places.motion, places.scales
        ends, starts = places.last_masks, places.first_masks
        self._ends = _Ends.of(motion, ends, motion.velocities_before)
        self._starts = _Ends.of(motion, starts, motion.velocities_after)
        self._same, self._different = _tabulate(scales, stretch)
        ratios = self._different / self._same
        # Beyond the table the ratio only falls.
        self.largest = similarity_per_nat * 2 * float(np.log(ratios.max(initial=1.0)))

    def __call__(self, earlier: NDArray[np.int64], later: NDArray[np.int64], /) -> NDArray[np.float64]:
        """Give the bonus of each junction between two ranges of frames, shape (n_junctions,)."""
        ends, starts = self._ends.values[earlier], self._starts.values[later]
        gaps = starts[:, _FRAME] - ends[:, _FRAME]
        known = (ends[:, _KNOWN] + starts[:, _KNOWN]).astype(np.int64)
        walks = (ends[:, _VELOCITY] + starts[:, _VELOCITY]) * (gaps / np.maximum(known, 1))[:, None]
        steps = starts[:, _CENTRE] - ends[:, _CENTRE] - walks
        heights = np.sqrt(np.einsum("ij,ij->i", steps, steps) / (ends[:, _HEIGHT] * starts[:, _HEIGHT]))
        n_gaps = self._same.shape[1]
        places = np.clip(gaps, 1, n_gaps).astype(np.int64) - 1
        same = self._same[known, places] * np.maximum(gaps / n_gaps, 1)
        evidence = place_evidence(heights, same, self._different[known, places])
        return np.asarray(self._similarity_per_nat * evidence)


_CENTRE, _VELOCITY, _HEIGHT, _KNOWN, _FRAME = slice(0, 2), slice(2, 4), 4, 5, 6


@dataclass(frozen=True)
class _Ends:
    """Centre, velocity (0 where unknown), height, whether the velocity is known, frame: in one array, read at once."""

    values: NDArray[np.float64]

    @staticmethod
    def of(motion: TrackletMotion, masks: NDArray[np.int64], velocities: NDArray[np.float64]) -> "_Ends":
        known = ~np.isnan(velocities[masks, :1])
        columns = [motion.centres_px[masks], np.where(known, velocities[masks], 0)]
        columns += [motion.heights_px[masks, None], known, motion.frames[masks, None]]
        return _Ends(np.concatenate(columns, axis=1))


def _tabulate(scales: DisplacementScales, stretch: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scales of the same and of different people after 1, 2, 3, … frames, shape (3, longest lag) each."""
    gaps = np.arange(1, int(scales.lags_frames.max(initial=1)) + 1)
    found = [scales.at(Displacements(np.zeros(len(gaps)), np.full(len(gaps), n), gaps)) for n in range(3)]
    same, different = (np.array(column) for column in zip(*found, strict=True))
    if not len(scales.lags_frames):  # place tells nothing
        return np.ones_like(same), np.ones_like(different)
    return same * stretch, different
