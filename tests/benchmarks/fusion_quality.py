"""How good the fused masks are, over the overlap metric, its threshold, the lowest score and other rules.

    python -m tests.benchmarks fusion_quality

Fills in the tables of docs/fusion_quality.md and draws docs/fusion_quality.svg; about two minutes on one core. Without
the real data (see tests/conftest.py) it only prints the rows of the rendered scenes, and leaves the documents alone.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from remots.masks.fusion import OverlapMetric, fuse_masks
from remots.masks.rle import areas
from remots.settings import Fuse
from tests.benchmarks.fusion_data import DATA, SCENES, Detections, Frame, read_real, render_scenes, spoil_crowd
from tests.benchmarks.fusion_metrics import ERRORS, Quality, check_against_trackeval, count_errors, measure_quality
from tests.benchmarks.fusion_rules import CALIBRATIONS, RANKINGS, Pool

DOCS = Path(__file__).resolve().parents[2] / "docs"
THRESHOLDS = tuple(number / 10 for number in range(1, 10))
MIN_SCORES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
DEFAULT = Fuse()
DETECTORS = {"A": (0,), "B": (1,), "A and B": (0, 1)}

Data = dict[str, list[Frame]]
Tables = dict[str, str]


class Choice(NamedTuple):
    """How a frame's detections are fused."""

    detectors: str = "A and B"
    metric: OverlapMetric = DEFAULT.overlap_metric
    threshold: float = DEFAULT.overlap_threshold
    min_score: float = DEFAULT.min_score


def measure() -> list[dict[str, object]]:
    """Run the study; a row a data set: MODSA with the default settings beside IoU at the same threshold."""
    data = render_scenes()
    data |= spoil_crowd(data["crowd"])
    if has_real := DATA.is_dir():
        data |= read_real()
    sweep = {name: _sweep(frames) for name, frames in data.items()}
    for name, frames in data.items():
        if isinstance(frames[0].truth, list):
            check_against_trackeval(frames, fuse(frames, Choice()), sweep[name][Choice()])
    if has_real:
        _write(data, sweep)
    return [_row(name, sweep[name]) for name in data]


def fuse(frames: list[Frame], choice: Choice, ranking: Callable[[Pool], np.ndarray] | None = None) -> list[Detections]:
    """Fuse every frame as `remots fuse` does, or with another ranking."""
    results = []
    for frame in frames:
        pool = pool_detections(frame, choice)
        ranked_by = pool.scores if ranking is None or not pool.masks else ranking(pool)
        fused = fuse_masks(pool.masks, ranked_by, choice.threshold, DEFAULT.min_area_px, choice.metric)
        results.append(Detections(fused.masks, pool.scores[fused.kept]))
    return results


def pool_detections(frame: Frame, choice: Choice) -> Pool:
    """The masks of the chosen detectors that have the score and are no specks."""
    parts = [(number, frame.found[number]) for number in DETECTORS[choice.detectors]]
    masks = [mask for _, one in parts for mask in one.masks]
    scores = np.concatenate([one.scores for _, one in parts])
    detectors = np.concatenate([np.full(len(one.masks), number) for number, one in parts])
    chosen = np.flatnonzero((scores >= choice.min_score) & (areas(masks) >= DEFAULT.min_area_px))
    return Pool([masks[i] for i in chosen], scores[chosen], detectors[chosen])


def fuse_specks_last(frames: list[Frame], choice: Choice) -> list[Detections]:
    """The plain reading of the paper: specks suppress like any mask, and are dropped in the end."""
    results = []
    for frame in frames:
        parts = [frame.found[number] for number in DETECTORS[choice.detectors]]
        scores = np.concatenate([one.scores for one in parts])
        chosen = np.flatnonzero(scores >= choice.min_score)
        masks = [mask for one in parts for mask in one.masks]
        fused = fuse_masks([masks[i] for i in chosen], scores[chosen], choice.threshold, 1, choice.metric)
        large = np.flatnonzero(areas(fused.masks) >= DEFAULT.min_area_px)
        results.append(Detections([fused.masks[i] for i in large], scores[chosen[fused.kept[large]]]))
    return results


