"""Whose tracks are better: ours after each stage of training, or those of other trackers, on the same masks.

    python -m tests.benchmarks tracking_quality --folder results/tracking_quality

Fills in the tables of docs/tracking_quality.md. Every cell (a video with a kind of weights and a seed, or with a peer)
is kept in the folder, so that a study that was stopped goes on where it was; a cell is made anew where the code behind
it or a default has changed. ``--jobs 0`` computes nothing and only writes the tables of what is there. Needs the
packages of the extras `weights` and `benchmark`, and for the real video the real data (tests/conftest.py).
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from remots.formats.files.atomic import atomic_output
from remots.provenance import code_digest
from remots.settings import Config, Crop
from tests.benchmarks.fusion_data import DATA
from tests.benchmarks.fusion_quality import DOCS, fill_in
from tests.benchmarks.peers import PEERS, describe_package, track_with_peer
from tests.benchmarks.tracking_data import REAL, SCENES, prepare, video_in
from tests.benchmarks.tracking_ours import STAGES, VERBS, WEIGHTS, track_by_stage

SEEDS = (0, 1, 2)
SCENE_WEIGHTS, SCENE_SEED = "lite0", 0
SCENE_CROP = Crop(crop_height_px=128, crop_width_px=64)  # people are 60 to 145 px high there
STAGE_NAMES = {"pretrained": "untrained", "intra": "after intra", "inter": "after inter"}
METRICS = ("IDF1", "HOTA", "AssA", "IDS")
MINUTES_ALLOWED = 20
MARGIN = {"OSNet": 1.5}  # points of IDF1 and HOTA by which the best peer is to be beaten
AT_LEAST = {"lite0": 92.0, "random": 80.0}  # IDF1

Found = dict[str, dict[str, Any]]


class Cell(NamedTuple):
    """What is computed, and kept, by itself. ``who`` is a kind of weights, a peer, or empty: the masks."""

    video: str
    who: str = ""
    seed: int = 0
    crop: str = ""  # height and width, of ours

    @property
    def name(self) -> str:
        words = [self.video, self.who or "masks", f"seed {self.seed}" if self.crop else "", self.crop]
        return "-".join(_slug(word) for word in words if word)


class Study(NamedTuple):
    """Where the cells are, and the size of the crops of the real video."""

    folder: Path
    crop: Crop

    def read(self, cell: Cell) -> Found | None:
        """What is kept of a cell, if it is of this code."""
        path = self.folder / "cells" / f"{cell.name}.json"
        kept = json.loads(path.read_text()) if path.is_file() else {}
        return kept["found"] if kept.get("made_by") == self._made_by(cell) else None

    def compute(self, cell: Cell) -> None:
        """Compute a cell and keep it, if another run has not done so meanwhile; leaves only what it found."""
        if self.read(cell) is not None:
            return
        folder = self.folder / "videos" / _slug(cell.video)
        if not cell.who:
            shutil.rmtree(folder, ignore_errors=True)
            found = {"masks": {"seconds": prepare(folder, cell.video), "sha256": _digest(folder, cell.video)}}
        elif cell.who in PEERS:
            found = track_with_peer(cell.who, video_in(folder, cell.video))
        else:
            work = self.folder / "work" / f"{cell.name}-{self._made_by(cell)}"
            crop = Crop(**dict(zip(Crop.model_fields, map(int, cell.crop.split("x")), strict=True)))
            found = track_by_stage(video_in(folder, cell.video), cell.who, cell.seed, crop, work)
            shutil.rmtree(work)
        path = self.folder / "cells" / f"{cell.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(path) as temporary:
            temporary.write_text(json.dumps({"made_by": self._made_by(cell), "found": found}, indent=1) + "\n")

    def _made_by(self, cell: Cell) -> str:
        """Digest what a cell is made from: its masks, and the code and the defaults behind it."""
        masks = {}
        if cell.who:
            masks = self.read(Cell(cell.video)) or {}
        facts = [masks.get("masks", {}).get("sha256"), *_code_behind(cell)]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def kinds(self, video: str) -> list[tuple[str, str]]:
        """Every kind of weights with the default size of crops, and with each other size that there is."""
        there = {path.stem.rpartition("-")[2] for path in (self.folder / "cells").glob(f"{_slug(video)}-*-seed_*.json")}
        sizes = [_size(Crop()), *sorted(there - {_size(Crop())})]
        kinds = [(weights, size) for weights in WEIGHTS for size in sizes]
        return [kind for kind in kinds if kind[1] == sizes[0] or self.of_seeds(video, *kind)]

    def of_seeds(self, video: str, weights: str, size: str) -> list[Found]:
        """Ours on the real video with each seed that there is."""
        found = (self.read(Cell(video, weights, seed, size)) for seed in SEEDS)
        return [one for one in found if one is not None]

    def of_scene(self, scene: str) -> Found | None:
        """Ours on a scene."""
        return self.read(Cell(scene, SCENE_WEIGHTS, SCENE_SEED, _size(SCENE_CROP)))


def _slug(name: str) -> str:
    return name.replace(",", "").replace(" ", "_")


def _size(crop: Crop) -> str:
    return f"{crop.crop_height_px}x{crop.crop_width_px}"


def _digest(folder: Path, video: str) -> str:
    """Digest the masks and the truth of a video."""
    files = video_in(folder, video)
    return hashlib.sha256(files.masks.read_bytes() + files.truth.read_bytes()).hexdigest()[:12]


@cache
def _code_behind(cell: Cell) -> list[Any]:
    """The code and the defaults behind a cell, but for its masks; editing another tracker's leaves it alone."""
    if cell.who in PEERS:
        return [describe_package(), PEERS[cell.who], code_digest("evaluate")]
    if cell.who:
        config = Config().model_dump()
        used = [config[verb.replace("-", "_")] for verb in VERBS if verb.replace("-", "_") in config]
        return [*(code_digest(verb) for verb in VERBS), *used]
    scene = [SCENES[cell.video].model_dump()] if cell.video in SCENES else []
    return [*scene, *(code_digest(verb) for verb in ("render", "probe", "detect", "import-truth", "fuse"))]


