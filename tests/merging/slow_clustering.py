"""The clustering of paper 2.5, as plain as can be: each pair of clusters, each pair of observations, each time."""

import itertools

import numpy as np

from remots.merging.distances import sum_features
from remots.merging.frame_ranges import build_frame_ranges


def slow_distance(one, other):
    """Mean of all pairwise cosine distances; one and other are arrays of features."""
    return float(np.mean([[1 - f @ g for g in other] for f in one]))


def slow_gap(one, other):
    """Smallest distance in time of two sets of frames; 0 where they share one."""
    return min(abs(i - j) for i in one for j in other)


def slow_ranges(frames):
    """The ranges of frames of each tracklet, as (first, last), one list a tracklet, and the row of each range."""
    ranges, rows, n_rows = [], [], 0
    for own in frames:
        starts = [f for f in own if f - 1 not in own]
        ranges.append([(f, next(g for g in itertools.count(f) if g + 1 not in own)) for f in sorted(starts)])
        rows.append(list(range(n_rows, n_rows + len(starts))))
        n_rows += len(starts)
    return ranges, rows


def slow_junctions(one, other, ranges, rows):
    """The rows (earlier, later) where the frames of two clusters pass from one to the other."""
    listed = sorted(
        (span, row, side)
        for side, members in enumerate((one, other))
        for k in members
        for span, row in zip(ranges[k], rows[k], strict=True)
    )
    return [(i, j) for (_, i, a), (_, j, b) in itertools.pairwise(listed) if a != b]


def slow_merging(
    features,
    frames,
    theta_merge,
    max_gap_frames,
    bonuses=None,
    looks=None,
    allowed=None,
    must=(),
    cannot=(),
    dropped=(),
):
    """Merge the nearest two clusters until none are near enough.

    `features` and `frames` hold an array and a list of frames for each tracklet; `bonuses`, if given, what place takes
    off the distance where one row of the table of ranges is followed by another; `looks`, if given, turns a distance
    and the number of observations of the smaller cluster into another distance; `allowed`, if given, says in the place
    of `max_gap_frames` which row may be followed by which. `must` are pairs of tracklets that are merged
    before all others, `cannot` pairs that never are, and `dropped` tracklets that take no part. Gives the clusters as
    sets of tracklets, and the merges as (a, b, distance of looks, gap).
    """
    ranges, rows = slow_ranges(frames)
    clusters = {k: [k] for k in range(len(frames)) if k not in dropped}
    merges = []
    for a, b in must:
        parts = [np.concatenate([features[k] for k in clusters[name]]) for name in (a, b)]
        gap = min(slow_gap(frames[i], frames[j]) for i in clusters[a] for j in clusters[b])
        merges.append((a, b, slow_distance(*parts), gap))
        clusters[a] += clusters.pop(b)
    while True:
        best = None
        for a, b in itertools.combinations(sorted(clusters), 2):
            gap = min(slow_gap(frames[i], frames[j]) for i in clusters[a] for j in clusters[b])
            junctions = slow_junctions(clusters[a], clusters[b], ranges, rows)
            crossed = {(i, j) for i in clusters[a] for j in clusters[b]}
            if any((i, j) in crossed or (j, i) in crossed for i, j in cannot):
                continue
            if gap > 0 and (gap <= max_gap_frames if allowed is None else all(allowed[pair] for pair in junctions)):
                distance = slow_distance(*(np.concatenate([features[k] for k in clusters[name]]) for name in (a, b)))
                cost = distance
                if looks is not None:
                    cost = looks(distance, min(sum(len(frames[k]) for k in clusters[name]) for name in (a, b)))
                if bonuses is not None:
                    cost -= min(bonuses[pair] for pair in junctions)
                if best is None or cost < best[4]:
                    best = (a, b, distance, gap, cost)
        if best is None or best[4] > 1 - theta_merge:
            return {frozenset(members) for members in clusters.values()}, merges
        merges.append(best[:4])
        clusters[best[0]] += clusters.pop(best[1])


def random_tracklets(seed, n_tracklets, holes, n_frames=40, n_dimensions=3):
    """Tracklets at random times with random features; with holes in time where asked for."""
    rng = np.random.default_rng(seed)
    frames, features = [], []
    for _ in range(n_tracklets):
        start, length = int(rng.integers(1, n_frames)), int(rng.integers(1, 8))
        own = list(range(start, start + length))
        if holes:
            own = sorted(rng.choice(own, int(rng.integers(1, length + 1)), replace=False).tolist())
        rows = rng.normal(size=n_dimensions) + 0.6 * rng.normal(size=(len(own), n_dimensions))
        frames.append(own)
        features.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return features, frames


def prepare(features, frames):
    """Masks in the order of frames, as the pipeline has them."""
    ids = np.repeat(np.arange(len(frames)), [len(own) for own in frames])
    every_frame = np.array([frame for own in frames for frame in own], np.int64)
    rows = np.concatenate([np.zeros((0, 2)) if not features else features[0][:0], *features]).astype(np.float32)
    order = np.argsort(every_frame, kind="stable")
    ids, every_frame, rows = ids[order], every_frame[order], rows[order]
    ranges = build_frame_ranges(ids, every_frame)
    return sum_features(ids, rows, ranges.n_tracklets), np.bincount(ids, minlength=ranges.n_tracklets), ranges


def table_of(frames_by_tracklet):
    """Table of the frame ranges of tracklets, from masks in no order."""
    ids = np.repeat(np.arange(len(frames_by_tracklet)), [len(frames) for frames in frames_by_tracklet])
    frames = np.array([frame for own in frames_by_tracklet for frame in own], np.int64)
    order = np.random.default_rng(0).permutation(len(ids))
    return build_frame_ranges(ids[order], frames[order])
