"""The pictures of docs/tuning.md, from the results of the demo.

    make demo
    python -m tests.benchmarks pictures --results results/demo

What a setting does is tried by the verbs themselves, on the demo's files; nothing is trained anew.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from remots.association.first_guess import guess_flow
from remots.association.flow import dense_flow
from remots.association.warping import paint_labels, warp_labels
from remots.evaluation.metrics import summarise
from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.evaluation_file import read_evaluation
from remots.formats.results.overlaid_frames import iterate_tracked_images
from remots.formats.results.pooled_detections import iterate_pooled_frames
from remots.formats.results.statistics_files import read_threshold
from remots.formats.results.tables import read_table
from remots.masks.fusion import fuse_masks
from remots.masks.overlap import pairwise_iou
from remots.masks.rle import Rle, boxes, encode
from remots.report.figures import DIFFERENT_PEOPLE, FAINT, SAME_PERSON, SOFT, house_style
from remots.report.overlay import draw_overlay
from remots.report.training_figure import draw_training
from tests.benchmarks.tracking_data import run

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
OVERLAPS = (0.1, 0.5, 0.95)
COLOURS = 128  # of a PNG; more are hardly seen
MIN_GAP_FRAMES = 4
_Pixels = NDArray[np.uint8]


def main(words: list[str]) -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks pictures", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results/demo"), help="results of the demo")
    parser.add_argument("--sequence", default="plaza")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args(words)
    folder = options.results / options.sequence
    options.out.mkdir(parents=True, exist_ok=True)
    draw_fusion(folder, options.out / "fusion.png")
    draw_flow(folder, options.out / "flow.png")
    draw_trainings(folder, options.out / "training.svg")
    with tempfile.TemporaryDirectory() as scratch:
        for kind, stage in (("short", "intra"), ("merge", "inter")):
            png, svg = (Path(scratch, f"threshold_{kind}.{suffix}") for suffix in ("png", "svg"))
            read = [
                "--histograms",
                folder / f"histograms_{stage}.npz",
                "--threshold",
                folder / f"threshold_{kind}.json",
            ]
            run("plot", *read, "--png", png, "--svg", svg)
            shutil.copy(svg, options.out)
        draw_short_sweep(folder, Path(scratch), options.out / "sweep_short.svg")
        draw_merge_sweep(folder, Path(scratch), options.out / "sweep_merge.svg")
        draw_gap(folder, Path(scratch), options.out / "gap.png")


def draw_fusion(folder: Path, out: Path) -> None:
    """One frame: what the detectors found, and what is left of it at three thresholds."""
    sequence = read_sequence(folder / "sequence.json")
    tables = sorted((folder / "detections").glob("*.parquet"))
    best = max(_fusions(iterate_pooled_frames(tables, sequence, 0.5)), key=lambda found: found[0])
    _, frame, raw, fused = best
    image = _images(folder, [frame])[frame]
    around = _around(image, raw)
    titles = [f"found: {len(raw)} masks", *(f"fused at {at:g}: {len(kept)}" for at, kept in fused.items())]
    panels = [draw_overlay(image, masks, np.arange(1, len(masks) + 1))[around] for masks in (raw, *fused.values())]
    _save_panels(panels, titles, out, columns=2)


def _fusions(frames: Iterator[tuple[int, Mapping[str, NDArray]]]) -> Iterator[tuple[int, int, list, dict]]:
    """Fuse each frame at all thresholds; first comes how much they differ."""
    for frame, found in frames:
        masks = list(found["mask"])
        fused = {at: fuse_masks(masks, found["score"], at, 30).masks for at in OVERLAPS}
        low, middle, high = (len(kept) for kept in fused.values())
        yield min(middle - low, high - middle), frame, masks, fused


def draw_flow(folder: Path, out: Path) -> None:
    """Two frames: the masks of the first, where they were and where the flow takes them, drawn into the second."""
    masks_of = _masks_of_frames(folder)
    frame = max((f for f in masks_of if f + 1 in masks_of), key=lambda f: _moved(masks_of[f], masks_of[f + 1]))
    images = _images(folder, [frame, frame + 1])
    before, now = images[frame], images[frame + 1]
    size = now.shape[:2]
    labels, labels_now = (paint_labels(masks_of[f], size) for f in (frame, frame + 1))
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, now)]
    flow = dense_flow(grey[0], grey[1], "dis_fine", guess_flow(labels, labels_now))
    warped = warp_labels(labels, flow)
    moved = [encode(warped == number) for number in range(1, len(masks_of[frame]) + 1)]
    panels, titles, around = [], [], _around(now, masks_of[frame])
    for words, masks in (("masks of the frame before", masks_of[frame]), ("the same along the flow", moved)):
        best = pairwise_iou(masks, masks_of[frame + 1]).max(axis=1)
        panels.append(draw_overlay(now, masks, np.arange(1, len(masks) + 1))[around])
        titles.append(f"{words}: median IoU with this one's {np.median(best):.2f}")
    _save_panels(panels, titles, out, columns=2)


def _moved(masks: Sequence[Rle], following: Sequence[Rle]) -> float:
    """How little the masks of two frames cover one another, where there are several."""
    if min(len(masks), len(following)) < 3:
        return -1.0
    return float(1 - np.median(pairwise_iou(masks, following).max(axis=1)))


def draw_trainings(folder: Path, out: Path) -> None:
    """The curves of the two trainings, as in the report."""
    curves = {stage: pd.read_csv(folder / f"training_{stage}.csv") for stage in ("intra", "inter")}
    _save_svg(draw_training(curves), out)


def draw_short_sweep(folder: Path, scratch: Path, out: Path) -> None:
    """Short tracklets by θ_short: how many, and which share of their masks is of the tracklet's main person."""
    chosen = read_threshold(folder / "threshold_short.json").value
    values = sorted({*np.linspace(0.2, 0.95, 11).round(3).tolist(), chosen})
    people, rows = _people_of_masks(folder), []
    for value in values:
        threshold, table = scratch / "threshold_short.json", scratch / "short_tracklets.parquet"
        histograms = ["--histograms", folder / "histograms_intra.npz"]
        run("threshold-short", *histograms, "--value", f"{value:.4f}", "--out", threshold)
        files = ["--masks", folder / "masks.parquet", "--features", folder / "features_intra.npy"]
        files += ["--warped-iou", folder / "warped_iou.parquet", "--threshold", threshold]
        # What splits tracklets and refuses links afterwards would hide what the threshold does.
        alone = ["--split-share", "0", "--ambiguity-margin", "0"]
        run("associate", *files, *alone, "--out", table, "--summary", scratch / "short_tracklets.json")
        tracklets = read_table(table, "short_tracklets")["tracklet_id"].to_numpy()
        rows.append((value, len(np.unique(tracklets)), 100 * _purity(tracklets, people)))
    _draw_sweep(rows, chosen, ("short tracklets", "masks of the main person, %"), "θ_short", out)


