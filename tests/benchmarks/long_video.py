"""A video of 100,000 frames with 5,000 people, without pixels: histograms, θ_merge and merging, time and memory.

    python -m tests.benchmarks long_video

Boxes of people who walk, hide each other, and are lost where they do; features that get worse where somebody is half
hidden. Each verb runs in a process of its own, on 10,000 and on 100,000 frames. fastcluster, where it is installed,
clusters the same distances of the shorter video, with a large number for infinity: it knows no constraints, and needs
the full matrix. It is here for its time alone.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from remots.formats.files.arrays import ArrayWriter
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.merging_files import read_tracklets
from remots.formats.results.tables import read_table, write_table
from remots.merging.constraints import find_candidate_pairs
from remots.merging.distances import tracklet_distances
from remots.merging.linkage import merge_tracklets

SHORT, LONG = 10_000, 100_000
FRAMES_PER_PERSON = 20
STAY_FRAMES = (100, 700)
HEIGHT_PX, WIDTH_PX, NEAREST_PX, FARTHEST_PX = 1080, 1920, 1000, 400
FPS = 30.0
N_DIMENSIONS = 128
HIDDEN_FROM, LOST_FROM = 0.7, 0.45  # share of the box behind somebody: no mask; no link to the next frame
MASKS_PER_CHUNK = 2**16
MAX_GAP_FRAMES, THETA_MERGE = 15, 0.6
HUGE = 1e6


@dataclass(frozen=True)
class Walkers:
    """Everybody in every frame, in the order of frames; the last three are arrays of pairs of rows.

    `covered` is the share of each box that lies behind a nearer person's.
    """

    frames: np.ndarray
    people: np.ndarray
    boxes: np.ndarray
    covered: np.ndarray
    overlaps: np.ndarray


def measure() -> list[dict[str, object]]:
    """Run the verbs on both videos; two rows a verb, and one for fastcluster."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(n_frames)) for n_frames in (SHORT, LONG)]
        for folder in folders:
            folder.mkdir()
            # In a process of its own: what this one has ever held would count as the peak of those it starts.
            subprocess.run([sys.executable, "-m", "tests.benchmarks.long_video", str(folder)], check=True)
        short, long = ({verb: _run(words) for verb, words in _steps(folder).items()} for folder in folders)
        rows = [row for verb in long for row in _rows(verb, short[verb], long[verb])]
        return [*rows, _tracks_row(folders[1]), *_fastcluster_rows(folders[0])]


def _rows(verb: str, short: tuple[float, float], long: tuple[float, float]) -> list[dict[str, object]]:
    return [
        {
            "what": f"{verb}, {LONG:,} frames, CPU time",
            "ours": f"{long[0]:.1f} s",
            "peer": f"{SHORT:,} frames",
            "peer_value": f"{short[0]:.1f} s",
            "ratio": long[0] / short[0],
            "goal": "<= 13",
        },
        {
            "what": f"{verb}, {LONG:,} frames, peak memory",
            "ours": f"{long[1]:.0f} MB",
            "peer": "4 GB",
            "peer_value": "4000 MB",
            "ratio": long[1] / 4000,
            "goal": "< 1",
        },
    ]


