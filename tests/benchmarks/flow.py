"""How well masks find themselves again along the flow, by method, and what that costs.

    python -m tests.benchmarks flow --folder results/flow

fills in the tables of docs/flow.md. Each cell (a clip with a method) is kept in the folder, so that a study that was
stopped goes on; delete the folder to measure anew. Costs are CPU time on one core. `--jobs 0` only writes the tables.
Needs the real data (tests/conftest.py).
"""

import argparse
import hashlib
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import rankdata

from remots.association.sure_links import MAX_RIVAL_IOU_TO_LEARN, SURE_MIN_IOU
from remots.association.warping import warped_iou
from tests.benchmarks.flow_cost import cost_tables
from tests.benchmarks.flow_data import MARKET, Frame, real_clips, rendered_clips
from tests.benchmarks.flow_methods import DEFAULT, METHODS, Method
from tests.benchmarks.fusion_quality import _markdown, fill_in

DOCS = Path(__file__).resolve().parents[2] / "docs"
SIZES = {"640x360": "scene: static", "768x576": "vtest, every 4th frame", "1920x1080": MARKET}  # where costs are read
FIRST = (DEFAULT, "dis_fast", "dis_fine", "no flow", "farneback", "dis_fast, first guess from the masks")
FIRST = (*FIRST, "camera's motion alone")
SHOWN = (*FIRST, "dis_medium")
Cell = dict[str, float]


def measure(frames: Iterable[Frame], method: Method) -> Cell:
    """Go through a clip once; shares in [0, 1], numbers, and median CPU milliseconds of a flow."""
    true, false = [np.zeros(0)], [np.zeros(0)]
    n_first = n_sure = n_wrong = 0
    flow_ms, flow = [], None
    for previous, current in itertools.pairwise(frames):
        if current.number != previous.number + 1 or not len(previous.identities) or not len(current.identities):
            flow = None
            continue
        started = time.thread_time()
        flow = method(previous, current, flow)
        flow_ms.append(1000 * (time.thread_time() - started))
        iou = _dense_iou(previous, current, flow)
        same = previous.identities[:, None] == current.identities[None]
        true.append(iou[same])
        false.append(iou[~same])
        n_first += int((_is_first(iou) & same).sum())
        sure = _sure_links(iou)
        n_sure += int(sure.sum())
        n_wrong += int((sure & ~same).sum())
    yes, no = np.concatenate(true), np.concatenate(false)
    cell = {
        "n_pairs": len(yes),
        "any": np.mean(yes > 0),
        "least_3": np.mean(yes >= 0.3),
        "least_5": np.mean(yes >= 0.5),
    }
    cell |= {"first": n_first / len(yes), "auc": _auc(yes, no), "n_sure": n_sure, "n_wrong": n_wrong}
    return {name: float(value) for name, value in (cell | {"ms": np.median(flow_ms)}).items()}


def _dense_iou(previous: Frame, current: Frame, flow: np.ndarray) -> np.ndarray:
    n_previous, n_current = len(previous.identities), len(current.identities)
    pairs = warped_iou(previous.labels, current.labels, flow, n_previous, n_current)
    iou = np.zeros((n_previous, n_current))
    iou[pairs.previous, pairs.current] = pairs.iou
    return iou


def _is_first(iou: np.ndarray) -> np.ndarray:
    """Which pairs have the greatest IoU of both their masks."""
    return (iou > 0) & (iou == iou.max(0)) & (iou == iou.max(1, keepdims=True))


def _sure_links(iou: np.ndarray) -> np.ndarray:
    """Which pairs geometry alone links: see `remots.association.sure_links`."""
    near = iou > MAX_RIVAL_IOU_TO_LEARN
    return (iou >= SURE_MIN_IOU) & (near.sum(0) == 1) & (near.sum(1, keepdims=True) == 1)


def _auc(yes: np.ndarray, no: np.ndarray) -> float:
    """How likely a true pair has a greater IoU than a false one."""
    ranks = rankdata(np.concatenate([yes, no]))[: len(yes)]
    return float((ranks.sum() - len(yes) * (len(yes) + 1) / 2) / (len(yes) * len(no)))