def _sweep(frames: list[Frame]) -> dict[Choice, Quality]:
    """A and B over metric and threshold, each detector alone under IoM, and both over the lowest score."""
    choices = {Choice("A and B", metric, threshold) for metric in ("iou", "iom") for threshold in THRESHOLDS}
    choices |= {Choice(name, "iom", threshold) for name in ("A", "B") for threshold in THRESHOLDS}
    choices |= {
        Choice("A and B", metric, threshold, min_score)
        for metric in ("iou", "iom")
        for threshold in (0.3, 0.5, 0.7)
        for min_score in MIN_SCORES
    }
    return {choice: measure_quality(frames, fuse(frames, choice)) for choice in sorted(choices)}


def _row(name: str, qualities: dict[Choice, Quality]) -> dict[str, object]:
    ours, other = qualities[Choice()].modsa, qualities[Choice(metric="iou")].modsa
    return {
        "what": f"MODSA, {name}, A and B",
        "ours": f"{ours:.1f} (IoM {DEFAULT.overlap_threshold:g})",
        "peer": f"IoU {DEFAULT.overlap_threshold:g}",
        "peer_value": f"{other:.1f}",
        "ratio": ours / other,
        "goal": ">= 1",
    }


def _write(data: Data, sweep: dict[str, dict[Choice, Quality]]) -> None:
    tables = {
        "errors": _table_of_errors(data),
        "summary": _table_of_summary(sweep),
        "choice": _table_of_choice(sweep),
        "rules": _table_of_rules(data),
        "min_score": _table_of_min_scores(sweep),
        "AP": _table_over_threshold(sweep, "ap"),
        "MODSA": _table_over_threshold(sweep, "modsa"),
        "sMODSA": _table_over_threshold(sweep, "smodsa"),
    }
    path = DOCS / "fusion_quality.md"
    path.write_text(fill_in(path.read_text(), tables))
    draw(sweep, DOCS / "fusion_quality.svg")


def fill_in(text: str, tables: Tables) -> str:
    """Put each table between its two marks, ``<!-- table NAME -->`` and ``<!-- end -->``; no table may be left over."""
    for name, table in tables.items():
        pattern = rf"(<!-- table {name} -->\n).*?(<!-- end -->)"
        text, n_places = re.subn(pattern, lambda found, table=table: found[1] + table + found[2], text, flags=re.DOTALL)
        if n_places != 1:
            raise ValueError(f"the document has {n_places} places for the table {name}, not one")
    return text


def _table_of_errors(data: Data) -> str:
    rows = []
    for name, frames in data.items():
        if isinstance(frames[0].truth, list) and "scores" not in name:
            for number, detector in enumerate("AB"):
                errors = count_errors(frames, number, DEFAULT.min_score)
                rows.append([f"{name}, {detector}", *(f"{errors[error]:.0f}" for error in ERRORS)])
    return _markdown(["detections with a score of at least 0.5", *ERRORS], rows)


def _table_of_summary(sweep: dict[str, dict[Choice, Quality]]) -> str:
    columns = {
        "A": Choice("A"),
        "B": Choice("B"),
        "A and B, IoU": Choice(metric="iou"),
        "A and B, IoM": Choice(metric="iom"),
    }
    rows = []
    for name, qualities in sweep.items():
        cells = []
        for choice in columns.values():
            quality = qualities[choice]
            cells.append(" / ".join(_number(value) for value in quality))
        rows.append([name, *cells])
    return _markdown(["AP / MODSA / sMODSA", *columns], rows)


def _table_of_choice(sweep: dict[str, dict[Choice, Quality]]) -> str:
    rows = []
    for metric in ("iou", "iom"):
        mean, worst = _mean_and_worst(sweep, metric)
        rows.append([f"{_NAMES[metric]}, mean MODSA", *(f"{value:.1f}" for value in mean)])
        rows.append([f"{_NAMES[metric]}, worst loss", *(f"{value:.1f}" for value in worst)])
    return _markdown(["threshold", *(f"{threshold:g}" for threshold in THRESHOLDS)], rows)


def _mean_and_worst(sweep: dict[str, dict[Choice, Quality]], metric: OverlapMetric) -> tuple[np.ndarray, np.ndarray]:
    """Mean MODSA over all data, and the most that any data loses against its best metric and threshold."""
    modsa = {
        m: np.array([[one[Choice(metric=m, threshold=t)].modsa for t in THRESHOLDS] for one in sweep.values()])
        for m in ("iou", "iom")
    }
    best = np.maximum(modsa["iou"].max(1), modsa["iom"].max(1))
    return modsa[metric].mean(0), (best[:, None] - modsa[metric]).max(0)


