"""What a frame costs in the paper's two networks, with real code and, unless weights are given, random ones.

    python -m tests.benchmarks.detectors [--device cuda] [--frames video.mp4] [--short-side-px 800]
        [--detectron2-weights x152.pkl] [--mmdet-weights x101.pth] [--n-frames 8] [--batch-size 1] [--only mmdet]

Prints frames per second, peak memory and how well masks in half precision agree with those in full, for each network.
As one of all benchmarks (`measure`) it compares, on a CPU, what masks cost from the network's hands to run-length
encoding with the network's own time, and with the framework's pasting and dense encoding.

With random weights a rounding turns the order of boxes that score alike, so that masks in half precision find fewer
partners than real weights would; the time and the memory are those of real weights.
"""

import argparse
import gc
import importlib
import itertools
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

from remots.detectors.interface import Detector, Instance
from remots.detectors.registry import DETECTORS, create_detector
from remots.formats.footage.video import iterate_video, to_rgb

HEIGHT_PX, WIDTH_PX, N_INSTANCES = 1080, 1920, 100
N_REPEATS = 5
PARTNER_IOU = 0.5
NETWORKS = {"detectron2": "X152", "mmdet": "X-101-64x4d"}


class Speed(NamedTuple):
    """What some frames cost in one network, and what it found."""

    seconds_per_frame: float
    memory_gb: float
    found: list[list[Instance]]


def measure() -> list[dict[str, object]]:
    """Rows for the table of all benchmarks: X152 on a CPU, a full-HD frame at full size."""
    with tempfile.TemporaryDirectory() as folder:
        weights = save_random("detectron2", Path(folder))
        return [*_conversion(weights), _flat_memory(weights)]


def _conversion(weights: Path) -> list[dict[str, object]]:
    """Time the network, then its masks' way to run-length encodings: ours, and as the framework and pycocotools do."""
    settings: dict[str, Any] = {"weights": str(weights), "min_score": 0.0, "device": "cpu"}
    detector: Any = create_detector("detectron2", classes=class_names("detectron2"), **settings)
    from detectron2.modeling import (
        detector_postprocess,
    )  # after the detector: it provides operators that may be missing

    (image,) = drawn_frames(1)
    started = time.perf_counter()
    with torch.inference_mode():
        (result,) = detector._network.inference([detector._as_input(image)], do_postprocess=False)
        network_s = time.perf_counter() - started
        ours_s = _median_seconds(lambda: detector._encode(_copy(result), image.shape[:2]))
        theirs_s = _median_seconds(lambda: _encode_dense(detector_postprocess(_copy(result), *image.shape[:2])))
        ours = [i.mask["counts"] for i in detector._encode(_copy(result), image.shape[:2])]
        dense = _encode_dense(detector_postprocess(_copy(result), *image.shape[:2]))
    if ours != [rle["counts"] for rle in dense if coco_mask.area(rle)]:
        raise AssertionError("ours and the framework's masks differ, or the times compare nothing")
    what = f"{len(result)} masks of a {WIDTH_PX} x {HEIGHT_PX} frame to RLE"
    common = {"what": what, "ours": f"{1000 * ours_s:.0f} ms"}
    peer = {"peer": "Detectron2's pasting, then pycocotools", "peer_value": f"{1000 * theirs_s:.0f} ms"}
    network = {"peer": "X152 itself on the CPU", "peer_value": f"{network_s:.1f} s"}
    return [
        {**common, **network, "ratio": ours_s / network_s, "goal": "<= 0.1"},
        {**common, **peer, "ratio": theirs_s / ours_s, "goal": ">= 1"},
    ]


def _copy(result: Any) -> Any:
    """Both ways change their input."""
    fields = {name: value.clone() for name, value in result.get_fields().items()}
    return type(result)(result.image_size, **fields)


def _encode_dense(result: Any) -> list[dict[str, Any]]:
    return [coco_mask.encode(np.asfortranarray(mask)) for mask in result.pred_masks.numpy().astype(np.uint8)]