def draw_merge_sweep(folder: Path, scratch: Path, out: Path) -> None:
    """Tracks by a θ_merge that is set by hand, so by looks alone: how many, and IDF1; and what the rule gives."""
    rows = []
    for value in np.linspace(0.2, 1, 9).round(3).tolist():
        threshold = scratch / "threshold_merge.json"
        run(
            "threshold-merge",
            *_flag(folder / "histograms_inter.npz", "histograms"),
            "--value",
            value,
            "--out",
            threshold,
        )
        rows.append((value, *_count_and_score(folder, _merge(folder, threshold, scratch), scratch)))
    by_rule = _count_and_score(folder, folder / "tracks.parquet", scratch)
    _draw_sweep(
        rows, read_threshold(folder / "threshold_merge.json").value, ("tracks", "IDF1, %"), "θ_merge", out, by_rule
    )


def _count_and_score(folder: Path, tracks: Path, scratch: Path) -> tuple[float, float]:
    return read_table(tracks, "tracks")["track_id"].nunique(), _idf1(folder, tracks, scratch)


def draw_gap(folder: Path, scratch: Path, out: Path) -> None:
    """Somebody hidden: before and after, with the gap allowed and not."""
    short = ["--max-gap-frames", "1", "--max-hidden-seconds", "0", "--max-gone-seconds", "0"]
    refused = _merge(folder, folder / "threshold_merge.json", scratch, *short)
    before, after = _find_gap(folder, refused)
    panels, titles = [], []
    for words, tracks in (("as it is", folder / "tracks.parquet"), ("no gaps allowed", refused)):
        files = [folder / "masks.parquet", folder / "short_tracklets.parquet", tracks]
        for found in iterate_tracked_images(read_sequence(folder / "sequence.json"), *files):
            if found.frame in (before.frame, after.frame):
                image = draw_overlay(found.image, found.masks, found.track_ids)
                panels.append(image[_around(image, [before.whole, after.whole])])
                titles.append(f"{words}: frame {found.frame}")
    _save_panels(panels, titles, out, columns=4)


