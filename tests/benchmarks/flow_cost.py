"""What a flow costs: to keep and to read back, or to compute again; and where `remots warp` spends its time."""

import io
import itertools
import json
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from remots.association.first_guess import guess_flow
from remots.association.flow import dense_flow
from remots.association.warping import paint_labels, warped_iou
from remots.formats.footage.frames import iterate_images, probe_frames
from remots.formats.footage.video import write_video
from remots.masks.rle import Rle
from tests.benchmarks.flow_data import DATA, _fuse
from tests.benchmarks.fusion_data import _read_detections
from tests.benchmarks.fusion_quality import _markdown

N_PAIRS = 12
PX_PER_STEP = 0.25  # of the flow that is kept in bytes: up to 32 px either way
SHRINK = 4

Masked = tuple[np.ndarray, list[Rle]]


def cost_tables(folder: Path) -> dict[str, str]:
    """The tables of costs; measured once, and kept in the folder."""
    path = folder / "cost.json"
    if not path.exists():
        path.write_text(json.dumps(_measure()))
    rows = json.loads(path.read_text())
    return {
        "storage": _markdown(["", "kB a frame", "write, ms", "read, ms"], rows["storage"]),
        "profile": _markdown(["", "ms a frame"], rows["profile"]),
    }


def _measure() -> dict[str, list[list[str]]]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            frames, decode_ms = _decode(Path(folder) / "market.mp4")
        return {"storage": _storage(frames), "profile": _profile(frames, decode_ms)}
    finally:
        cv2.setNumThreads(threads)


def _decode(path: Path) -> tuple[list[Masked], float]:
    """The first frames of market as an H.264 video, with their fused masks; and what decoding to RGB costs."""
    sequence = probe_frames(DATA / "market", None, N_PAIRS + 1)
    found = _read_detections(DATA / "market", sequence.height_px, sequence.width_px)
    masks = [_fuse([one[n] for one in found]) for n in range(1, N_PAIRS + 2)]
    write_video(path, (image for _, image in iterate_images(sequence)), sequence.fps)
    video = probe_frames(path)
    started = time.process_time()
    images = [image for _, image in iterate_images(video)]
    return list(zip(images, masks, strict=True)), 1000 * (time.process_time() - started) / len(images)


def _storage(frames: list[Masked]) -> list[list[str]]:
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image, _ in frames]
    flows = [dense_flow(*pair, "dis_fine") for pair in itertools.pairwise(grays)]
    ways: dict[str, tuple[Callable[[np.ndarray], bytes], Callable[[bytes], np.ndarray]]] = {
        "float32, as it is": (_to_npy, _from_npy),
        "float16, a quarter of each side": (lambda flow: _to_npy(_shrink(flow).astype(np.float16)), _from_small),
        "float16, a quarter of each side, deflated": (
            lambda flow: zlib.compress(_to_npy(_shrink(flow).astype(np.float16)), 1),
            lambda kept: _from_small(zlib.decompress(kept)),
        ),
        "int8, a quarter of a px, a quarter of each side, deflated": (_to_bytes, _from_bytes),
    }
    rows = []
    for name, (write, read) in ways.items():
        kept, write_ms = _timed(write, flows)
        _, read_ms = _timed(read, kept)
        rows.append([name, f"{np.mean([len(one) for one in kept]) / 1000:.0f}", f"{write_ms:.1f}", f"{read_ms:.1f}"])
    for method in ("dis_ultrafast", "dis_fast", "dis_fine"):
        pairs = list(itertools.pairwise(grays))
        _, again_ms = _timed(lambda pair, method=method: dense_flow(*pair, method), pairs)
        rows.append([f"nothing, {method} computed again", "0", "0", f"{again_ms:.1f}"])
    return rows


def _to_npy(flow: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, flow, allow_pickle=False)
    return file.getvalue()


def _from_npy(kept: bytes) -> np.ndarray:
    return np.load(io.BytesIO(kept), allow_pickle=False)


def _shrink(flow: np.ndarray) -> np.ndarray:
    return cv2.resize(flow, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA)


def _enlarge(small: np.ndarray) -> np.ndarray:
    return cv2.resize(small, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_LINEAR)


def _from_small(kept: bytes) -> np.ndarray:
    return _enlarge(_from_npy(kept).astype(np.float32))


def _to_bytes(flow: np.ndarray) -> bytes:
    return zlib.compress(_to_npy(np.clip(np.rint(_shrink(flow) / PX_PER_STEP), -127, 127).astype(np.int8)), 1)


def _from_bytes(kept: bytes) -> np.ndarray:
    return _enlarge(_from_npy(zlib.decompress(kept)).astype(np.float32) * PX_PER_STEP)


def _profile(frames: list[Masked], decode_ms: float) -> list[list[str]]:
    """Each step of `remots warp`, medians over the frames; `decode` is a mean over all."""
    grays, gray_ms = _timed(lambda frame: cv2.cvtColor(frame[0], cv2.COLOR_RGB2GRAY), frames)
    labels, paint_ms = _timed(lambda frame: paint_labels(frame[1], frame[0].shape[:2]), frames)
    places = list(range(1, len(frames)))
    guesses, guess_ms = _timed(lambda n: guess_flow(labels[n - 1], labels[n]), places)
    flows, flow_ms = _timed(lambda n: dense_flow(grays[n - 1], grays[n], "dis_fine", guesses[n - 1]), places)
    n_masks = [len(masks) for _, masks in frames]
    _, count_ms = _timed(
        lambda n: warped_iou(labels[n - 1], labels[n], flows[n - 1], n_masks[n - 1], n_masks[n]), places
    )
    steps = {
        "H.264 to RGB": decode_ms,
        "RGB to grey": gray_ms,
        "masks to a label map": paint_ms,
        "first guess": guess_ms,
        "flow, dis_fine": flow_ms,
        "warping and counting": count_ms,
    }
    return [[name, f"{ms:.1f}"] for name, ms in (steps | {"all": sum(steps.values())}).items()]


def _timed(run: Callable, arguments: list) -> tuple[list, float]:
    """Results for all arguments, and the median CPU time in ms."""
    results, spent = [], []
    for argument in arguments:
        started = time.thread_time()
        results.append(run(argument))
        spent.append(1000 * (time.thread_time() - started))
    return results, float(np.median(spent))