def main(words: list[str]) -> None:
    """Compute the cells that are asked for and not there yet, then write the tables of all that are there."""
    options = _parse(words)
    study = Study(options.folder, Crop(**dict(zip(Crop.model_fields, options.crop, strict=True))))
    peers, ours = _cells(study, options)
    if options.jobs:
        needed = dict.fromkeys(Cell(cell.video) for cell in [*peers, *ours] if study.read(cell) is None)
        _compute(study, list(needed), options.jobs)
        _compute(study, [*ours, *peers], options.jobs)
    write_tables(study)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks tracking_quality", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--folder", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--jobs", type=int, default=2, help="processes of one thread each (default: 2)")
    parser.add_argument("--videos", nargs="*", choices=[*REAL, *SCENES], default=[*REAL, *SCENES], metavar="VIDEO")
    parser.add_argument("--weights", nargs="*", choices=list(WEIGHTS), default=list(WEIGHTS), metavar="KIND")
    parser.add_argument("--seeds", nargs="*", type=int, choices=SEEDS, default=SEEDS, metavar="SEED")
    default = (Crop().crop_height_px, Crop().crop_width_px)
    help_ = f"height and width of the crops of the real video, to learn what they matter (default: {default})"
    parser.add_argument("--crop", nargs=2, type=int, default=default, metavar="PX", help=help_)
    return parser.parse_args(words)


def _cells(study: Study, options: argparse.Namespace) -> tuple[list[Cell], list[Cell]]:
    """Those of the peers, and ours, the first seeds first."""
    videos = [video for video in options.videos if video in SCENES or DATA.is_dir()]
    peers = [Cell(video, peer) for video in videos for peer in PEERS]
    ours = [
        Cell(video, weights, seed, _size(study.crop))
        for seed in options.seeds
        for video in videos
        if video in REAL
        for weights in options.weights
    ]
    scenes = [Cell(video, SCENE_WEIGHTS, SCENE_SEED, _size(SCENE_CROP)) for video in videos if video in SCENES]
    return peers, ours + (scenes if SCENE_WEIGHTS in options.weights else [])


def _compute(study: Study, cells: list[Cell], n_jobs: int) -> None:
    waiting = [cell for cell in cells if study.read(cell) is None]
    os.environ["OMP_NUM_THREADS"] = "1"
    pool = ProcessPoolExecutor(n_jobs, get_context("spawn"), _start_worker, max_tasks_per_child=1)
    try:
        running = {pool.submit(study.compute, cell): cell for cell in waiting}
        for number, job in enumerate(as_completed(running), start=1):
            job.result()
            sys.stderr.write(f"{number} of {len(waiting)}: {running[job].name}\n")
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """One thread, for OpenCV as well."""
    import cv2

    cv2.setNumThreads(1)


