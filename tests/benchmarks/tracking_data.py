"""The videos of the study of tracking: a real one, a part of its frames, and rendered scenes; our verbs ready them."""

import csv
import shlex
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import cv2

from remots.cli import main as remots
from remots.commands.settings_flags import format_flags
from remots.formats.footage.frames import iterate_images, probe_frames
from remots.settings import Scene
from tests.benchmarks.fusion_data import DATA

LAST_FRAME = 400  # of vtest: there is a truth so far
EVERY = 4
REAL = ("vtest", "vtest, every 4th frame")
# Twelve scenes, laid down before anything was measured on them; nobody has tuned anything on seeds from 101 on.
SCENES = {
    "few people": Scene(n_people=6, seed=101),
    "many people": Scene(n_people=16, seed=102),
    "crowd": Scene(n_people=32, seed=103),
    "hidden for long": Scene(n_people=20, speed=0.5, seed=104),
    "look-alikes": Scene(n_people=14, lookalike=0.5, seed=105),
    "near twins": Scene(n_people=14, lookalike=0.8, seed=106),
    "pan": Scene(n_people=14, pan=True, seed=107),
    "pan, crowd": Scene(n_people=24, pan=True, seed=108),
    "3 frames a second": Scene(n_people=14, fps=3, n_frames=120, seed=109),
    "25 frames a second": Scene(n_people=14, fps=25, n_frames=300, seed=110),
    "exposure drifts": Scene(n_people=14, exposure_drift=0.4, seed=111),
    "pan, exposure drifts": Scene(n_people=14, pan=True, exposure_drift=0.3, seed=112),
}


class Video(NamedTuple):
    """The files of a video that is ready: masks are given, features are not."""

    sequence: Path
    masks: Path
    truth: Path
    unlabelled: str  # as the setting of `evaluate`


class Source(NamedTuple):
    """What a video is made ready from: frames, files of masks, flags for scores and for the fusion, and the truth."""

    probe: list[str]
    masks: list[Path]
    scores: list[str]
    fuse: list[str]
    truth: Path


def video_in(folder: Path, name: str) -> Video:
    """Where the files of a video are."""
    files = (folder / file for file in ("sequence.json", "masks.parquet", "truth.parquet"))
    return Video(*files, "drop" if name in REAL else "count")


def prepare(folder: Path, name: str) -> float:
    """Make a video ready; gives the CPU seconds from the frames and the files of masks to the disjoint masks."""
    folder.mkdir(parents=True, exist_ok=True)
    source = _sources()[name](folder)
    video = video_in(folder, name)
    start = time.process_time()
    run("probe", *source.probe, "--name", "video", "--out", video.sequence)
    detections = []
    for number, masks in enumerate(source.masks):
        detections.append(folder / f"detections_{number}.parquet")
        words = ["--detector", "precomputed", "--masks", masks, *source.scores]
        run("detect", *words, "--sequence", video.sequence, "--out", detections[-1])
    run("fuse", "--detections", *detections, "--sequence", video.sequence, "--out", video.masks, *source.fuse)
    seconds = time.process_time() - start
    run("import-truth", source.truth, "--sequence", video.sequence, "--out", video.truth)
    return seconds


def run(*words: object) -> None:
    """Run a verb in this process."""
    if remots([*map(str, words), "--quiet"]):
        raise RuntimeError(f"remots {' '.join(map(str, words))} failed")


def _sources() -> dict[str, Callable[[Path], Source]]:
    sources: dict[str, Callable[[Path], Source]] = dict(zip(REAL, (_vtest, _thinned_vtest), strict=True))
    return sources | {name: lambda folder, scene=scene: _render(folder, scene) for name, scene in SCENES.items()}


def _vtest(_folder: Path) -> Source:
    return _given(DATA / "vtest" / "vtest.avi", DATA / "vtest", ["--last-frame", str(LAST_FRAME)])


def _thinned_vtest(folder: Path) -> Source:
    """Frames 1, 5, 9, … as a video of 2.5 frames a second."""
    sequence = probe_frames(DATA / "vtest" / "vtest.avi", None, LAST_FRAME)
    kept = {frame: number for number, frame in enumerate(range(1, LAST_FRAME + 1, EVERY), start=1)}
    (folder / "frames").mkdir(exist_ok=True)
    for frame, image in iterate_images(sequence):
        if frame in kept:
            cv2.imwrite(str(folder / "frames" / f"{kept[frame]:06d}.png"), image[..., ::-1])
    for name in ("masks.txt", "gt.txt"):
        rows = (line.split(" ", 1) for line in (DATA / "vtest" / name).read_text().splitlines())
        (folder / name).write_text("".join(f"{kept[int(a)]} {b}\n" for a, b in rows if int(a) in kept))
    with (DATA / "vtest" / "masks_scores.csv").open() as file:
        scores = [(kept[int(a)], b, c) for a, b, c in list(csv.reader(file))[1:] if int(a) in kept]
    (folder / "masks_scores.csv").write_text(_csv([("frame", "det_id", "score"), *scores]))
    return _given(folder / "frames", folder, ["--fps", str(sequence.fps / EVERY)])


def _csv(rows: Iterable[tuple[object, ...]]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def _given(frames: Path, folder: Path, part: list[str]) -> Source:
    """A disjoint set of masks that is taken as it is: the fusion drops nothing."""
    scores = ["--scores", str(folder / "masks_scores.csv")]
    as_it_is = ["--min-score", "0", "--min-area-px", "1", "--overlap-threshold", "1"]
    return Source([str(frames), *part], [folder / "masks.txt"], scores, as_it_is, folder / "gt.txt")


def _render(folder: Path, scene: Scene) -> Source:
    """A rendered scene with the masks of both simulated detectors, which are fused with the default settings."""
    run("render", "--name", "scene", "--out-dir", folder, *shlex.split(format_flags(scene)))
    detections = [folder / f"detections_{detector}.json" for detector in "ab"]
    return Source([str(folder / "frames.mp4")], detections, [], [], folder / "truth.txt")
