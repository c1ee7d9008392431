"""The clustering of paper 2.5, as plain as can be: each pair of clusters, each pair of observations, each time."""

import itertools

import numpy as np


def slow_distance(one, other):
    """Mean of all pairwise cosine distances; one and other are arrays of features."""
    return float(np.mean([[1 - f @ g for g in other] for f in one]))


def slow_gap(one, other):
    """Smallest distance in time of two sets of frames; 0 where they share one."""
    return min(abs(i - j) for i in one for j in other)


def slow_merging(features, frames, theta_merge, max_gap_frames):
    """Merge the nearest two clusters until none are near enough.

    `features` and `frames` hold an array and a list of frames for each tracklet. Gives the clusters as sets of
    tracklets, and the merges as (a, b, distance, gap).
    """
    clusters = {k: [k] for k in range(len(frames))}
    merges = []
    while True:
        best = None
        for a, b in itertools.combinations(sorted(clusters), 2):
            gap = min(slow_gap(frames[i], frames[j]) for i in clusters[a] for j in clusters[b])
            if 0 < gap <= max_gap_frames:
                distance = slow_distance(*(np.concatenate([features[k] for k in clusters[name]]) for name in (a, b)))
                if best is None or distance < best[2]:
                    best = (a, b, distance, gap)
        if best is None or best[2] > 1 - theta_merge:
            return {frozenset(members) for members in clusters.values()}, merges
        merges.append(best)
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