def _find_gap(folder: Path, refused: Path) -> tuple[pd.Series, pd.Series]:
    """The mask before and the one after a gap that only one of two mergings bridges: where somebody is seen best."""
    masks = read_table(folder / "masks.parquet", "masks")
    masks["whole"] = [mask for masks_here in _masks_of_frames(folder).values() for mask in masks_here]
    masks["person"] = _people_of_masks(folder)
    tracklets = read_table(folder / "short_tracklets.parquet", "short_tracklets")["tracklet_id"]
    for name, tracks in (("track", folder / "tracks.parquet"), ("refused", refused)):
        masks[name] = tracklets.map(read_table(tracks, "tracks").set_index("tracklet_id")["track_id"])
    best, found = 0, None
    for _, track in masks[masks["person"] >= 0].groupby("track"):
        for (_, before), (_, after) in pairwise(track.iterrows()):
            seen = min(before.area_px, after.area_px)
            is_it = before.person == after.person and before.refused != after.refused
            if after.frame - before.frame > MIN_GAP_FRAMES and is_it and seen > best:
                best, found = seen, (before, after)
    if found is None:
        raise ValueError(f"{folder}: no gap makes a difference")
    return found


def _around(image: _Pixels, masks: Sequence[Rle], margin_px: int = 40) -> tuple[slice, slice]:
    """The part of an image where some masks are."""
    left, top, width, height = boxes(masks).T
    rows = slice(max(0, top.min() - margin_px), (top + height).max() + margin_px // 2)
    return rows, slice(max(0, left.min() - margin_px), (left + width).max() + margin_px)


def _merge(folder: Path, threshold: Path, scratch: Path, *settings: str) -> Path:
    looks = ["--short-tracklets", folder / "short_tracklets.parquet", "--features", folder / "features_inter.npy"]
    looks += ["--masks", folder / "masks.parquet", "--sequence", folder / "sequence.json", "--threshold", threshold]
    tracks = scratch / "tracks.parquet"
    run("merge", *looks, "--out", tracks, "--merges", scratch / "merges.parquet", *settings)
    return tracks


def _idf1(folder: Path, tracks: Path, scratch: Path) -> float:
    words = [
        word for name in ("sequence.json", "masks.parquet", "short_tracklets.parquet") for word in _flag(folder / name)
    ]
    made = ["--mots", scratch / "mots.txt", "--kitti", scratch / "kitti.txt", "--coco", scratch / "coco.json"]
    run("export", *words, "--tracks", tracks, *made)
    against = ["--truth", folder / "truth.parquet", "--mots", scratch / "mots.txt"]
    run("evaluate", *against, *_flag(folder / "sequence.json"), "--out", scratch / "evaluation.json")
    return float(summarise(read_evaluation(scratch / "evaluation.json")[1])["IDF1"])


def _flag(path: Path, name: str | None = None) -> list[str | Path]:
    return [f"--{name or path.stem.replace('_', '-')}", path]


def _people_of_masks(folder: Path) -> NDArray[np.int64]:
    """Whose each mask is, by the truth: the true mask that covers it best, by an IoU of a half or more; else -1."""
    masks = read_table(folder / "masks.parquet", "masks")
    truth = read_table(folder / "truth.parquet", "truth")
    size = read_sequence(folder / "sequence.json")
    whose = np.full(len(masks), -1)
    true_rows = truth.groupby("frame")
    for frame, rows in masks.groupby("frame"):
        if frame not in true_rows.groups:
            continue
        true = true_rows.get_group(frame)
        both = [[Rle(size=(size.height_px, size.width_px), counts=c) for c in table["rle"]] for table in (rows, true)]
        ious = pairwise_iou(*both)
        best = ious.argmax(axis=1)
        is_one = ious[np.arange(len(rows)), best] >= 0.5
        whose[rows.index[is_one]] = true["identity"].to_numpy()[best[is_one]]
    return whose


def _purity(tracklets: NDArray[np.int64], people: NDArray[np.int64]) -> float:
    known = pd.DataFrame({"tracklet": tracklets, "person": people})[people >= 0]
    return float(known.groupby("tracklet")["person"].agg(lambda whose: whose.value_counts().iloc[0]).sum() / len(known))


def _masks_of_frames(folder: Path) -> dict[int, list[Rle]]:
    size = read_sequence(folder / "sequence.json")
    masks = read_table(folder / "masks.parquet", "masks")
    return {
        int(frame): [Rle(size=(size.height_px, size.width_px), counts=counts) for counts in rows["rle"]]
        for frame, rows in masks.groupby("frame")
    }


def _images(folder: Path, frames: Sequence[int]) -> dict[int, _Pixels]:
    sequence = read_sequence(folder / "sequence.json")
    return {frame: image for frame, image in iterate_images(sequence) if frame in frames}


def _save_panels(panels: Sequence[_Pixels], titles: Sequence[str], out: Path, columns: int) -> None:
    """Put pictures side by side, with a title each, into a PNG of few colours."""
    height, width = panels[0].shape[:2]
    rows = -(-len(panels) // columns)
    inches = 10.0 / columns
    with house_style():
        figure = Figure(
            figsize=(inches * columns, rows * (inches * height / width + 0.32)), dpi=110, layout="constrained"
        )
        for axes, panel, title in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, titles, strict=True):
            axes.imshow(panel, interpolation="lanczos")
            axes.set_title(title, fontsize=9, color=SOFT, loc="left")
            axes.axis("off")
        figure.savefig(out, format="png", metadata={"Software": None})
    with Image.open(out) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(out, optimize=True)


def _draw_sweep(
    rows: Sequence[tuple[float, float, float]],
    chosen: float,
    names: tuple[str, str],
    x_name: str,
    out: Path,
    by_rule: Sequence[float] = (),
) -> None:
    values, *curves = np.array(rows).T
    with house_style():
        figure = Figure(figsize=(7.6, 2.4), layout="constrained")
        panels = zip(figure.subplots(1, 2), curves, names, (DIFFERENT_PEOPLE, SAME_PERSON), strict=True)
        for number, (axes, curve, name, colour) in enumerate(panels):
            _draw_curve(axes, values, curve, colour)
            axes.axvline(chosen, color=FAINT, linestyle=(0, (4, 3)), linewidth=1)
            if by_rule:
                axes.plot(chosen, by_rule[number], marker="D", color=SOFT)
            axes.set_title(name, fontsize=10, loc="left")
            axes.set_xlabel(f"{x_name}; dashed: the rule's, {chosen:.2f}")
    _save_svg(figure, out)


def _draw_curve(axes: Axes, values: NDArray[np.float64], curve: NDArray[np.float64], colour: str) -> None:
    axes.plot(values, curve, color=colour, linewidth=1.8, marker="o", markersize=3)
    is_pure = curve.min() > 90  # nothing happens far below
    axes.set_ylim(90 if is_pure else 0, 100.5 if is_pure else 1.08 * curve.max())


def _save_svg(figure: Figure, out: Path) -> None:
    with house_style():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