def _median_seconds(run: Callable[[], object]) -> float:
    times = []
    for _ in range(N_REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _flat_memory(weights: Path, n_frames: int = 30) -> dict[str, object]:
    """Memory in use after each frame: the last half of the frames beside the first."""
    few = ("MODEL.RPN.POST_NMS_TOPK_TEST=25", "TEST.DETECTIONS_PER_IMAGE=25")
    settings: dict[str, Any] = {"weights": str(weights), "min_score": 0.0, "device": "cpu", "overrides": few}
    detector = create_detector("detectron2", short_side_px=96, **settings)
    used = []
    for image in drawn_frames(n_frames):
        detector.detect([image])
        used.append(_resident_mb())
    first, last = max(used[: n_frames // 2]), max(used[n_frames // 2 :])
    return {
        "what": f"memory of X152 over {n_frames} frames, second half (MB)",
        "ours": last,
        "peer": "first half",
        "peer_value": first,
        "ratio": last / first,
        "goal": "<= 1.05",
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def drawn_frames(n_frames: int) -> list[np.ndarray]:
    """Full-HD frames of soft coloured blots, a little different each."""
    rng = np.random.default_rng(0)
    blots = rng.integers(0, 256, (18, 32, 3)).astype(np.float32)
    frames = [np.clip(blots + rng.normal(0, 8, blots.shape), 0, 255).astype(np.uint8) for _ in range(n_frames)]
    return [cv2.resize(frame, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) for frame in frames]


def save_random(name: str, folder: Path) -> Path:
    """Save the paper's network of a framework with random weights, and forget it."""
    if name == "detectron2":
        from tests.detectors import random_detectron2

        path = random_detectron2.save_pth(random_detectron2.random_network(random_detectron2.X152), folder, "x152")
    else:
        from tests.detectors import random_mmdet

        path = random_mmdet.save(random_mmdet.random_network(random_mmdet.X101), folder / "x101.pth")
    gc.collect()
    return path


def class_names(name: str) -> tuple[str, ...]:
    """All of COCO's classes, as a framework names them: what a network with random weights finds, is of any class."""
    importlib.import_module(DETECTORS[name].module)  # first of all: it provides operators that may be missing
    if name == "detectron2":
        from detectron2.data import MetadataCatalog

        return tuple(MetadataCatalog.get("coco_2017_val").thing_classes)
    from mmdet.datasets import CocoDataset

    return tuple(CocoDataset.METAINFO["classes"])


def measure_speed(name: str, frames: Sequence[np.ndarray], batch_size: int, **settings: Any) -> Speed:
    """Run a detector over frames; the first batch, which warms it up, counts for memory only."""
    detector: Detector = create_detector(name, **settings)
    on_gpu = settings["device"].startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(settings["device"])
    detector.detect(frames[:batch_size])
    started = time.perf_counter()
    found = [
        one
        for start in range(0, len(frames), batch_size)
        for one in detector.detect(frames[start : start + batch_size])
    ]
    seconds = (time.perf_counter() - started) / len(frames)
    peak = torch.cuda.max_memory_allocated(settings["device"]) / 1e9 if on_gpu else _resident_mb() / 1e3
    del detector
    gc.collect()
    return Speed(seconds, peak, found)


def agreement(full: Sequence[Sequence[Instance]], half: Sequence[Sequence[Instance]]) -> tuple[int, int, float]:
    """Pair the masks of both so that the sum of their IoU is largest: masks, pairs, the pairs' median IoU."""
    paired: list[float] = []
    for ours, theirs in zip(full, half, strict=True):
        if ours and theirs:
            ious = np.asarray(coco_mask.iou([i.mask for i in ours], [i.mask for i in theirs], [0] * len(theirs)))
            best = ious[linear_sum_assignment(-ious)]
            paired += best[best >= PARTNER_IOU].tolist()
    return sum(map(len, full)), len(paired), statistics.median(paired) if paired else float("nan")


def report(name: str, frames: Sequence[np.ndarray], options: argparse.Namespace, weights: Path) -> str:
    """Measure one network in each precision; several lines."""
    settings: dict[str, Any] = {
        "weights": str(weights),
        "device": options.device,
        "min_score": options.min_score,
        "short_side_px": options.short_side_px,
        "classes": tuple(options.classes or class_names(name)),
    }
    lines: list[str] = []
    full: Speed | None = None
    for precision in ["float32", *options.half]:
        speed = measure_speed(name, frames, options.batch_size, precision=precision, **settings)
        line = f"{name} {NETWORKS[name]} {precision} on {options.device}, batches of {options.batch_size}: "
        line += f"{1 / speed.seconds_per_frame:.3g} frames per second, {speed.memory_gb:.2f} GB"
        if full is None:
            full = speed
        else:
            n_masks, n_paired, iou = agreement(full.found, speed.found)
            line += f"; of {n_masks} masks {n_paired} have a partner in full precision, median IoU {iou:.4f}"
        lines.append(line)
    return "\n".join(lines)


def main(words: Sequence[str]) -> None:
    """Measure both networks, or one, and print."""
    options = _read(words)
    frames = _read_frames(options.frames, options.n_frames) if options.frames else drawn_frames(options.n_frames)
    for name in [options.only] if options.only else list(NETWORKS):
        given: Path | None = getattr(options, f"{name}_weights")
        with tempfile.TemporaryDirectory() as folder:
            weights = given or save_random(name, Path(folder))
            sys.stdout.write(report(name, frames, options, weights) + "\n")
            sys.stdout.flush()


def _read(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.detectors")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=Path, help="a video; drawn full-HD frames without it")
    parser.add_argument("--n-frames", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--short-side-px", type=int, help="as the networks have it, without")
    parser.add_argument("--classes", nargs="+", help="all of COCO without it; person with real weights")
    parser.add_argument("--min-score", type=float, default=0.0)
    parser.add_argument("--half", nargs="*", default=["bfloat16", "float16"], choices=["bfloat16", "float16"])
    parser.add_argument("--detectron2-weights", type=Path)
    parser.add_argument("--mmdet-weights", type=Path)
    parser.add_argument("--only", choices=list(NETWORKS))
    return parser.parse_args(words)


def _read_frames(video: Path, n_frames: int) -> list[np.ndarray]:
    return [to_rgb(frame) for frame in itertools.islice(iterate_video(video), n_frames)]


if __name__ == "__main__":
    main(sys.argv[1:])