def _table_of_rules(data: Data) -> str:
    """MODSA under IoM with the default threshold, for rules of ranking and for calibrated scores."""
    rules: dict[str, Callable[[list[Frame]], list[Detections]]] = {
        "specks last": lambda frames: fuse_specks_last(frames, Choice()),
        "specks first": lambda frames: fuse(frames, Choice()),
    }
    rules |= {name: lambda frames, rank=rank: fuse(frames, Choice(), rank) for name, rank in RANKINGS.items()}
    rules |= {name: lambda frames, alike=alike: fuse(alike(frames), Choice()) for name, alike in CALIBRATIONS.items()}
    modsa = {
        name: [measure_quality(frames, rule(frames)).modsa for rule in rules.values()] for name, frames in data.items()
    }
    rows = [[name, *(f"{value:.1f}" for value in values)] for name, values in modsa.items()]
    values = np.array(list(modsa.values()))
    gain = values - values[:, 1:2]  # against specks first
    rows.append(["mean against specks first", *(f"{value:+.1f}" for value in gain.mean(0))])
    rows.append(["worst against specks first", *(f"{value:+.1f}" for value in gain.min(0))])
    return _markdown(["MODSA", *rules], rows)


def _table_of_min_scores(sweep: dict[str, dict[Choice, Quality]]) -> str:
    rows = []
    for metric in ("iou", "iom"):
        for threshold in (0.3, 0.5, 0.7):
            means = [
                np.mean([one[Choice("A and B", metric, threshold, low)].modsa for one in sweep.values()])
                for low in MIN_SCORES
            ]
            rows.append([f"{_NAMES[metric]} {threshold:g}, all data", *(f"{mean:.1f}" for mean in means)])
    for name, one in sweep.items():
        values = [one[Choice(min_score=low)].modsa for low in MIN_SCORES]
        rows.append([f"IoM {DEFAULT.overlap_threshold:g}, {name}", *(f"{value:.1f}" for value in values)])
    return _markdown(["lowest score", *(f"{low:g}" for low in MIN_SCORES)], rows)


def _table_over_threshold(sweep: dict[str, dict[Choice, Quality]], measure_name: str) -> str:
    sets: list[tuple[str, OverlapMetric]] = [("A", "iom"), ("B", "iom"), ("A and B", "iou"), ("A and B", "iom")]
    rows = []
    for name, qualities in sweep.items():
        for detectors, metric in sets:
            values = [
                getattr(qualities[Choice(detectors, metric, threshold)], measure_name) for threshold in THRESHOLDS
            ]
            if not np.isnan(values).all():
                rows.append([f"{name}: {detectors}, {_NAMES[metric]}", *(_number(value) for value in values)])
    return _markdown(["threshold", *(f"{threshold:g}" for threshold in THRESHOLDS)], rows)


_NAMES: dict[OverlapMetric, str] = {"iom": "IoM", "iou": "IoU"}


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1f}"


def _markdown(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def draw(sweep: dict[str, dict[Choice, Quality]], path: Path) -> None:
    """MODSA over the threshold, under IoU and IoM: rendered scenes, other errors, real videos."""
    groups = {
        "rendered scenes": [name for name in sweep if name in SCENES],
        "other errors": [name for name in sweep if name.startswith("crowd") and name not in SCENES],
        "real videos": [name for name in sweep if name not in SCENES and not name.startswith("crowd")],
    }
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fusion", "font.size": 8}):
        figure = Figure(figsize=(7.2, 2.4), layout="constrained")
        for axes, (title, names) in zip(figure.subplots(1, 3), groups.items(), strict=True):
            for metric, colour in (("iou", "#d55e00"), ("iom", "#0072b2")):
                for name in names:
                    modsa = [sweep[name][Choice(metric=metric, threshold=threshold)].modsa for threshold in THRESHOLDS]
                    label = _NAMES[metric] if name == names[0] else None
                    axes.plot(THRESHOLDS, modsa, color=colour, linewidth=1, label=label)
            axes.set(title=title, xlabel="overlap_threshold", ylim=(0, 100))
            axes.axvline(DEFAULT.overlap_threshold, color="0.6", linewidth=0.6, linestyle=":")
        figure.axes[0].set_ylabel("MODSA of A and B, %")
        figure.axes[0].legend(frameon=False, loc="lower left")
        figure.savefig(path, format="svg", metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def main() -> None:
    """Run the study and print its rows."""
    for row in measure():
        print(f"{row['what']}: {row['ours']}, {row['peer']} {row['peer_value']}")  # noqa: T201


if __name__ == "__main__":
    main()