def write_tables(study: Study) -> None:
    """Fill in the tables of the document with what is there."""
    tables = {
        "real": _table_of_real(study),
        "targets": _table_of_targets(study),
        "cost": _table_of_cost(study),
        "scenes": _table_of_scenes(study),
        "ahead": _table_of_scenes_ahead(study),
        "best": _table_of_best_settings(study),
        "scene_list": _table_of_scene_list(),
    }
    path = DOCS / "tracking_quality.md"
    with atomic_output(path) as temporary:
        temporary.write_text(fill_in(path.read_text(), tables))


def _table_of_real(study: Study) -> str:
    rows = []
    for video in REAL:
        for weights, size in study.kinds(video):
            found = study.of_seeds(video, weights, size)
            for stage, name in STAGE_NAMES.items():
                cells = [_mean([one[stage][metric] for one in found]) for metric in METRICS]
                rows.append([f"{video}: {weights} at {size}, {name}", str(len(found)), *cells])
        for peer in PEERS:
            for setting, name in (("default", "defaults"), ("best", "best of its grid")):
                one = study.read(Cell(video, peer))
                cells = [_mean([one[setting][metric]] if one else []) for metric in METRICS]
                rows.append([f"{video}: {peer}, {name}", "", *cells])
    return _markdown(["", "seeds", *METRICS], rows)


def _table_of_targets(study: Study) -> str:
    """The aims of the project for the real video, each against what there is."""
    rows = []
    for video in REAL:
        peers = [one for peer in PEERS if (one := study.read(Cell(video, peer)))]
        for weights, size in study.kinds(video):
            found = study.of_seeds(video, weights, size)
            if not found or len(peers) < len(PEERS):
                continue
            ours = {(s, m): float(np.mean([one[s][m] for one in found])) for s in STAGES for m in ("IDF1", "HOTA")}
            theirs = {m: max(one["best"][m] for one in peers) for m in ("IDF1", "HOTA")}
            margins = [ours["inter", m] - theirs[m] for m in ("IDF1", "HOTA")]
            needed = MARGIN.get(weights, 0.0) if video == REAL[0] or weights not in MARGIN else 0.0
            rises = [ours[b, m] - ours[a, m] for a, b in pairwise(STAGES) for m in ("IDF1", "HOTA")]
            level = AT_LEAST.get(weights) if video == REAL[0] else None
            wanted = f"≥ {level:g}: {_yes(ours['inter', 'IDF1'] >= level)}" if level else "–"
            against = " / ".join(f"{margin:+.1f}" for margin in margins)
            aim = f"≥ +{needed:g}: {_yes(min(margins) >= needed)}" if weights in MARGIN or video == REAL[1] else "–"
            rises_text = " / ".join(f"{rise:+.1f}" for rise in rises)
            rows.append([f"{video}: {weights} at {size}", against, aim, wanted, rises_text, _yes(min(rises) >= -0.5)])
    header = ["", "IDF1 / HOTA against the best peer's best", "aim", "IDF1", "by intra, by inter", "no loss over 0.5"]
    return _markdown(header, rows)


def _table_of_cost(study: Study) -> str:
    """The only table whose numbers differ from run to run."""
    rows = []
    for video in REAL:
        for weights, size in study.kinds(video):
            for seed in SEEDS:
                one = study.read(Cell(video, weights, seed, size))
                if one is None:
                    continue
                masks = study.read(Cell(video))
                before = masks["masks"]["seconds"] if masks else 0.0
                minutes = (before + one["inter"]["seconds"]) / 60
                training = [f"{one[s]['seconds']:.0f} ({one[s]['steps']:.0f})" for s in ("train_intra", "train_inter")]
                stages = [f"{before + one[stage]['seconds']:.0f}" for stage in STAGES]
                row = [
                    f"{video}: {weights} at {size}, seed {seed}",
                    *stages,
                    *training,
                    _yes(minutes <= MINUTES_ALLOWED),
                ]
                rows.append(row)
    within = f"within {MINUTES_ALLOWED} minutes"
    header = ["CPU seconds", *STAGE_NAMES.values(), "training intra (steps)", "training inter (steps)", within]
    return _markdown(header, rows)