def main(words: list[str]) -> None:
    """Measure what is not in the folder yet, and fill in the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks flow", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("results/flow"))
    parser.add_argument("--jobs", type=int, choices=(0, 1), default=1, help="0 only writes the tables")
    options = parser.parse_args(words)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.jobs:
        cv2.setNumThreads(1)
        for _ in _fill(options.folder):
            write(options.folder)
    write(options.folder)


def _fill(folder: Path) -> Iterator[Path]:
    """Measure missing cells, clip by clip, as a clip's frames are made once; what matters most first."""
    clips = rendered_clips() | real_clips()
    for names, (clip, frames) in itertools.product((FIRST, tuple(METHODS)), clips.items()):
        missing = [name for name in names if not _file(folder, clip, name).exists()]
        kept = list(frames()) if missing else []
        for name in missing:
            cell = measure(kept, METHODS[name])
            _file(folder, clip, name).write_text(json.dumps({"clip": clip, "method": name} | cell))
            yield _file(folder, clip, name)


def _file(folder: Path, clip: str, method: str) -> Path:
    return folder / f"{hashlib.sha256(f'{clip}/{method}'.encode()).hexdigest()[:16]}.json"


def write(folder: Path) -> None:
    """Fill in the tables of docs/flow.md from what the folder holds."""
    clips = [*rendered_clips(), *real_clips()]
    cells = {
        (clip, name): json.loads(_file(folder, clip, name).read_text())
        for clip, name in itertools.product(clips, METHODS)
        if _file(folder, clip, name).exists()
    }
    methods = [name for name in METHODS if all((clip, name) in cells for clip in clips)]
    tables = {"methods": _table_of_methods(clips, methods, cells)}
    for title, measured in (("first", "first"), ("least 5", "least_5"), ("any", "any")):
        tables[title] = _table_by_clip(clips, cells, measured)
    path = DOCS / "flow.md"
    path.write_text(fill_in(path.read_text(), tables | cost_tables(folder)))


def _table_of_methods(clips: list[str], methods: list[str], cells: dict[tuple[str, str], Cell]) -> str:
    """Means over all clips, the worst clip, and costs."""
    names = {"first": "first on both sides", "any": "IoU > 0", "least_3": "IoU ≥ 0.3", "least_5": "IoU ≥ 0.5"}
    header = [*names.values(), "AUC", "worst clip", "sure links", "wrong", *(f"ms, {size}" for size in SIZES)]
    best = {clip: max(cells[clip, name]["first"] for name in methods) for clip in clips} if methods else {}
    rows = []
    for name in methods:
        own = [cells[clip, name] for clip in clips]
        judged = [cells[clip, name] for clip in clips if clip != MARKET]
        worst = min(cells[clip, name]["first"] - best[clip] for clip in clips)
        means = [f"{100 * np.mean([cell[key] for cell in own]):.1f}" for key in (*names, "auc")]
        links = [f"{sum(cell[key] for cell in judged):.0f}" for key in ("n_sure", "n_wrong")]
        costs = [f"{cells[clip, name]['ms']:.1f}" for clip in SIZES.values()]
        rows.append([_bold(name), *means, f"{100 * worst:.1f}", *links, *costs])
    return _markdown(["", *header], rows)


def _table_by_clip(clips: list[str], cells: dict[tuple[str, str], Cell], measured: str) -> str:
    rows = []
    for clip in clips:
        values = [cells.get((clip, name), {}).get(measured) for name in SHOWN]
        n_pairs = next((f"{cell['n_pairs']:.0f}" for (own, _), cell in cells.items() if own == clip), "–")
        rows.append([clip, n_pairs, *("–" if value is None else f"{100 * value:.1f}" for value in values)])
    return _markdown(["", "pairs", *map(_bold, SHOWN)], rows)


def _bold(name: str) -> str:
    return f"**{name}**" if name == DEFAULT else name