def _tracks_row(folder: Path) -> dict[str, object]:
    """How many tracks there are for how many people, and the share of masks whose track is mostly of their person."""
    tracks = read_table(folder / "tracks.parquet", "tracks")["track_id"].to_numpy()
    track_ids = tracks[read_table(folder / "tracklets.parquet", "short_tracklets")["tracklet_id"].to_numpy()]
    people = np.load(folder / "people.npy")
    pairs, counts = np.unique(track_ids * (people.max() + 1) + people, return_counts=True)
    main = np.zeros(track_ids.max() + 1, np.int64)
    np.maximum.at(main, pairs // (people.max() + 1), counts)
    return {
        "what": f"{len(people):,} masks, {len(tracks):,} short tracklets; share of masks in a track of their person",
        "ours": f"{tracks.max():,} tracks",
        "peer": "people seen",
        "peer_value": f"{len(np.unique(people)):,}",
        "ratio": float(main.sum() / len(people)),
        "goal": ">= 0.95",
    }


def _fastcluster_rows(folder: Path) -> list[dict[str, object]]:
    try:
        fastcluster = importlib.import_module("fastcluster")
    except ImportError:
        return []
    tracklets = read_tracklets(*_inputs(folder))
    ranges, sums, sizes = tracklets.ranges, tracklets.sums, tracklets.sizes
    n = ranges.n_tracklets
    pairs = find_candidate_pairs(ranges, MAX_GAP_FRAMES)
    condensed = np.full(n * (n - 1) // 2, HUGE)
    a, b = pairs.a.astype(np.int64), pairs.b.astype(np.int64)
    condensed[n * a - a * (a + 1) // 2 + b - a - 1] = tracklet_distances(sums, sizes, pairs)
    peer_s = _seconds(lambda: fastcluster.linkage(condensed, "average", preserve_input=False))
    ours_s = _seconds(lambda: merge_tracklets(sums, sizes, ranges, THETA_MERGE, MAX_GAP_FRAMES))
    return [
        {
            "what": f"merge {n:,} tracklets of {folder.name} frames by looks, time",
            "ours": f"{ours_s:.2f} s",
            "peer": f"fastcluster, average linkage, {condensed.nbytes / 1e6:.0f} MB",
            "peer_value": f"{peer_s:.2f} s",
            "ratio": peer_s / ours_s,
            "goal": ">= 1",
        }
    ]


def _seconds(work: object) -> float:
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


def _inputs(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "tracklets.parquet", folder / "features.npy", folder / "masks.parquet"


def _steps(folder: Path) -> dict[str, list[str]]:
    tracklets, features, masks = map(str, _inputs(folder))
    histograms, threshold = str(folder / "histograms.npz"), str(folder / "threshold.json")
    placed = ["--short-tracklets", tracklets, "--features", features, "--masks", masks]
    gaps = ["--sequence", str(folder / "sequence.json")]
    made = ["--out", str(folder / "tracks.parquet"), "--merges", str(folder / "merges.parquet")]
    return {
        "histogram": ["histogram", *placed, "--warped-iou", str(folder / "warped_iou.parquet"), "--out", histograms],
        "threshold-merge": ["threshold-merge", *placed, *gaps, "--histograms", histograms, "--out", threshold],
        "merge": ["merge", *placed, *gaps, "--threshold", threshold, *made],
    }


def _run(words: list[str]) -> tuple[float, float]:
    """Run one verb in a process of its own and give its CPU time in seconds and its peak resident memory in MB."""
    process = subprocess.Popen([sys.executable, "-m", "remots", *words, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"remots {' '.join(words)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write_video(folder: Path, n_frames: int, seed: int = 0) -> None:
    """Write masks (without pixels), features, overlaps along the flow, and short tracklets, as the verbs make them."""
    rng = np.random.default_rng((seed, n_frames))
    seen, is_linked = _drop_hidden(walk(n_frames, rng))
    next_rows = _next_rows(seen.frames, seen.people, is_linked)
    tracklet_ids = _number_tracklets(seen.frames, seen.people, is_linked)
    n = len(seen.frames)
    sides = dict(zip(("left_px", "top_px", "width_px", "height_px"), seen.boxes.T, strict=True))
    same = {"class_id": np.full(n, 2), "score": np.ones(n), "area_px": seen.boxes[:, 2] * seen.boxes[:, 3] // 2}
    rows = {"mask_id": np.arange(n), "frame": seen.frames}
    video = Sequence("long", str(folder), "images", HEIGHT_PX, WIDTH_PX, FPS, 1, n_frames)
    write_sequence(folder / "sequence.json", video)
    write_table(folder / "masks.parquet", "masks", {**rows, **sides, **same, "rle": [b""] * n})
    write_table(folder / "tracklets.parquet", "short_tracklets", {**rows, "tracklet_id": tracklet_ids})
    before = np.concatenate([np.arange(n), seen.overlaps.ravel()])
    after = np.concatenate([next_rows, next_rows[seen.overlaps[:, ::-1].ravel()]])
    ious = np.concatenate([rng.uniform(0.6, 0.95, n), rng.uniform(0.05, 0.4, len(before) - n)])
    order = np.lexsort((after, before))
    order = order[after[order] >= 0]
    pairs = {"mask_id_prev": before[order], "mask_id_curr": after[order], "iou": ious[order]}
    write_table(folder / "warped_iou.parquet", "warped_iou", pairs)
    np.save(folder / "people.npy", seen.people)
    _write_features(folder / "features.npy", seen, tracklet_ids, rng)


def walk(n_frames: int, rng: np.random.Generator) -> Walkers:
    """Let people walk to and fro for some time each, at a distance of their own."""
    n_people = n_frames // FRAMES_PER_PERSON
    stays = rng.integers(*STAY_FRAMES, n_people)
    starts = rng.integers(1, n_frames - STAY_FRAMES[1], n_people)
    people = np.repeat(np.arange(n_people), stays)
    ages = np.arange(len(people)) - np.repeat(np.cumsum(stays) - stays, stays)
    order = np.argsort(starts[people] + ages, kind="stable")
    people, ages = people[order], ages[order]
    places, steps, sways = (
        rng.uniform(0, 2 * WIDTH_PX, n_people),
        rng.normal(0, 3, n_people),
        rng.uniform(0, 6, n_people),
    )
    path = (places + sways)[people] + steps[people] * ages + 8 * np.sin(ages / 9 + sways[people])
    centres = WIDTH_PX - np.abs(path % (2 * WIDTH_PX) - WIDTH_PX)
    feet = rng.uniform(FARTHEST_PX, NEAREST_PX, n_people)
    heights = feet * rng.uniform(0.2, 0.24, n_people)
    widths = 0.4 * heights
    boxes = np.column_stack([centres - widths[people] / 2, (feet - heights)[people], widths[people], heights[people]])
    frames = starts[people] + ages
    boxes = np.maximum(boxes.round(), 0).astype(np.int64)
    return Walkers(frames, people, boxes, *_cover(frames, boxes))


def _cover(frames: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each box that the one nearer person who hides most of it covers, and the pairs of boxes that overlap."""
    covered, overlaps = np.zeros(len(frames)), [np.zeros((0, 2), np.int64)]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    areas, feet = boxes[:, 2] * boxes[:, 3], corners[:, 3]
    for apart in range(1, int(np.bincount(frames).max(initial=0))):
        one = np.flatnonzero(frames[apart:] == frames[:-apart])
        other = one + apart
        sides = np.minimum(corners[one, 2:], corners[other, 2:]) - np.maximum(corners[one, :2], corners[other, :2])
        touching = np.flatnonzero(sides.min(axis=1) > 0)
        one, other, shared = one[touching], other[touching], sides[touching].prod(axis=1)
        farther = np.where(feet[one] < feet[other], one, other)
        np.maximum.at(covered, farther, shared / areas[farther])
        overlaps.append(np.column_stack([one, other]))
    return covered, np.concatenate(overlaps)


def _drop_hidden(walkers: Walkers) -> tuple[Walkers, np.ndarray]:
    """Keep those who can be seen, and tell who of them can be followed to the next frame."""
    visible = walkers.covered < HIDDEN_FROM
    new_rows = np.cumsum(visible) - 1
    overlaps = new_rows[walkers.overlaps[visible[walkers.overlaps].all(axis=1)]]
    columns = (column[visible] for column in (walkers.frames, walkers.people, walkers.boxes, walkers.covered))
    seen = Walkers(*columns, overlaps)
    return seen, seen.covered < LOST_FROM


def _next_rows(frames: np.ndarray, people: np.ndarray, is_linked: np.ndarray) -> np.ndarray:
    """Row of the same person in the next frame; -1 where there is none, or the tracker would not know."""
    order = np.lexsort((frames, people))
    follows = (np.diff(people[order]) == 0) & (np.diff(frames[order]) == 1) & is_linked[order[:-1]]
    next_rows = np.full(len(frames), -1)
    next_rows[order[:-1][follows]] = order[1:][follows]
    return next_rows


def _number_tracklets(frames: np.ndarray, people: np.ndarray, is_linked: np.ndarray) -> np.ndarray:
    """Number the runs of linked masks in the order of their first frames."""
    next_rows = _next_rows(frames, people, is_linked)
    is_first = np.ones(len(frames), bool)
    is_first[next_rows[next_rows >= 0]] = False
    order = np.lexsort((frames, people))
    first_rows = order[is_first[order]]  # of each run, in the order of people
    ids = np.empty(len(frames), np.int64)
    ranks = np.empty(len(first_rows), np.int64)
    ranks[np.argsort(first_rows)] = np.arange(len(first_rows))
    ids[order] = ranks[np.cumsum(is_first[order]) - 1]
    return ids


def _write_features(path: Path, seen: Walkers, tracklet_ids: np.ndarray, rng: np.random.Generator) -> None:
    """Write the look of each person, changed with each tracklet and each mask, the more the less is seen of them."""
    scale = 1 / np.sqrt(N_DIMENSIONS)
    looks = rng.normal(0, scale, (seen.people.max() + 1, N_DIMENSIONS)).astype(np.float32) + np.float32(0.6 * scale)
    poses = rng.normal(0, 0.3 * scale, (tracklet_ids.max() + 1, N_DIMENSIONS)).astype(np.float32)
    with ArrayWriter(path, (N_DIMENSIONS,), np.float32) as writer:
        for start in range(0, len(tracklet_ids), MASKS_PER_CHUNK):
            rows = slice(start, start + MASKS_PER_CHUNK)
            noise = rng.standard_normal((len(tracklet_ids[rows]), N_DIMENSIONS), np.float32)
            noise *= ((0.4 + seen.covered[rows]) * scale).astype(np.float32)[:, None]
            features = looks[seen.people[rows]] + poses[tracklet_ids[rows]] + noise
            writer.append(features / np.linalg.norm(features, axis=1, keepdims=True))


def main() -> None:
    """Print the rows, or, with a folder named after a number of frames, write that video into it."""
    if len(sys.argv) > 1:
        write_video(Path(sys.argv[1]), int(Path(sys.argv[1]).name))
        return
    for row in measure():
        sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