def _table_of_scenes(study: Study) -> str:
    columns = [*((f"ours, {name}", "", stage) for stage, name in STAGE_NAMES.items())]
    columns += [
        (f"{peer}, {how}", peer, key) for peer in PEERS for how, key in (("defaults", "default"), ("best", "best"))
    ]
    values: dict[str, list[tuple[float, float] | None]] = {}
    for scene in SCENES:
        found = {"": study.of_scene(scene)} | {peer: study.read(Cell(scene, peer)) for peer in PEERS}
        values[scene] = [
            (one[key]["IDF1"], one[key]["HOTA"]) if (one := found[who]) else None for _, who, key in columns
        ]
    rows = [[scene, *(_pair(cell) for cell in cells)] for scene, cells in values.items()]
    whole = [cells for cells in values.values() if None not in cells]
    means = np.array(whole, float).mean(0) if whole else [None] * len(columns)
    rows.append([f"mean of {len(whole)}", *(_pair(mean) for mean in means)])
    return _markdown(["IDF1 / HOTA", *(name for name, _, _ in columns)], rows)


def _table_of_scenes_ahead(study: Study) -> str:
    rows = []
    for setting, name in (("default", "at its defaults"), ("best", "at its best")):
        for peer in [*PEERS, "the best of all"]:
            pairs = []
            for scene in SCENES:
                ours, theirs = (
                    study.of_scene(scene),
                    [study.read(Cell(scene, p)) for p in PEERS if peer in (p, "the best of all")],
                )
                if ours and all(theirs):
                    pairs.append([ours["inter"][m] - max(one[setting][m] for one in theirs) for m in ("IDF1", "HOTA")])
            lead = np.array(pairs, float).reshape(-1, 2)
            counts = [f"{np.count_nonzero(lead[:, column] > 0)} of {len(lead)}" for column in (0, 1)]
            means = [_signed(lead[:, column].mean()) if len(lead) else "–" for column in (0, 1)]
            rows.append([f"{peer}, {name}", *counts, *means])
    return _markdown(
        ["ours after inter against", "ahead in IDF1", "ahead in HOTA", "IDF1, mean lead", "HOTA, mean lead"], rows
    )


def _table_of_best_settings(study: Study) -> str:
    rows = []
    for video in [*REAL, *SCENES]:
        found = {peer: study.read(Cell(video, peer)) for peer in PEERS}
        if any(found.values()):
            rows.append(
                [video, *(_describe(peer, one["best"]["settings"]) if one else "–" for peer, one in found.items())]
            )
    return _markdown(["settings of the best that are not defaults", *PEERS], rows)


def _describe(peer: str, settings: dict[str, Any]) -> str:
    """Which of the grid's settings are not the peer's defaults, in short."""
    names = {"high_conf_det_threshold": "scores", "lost_track_buffer": "buffer", "minimum_consecutive_frames": "frames"}
    names |= {"minimum_iou_threshold": "IoU", "minimum_iou_threshold_first_assoc": "IoU"}
    default = {key: value for part in PEERS[peer].grid for key, value in part[0].items()} | {"lost_track_buffer": 30}
    words = [f"{names[key]} {value:g}" for key, value in settings.items() if key in names and value != default[key]]
    return ", ".join(words) or "defaults"


def _table_of_scene_list() -> str:
    facts: dict[str, Callable[[Any], str]] = {
        "people": lambda scene: str(scene.n_people),
        "frames": lambda scene: str(scene.n_frames),
        "frames a second": lambda scene: f"{scene.fps:g}",
        "pan": lambda scene: "yes" if scene.pan else "",
        "speed": lambda scene: f"{scene.speed:g}",
        "look-alike": lambda scene: f"{scene.lookalike:g}",
        "exposure drift": lambda scene: f"{scene.exposure_drift:g}",
        "seed": lambda scene: str(scene.seed),
    }
    return _markdown(["", *facts], [[name, *(say(scene) for say in facts.values())] for name, scene in SCENES.items()])


def _mean(values: list[float]) -> str:
    return f"{np.mean(values):.1f}" if values else "–"


def _pair(values: Iterable[float] | None) -> str:
    return "–" if values is None else " / ".join(f"{value:.1f}" for value in values)


def _signed(value: float) -> str:
    return f"{value:+.1f}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _markdown(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
