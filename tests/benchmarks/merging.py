"""Merging of 100,000 short tracklets: its time beside that of 10,000, its memory, and scipy's clustering of 10,000.

    python -m tests.benchmarks.merging

scipy's clustering knows no constraints and needs the full distance matrix, with large numbers for infinity, which
is another clustering than the paper's. It is here for its time alone.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
from scipy.cluster.hierarchy import linkage

from remots.merging.constraints import find_candidate_pairs
from remots.merging.distances import tracklet_distances
from remots.merging.evidence import LOOKS_ALONE, Evidence
from remots.merging.frame_ranges import RangeTable, build_frame_ranges, find_end_masks
from remots.merging.linkage import merge_tracklets
from remots.statistics.displacements import PlaceBonus, TrackletPlaces, describe_motion, learn_scales
from remots.statistics.mixture import SizedLooks

SMALL, LARGE = 10_000, 100_000
N_DIMENSIONS = 128
TRACKLETS_PER_PERSON = 10
PEOPLE_AT_A_TIME = 20
MEAN_LENGTH_FRAMES = 20
MAX_GAP_FRAMES = 15
THETA_MERGE = 0.6
HUGE = 1e6


def measure() -> list[dict[str, object]]:
    """Run each size in a process of its own; a row a goal."""
    runs = {n_tracklets: _run_apart(n_tracklets) for n_tracklets in (SMALL, LARGE)}
    small, large = runs[SMALL], runs[LARGE]
    scipy_s = _scipy_seconds(SMALL)
    placed = _run_apart(LARGE, "place")
    return [
        {
            "what": f"merge {LARGE:,} tracklets by looks and place, time",
            "ours": f"{placed['seconds']:.2f} s",
            "peer": "by looks alone",
            "peer_value": f"{large['seconds']:.2f} s",
            "ratio": placed["seconds"] / large["seconds"],
            "goal": "<= 3",
        },
        {
            "what": f"merge {LARGE:,} tracklets, {large['n_merges']:,.0f} merges, time",
            "ours": f"{large['seconds']:.2f} s",
            "peer": f"{SMALL:,} tracklets",
            "peer_value": f"{small['seconds']:.2f} s",
            "ratio": large["seconds"] / small["seconds"],
            "goal": "<= 15",
        },
        {
            "what": f"merge {LARGE:,} tracklets, {N_DIMENSIONS} dimensions, peak memory",
            "ours": f"{large['peak_mb']:.0f} MB",
            "peer": "2 GB",
            "peer_value": "2000 MB",
            "ratio": large["peak_mb"] / 2000,
            "goal": "< 1",
        },
        {
            "what": f"merge {SMALL:,} tracklets, time",
            "ours": f"{small['seconds']:.2f} s",
            "peer": "scipy, average linkage",
            "peer_value": f"{scipy_s:.2f} s",
            "ratio": scipy_s / small["seconds"],
            "goal": ">= 1",
        },
    ]


def street(n_tracklets: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, RangeTable]:
    """Sums of features, sizes and frames of tracklets: people come and go, each broken into ten by short gaps."""
    rng = np.random.default_rng(seed)
    n_people = n_tracklets // TRACKLETS_PER_PERSON
    lengths = rng.geometric(1 / MEAN_LENGTH_FRAMES, (n_people, TRACKLETS_PER_PERSON))
    with_gaps = lengths + rng.integers(1, 10, lengths.shape)
    starts = rng.integers(1, n_tracklets * MEAN_LENGTH_FRAMES // PEOPLE_AT_A_TIME, n_people)
    first = (starts[:, None] + np.cumsum(with_gaps, axis=1) - with_gaps).ravel()
    lengths = lengths.ravel()
    looks = rng.normal(size=(n_people, N_DIMENSIONS)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    noise = rng.normal(scale=0.7 / np.sqrt(N_DIMENSIONS), size=(n_tracklets, N_DIMENSIONS)).astype(np.float32)
    sums = np.repeat(looks, TRACKLETS_PER_PERSON, axis=0) * lengths[:, None] + noise * np.sqrt(lengths)[:, None]
    order = np.argsort(first, kind="stable")
    first, lengths = first[order], lengths[order]
    ids = np.repeat(np.arange(n_tracklets), lengths)
    frames = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    return sums[order].astype(np.float32), lengths, build_frame_ranges(ids, frames)


def evidence_of_place(ranges: RangeTable, seed: int = 1) -> Evidence:
    """Everybody walks a line of their own; the looks of single masks count less."""
    rng = np.random.default_rng(seed)
    lengths = ranges.last - ranges.first + 1
    ids = np.repeat(np.arange(ranges.n_tracklets), lengths)
    frames = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths - ranges.first, lengths)
    starts, steps = rng.uniform(0, 2000, (ranges.n_tracklets, 2)), rng.uniform(-3, 3, (ranges.n_tracklets, 2))
    corners = starts[ids] + (frames - ranges.first[ids])[:, None] * steps[ids] + rng.normal(0, 2, (len(ids), 2))
    order = np.argsort(frames, kind="stable")
    ids, frames = ids[order], frames[order]
    boxes = np.column_stack([corners[order], np.full(len(ids), 20), np.full(len(ids), 50)]).astype(np.int64)
    motion = describe_motion(ids, frames, boxes)
    places = TrackletPlaces(motion, learn_scales(ids, motion), *find_end_masks(ids, frames))
    looks = SizedLooks((1, 2), np.array([0.7, 1.0]), np.array([0.2, 0.0]))
    return Evidence(looks, PlaceBonus(places, 0.03, 2.0))


def _run_apart(n_tracklets: int, *evidence: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.merging", str(n_tracklets), *evidence]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _run(n_tracklets: int, with_place: bool) -> dict[str, float]:
    scene = street(n_tracklets)
    evidence = evidence_of_place(scene[2]) if with_place else LOOKS_ALONE
    started = time.process_time()
    track_ids, merges = merge_tracklets(*scene, THETA_MERGE, MAX_GAP_FRAMES, evidence)
    seconds = time.process_time() - started
    if track_ids.max() + len(merges.a) != n_tracklets:
        raise AssertionError("tracks and merges do not add up")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak_mb, "n_merges": len(merges.a)}


def _scipy_seconds(n_tracklets: int) -> float:
    sums, sizes, ranges = street(n_tracklets)
    started = time.process_time()
    pairs = find_candidate_pairs(ranges, MAX_GAP_FRAMES)
    condensed = np.full(n_tracklets * (n_tracklets - 1) // 2, HUGE)
    a, b = pairs.a.astype(np.int64), pairs.b.astype(np.int64)
    condensed[n_tracklets * a - a * (a + 1) // 2 + b - a - 1] = tracklet_distances(sums, sizes, pairs)
    linkage(condensed, "average")
    return time.process_time() - started


def main() -> None:
    """Print the table, or, with a number of tracklets, what one run took."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(_run(int(sys.argv[1]), "place" in sys.argv)))
        return
    for row in measure():
        ratio = f"{row['ratio']:.2f} ({row['goal']})"
        sys.stdout.write(f"{row['what']}: {row['ours']}, {row['peer']} {row['peer_value']}, ratio {ratio}\n")


if __name__ == "__main__":
    main()
