"""Peak memory of every step but training on 20,000 frames, against 2,000 frames of the same video."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av

from remots.formats.footage.video import VideoWriter

SHORT, LONG = 2_000, 20_000
SCENE = ["--n-frames", "100", "--n-people", "8", "--height-px", "120", "--width-px", "200", "--seed", "5"]


def measure() -> list[dict[str, object]]:
    """Run each verb on both videos; a row a verb."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "scene")
        _peak_mb(["render", "--name", "memory", "--out-dir", str(scene), *SCENE])
        peaks = [_peaks(scene, Path(folder, str(n_frames)), n_frames) for n_frames in (SHORT, LONG)]
    return [
        {
            "what": f"{verb}, peak memory of {LONG:,} frames (MB)",
            "ours": peaks[1][verb],
            "peer": f"{SHORT:,} frames",
            "peer_value": peaks[0][verb],
            "ratio": peaks[1][verb] / peaks[0][verb],
            "goal": "<= 1.5",
        }
        for verb in peaks[0]
    ]


def _peaks(scene: Path, folder: Path, n_frames: int) -> dict[str, float]:
    folder.mkdir()
    _repeat_video(scene / "frames.mp4", folder / "frames.mp4", n_frames)
    for name in ("detections_a.json", "detections_b.json"):
        _repeat_detections(scene / name, folder / name, n_frames)
    _repeat_truth(scene / "truth.txt", folder / "truth.txt", n_frames)
    encoder = folder / "encoder.safetensors"
    _peak_mb(["initialise", "--out", str(encoder), "--backbone", "resnet10t", "--weights", "random"])
    return {label: _peak_mb(words) for label, words in _steps(folder, encoder)}


def _steps(folder: Path, encoder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every verb that works on one sequence, in order, by the names of the files in the folder."""

    def files(*names: str) -> list[str]:
        return [name if name.startswith("--") else str(folder / name) for name in names]

    sequence = files("--sequence", "sequence.json")
    yield "probe", ["probe", str(folder / "frames.mp4"), "--name", "long", *files("--out", "sequence.json")]
    for name in ("a", "b"):
        source = str(folder / f"detections_{name}.json")
        precomputed = ["detect", "--detector", "precomputed", "--masks", source]
        yield f"detect precomputed {name}", [*precomputed, *sequence, *files("--out", f"{name}.parquet")]
    yield "import-truth", ["import-truth", str(folder / "truth.txt"), *sequence, *files("--out", "truth.parquet")]
    yield "detect motion", ["detect", "--detector", "motion", *sequence, *files("--out", "motion.parquet")]
    yield "fuse", ["fuse", *files("--detections", "a.parquet", "b.parquet", "--out", "masks.parquet"), *sequence]
    crop_size = ["--crop-height-px", "32", "--crop-width-px", "16"]
    yield "crop", ["crop", *sequence, *files("--masks", "masks.parquet", "--out", "crops.npy"), *crop_size]
    yield "embed", ["embed", "--encoder", str(encoder), *files("--crops", "crops.npy", "--out", "features.npy")]
    yield "warp", ["warp", *sequence, *files("--masks", "masks.parquet", "--out", "warped_iou.parquet")]
    features = files("--masks", "masks.parquet", "--features", "features.npy", "--warped-iou", "warped_iou.parquet")
    yield "histogram intra", ["histogram", *features, *files("--out", "histograms_intra.npz")]
    short = files("--histograms", "histograms_intra.npz", "--out", "threshold_short.json")
    # The features are a random network's; the paper's rule would leave single masks, and merging all the work.
    yield "threshold-short", ["threshold-short", *short, "--rule", "sure_links"]
    tracklets = files(
        "--threshold", "threshold_short.json", "--out", "tracklets.parquet", "--summary", "tracklets.json"
    )
    yield "associate", ["associate", *features, *tracklets]
    inter = files("--short-tracklets", "tracklets.parquet", "--out", "histograms_inter.npz")
    yield "histogram inter", ["histogram", *features, *inter]
    placed = files("--short-tracklets", "tracklets.parquet", "--features", "features.npy", "--masks", "masks.parquet")
    placed += sequence
    merge_threshold = files("--histograms", "histograms_inter.npz", "--out", "threshold_merge.json")
    yield "threshold-merge", ["threshold-merge", *placed, *merge_threshold]
    merged = files("--threshold", "threshold_merge.json", "--out", "tracks.parquet", "--merges", "merges.parquet")
    yield "merge", ["merge", *placed, *merged]
    tracks = files("--masks", "masks.parquet", "--short-tracklets", "tracklets.parquet", "--tracks", "tracks.parquet")
    results = files("--mots", "mots.txt", "--kitti", "kitti.txt", "--coco", "coco.json")
    yield "export", ["export", *sequence, *tracks, *results]
    yield "overlay", ["overlay", *sequence, *tracks, *files("--out", "overlay.mp4")]


def _peak_mb(words: list[str]) -> float:
    """Run one verb in a process of its own and give its peak resident memory."""
    process = subprocess.Popen([sys.executable, "-m", "remots", *words, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"remots {' '.join(words)} failed")
    return usage.ru_maxrss / 1024


def _repeat_video(source: Path, target: Path, n_frames: int) -> None:
    with av.open(str(source)) as reader:
        images = [frame.to_ndarray(format="rgb24") for frame in reader.decode(video=0)]
    with VideoWriter(target, fps=10) as writer:
        for image in itertools.islice(itertools.cycle(images), n_frames):
            writer.append(image)


def _repeat_detections(source: Path, target: Path, n_frames: int) -> None:
    records = json.loads(source.read_text())
    with target.open("w") as file:
        for start in range(0, n_frames, 100):
            text = json.dumps([{**record, "image_id": record["image_id"] + start} for record in records])
            file.write(("[" if start == 0 else ",") + text[1:-1])
        file.write("]")


def _repeat_truth(source: Path, target: Path, n_frames: int) -> None:
    rows = [line.split(" ", 1) for line in source.read_text().splitlines()]
    with target.open("w") as file:
        for start in range(0, n_frames, 100):
            file.writelines(f"{int(frame) + start} {rest}\n" for frame, rest in rows)


if __name__ == "__main__":
    for row in measure():
        print(row)  # noqa: T201
