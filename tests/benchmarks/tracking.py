"""One step of the short-term tracker on a full-HD frame with 50 masks, beside its optical flow alone.

    python -m tests.benchmarks.tracking

A step is what a frame costs: to grey, run-length encodings painted into a label map, flow, warping, IoU of all pairs.
OpenCV works on one core here; on more, only the flow gets faster.
"""

import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

from remots.association.flow import dense_flow
from remots.association.warping import iterate_warped_iou
from remots.masks.fusion import fuse_masks
from remots.masks.rle import Rle
from tests.benchmarks.fusion import HEIGHT_PX, WIDTH_PX, crowded_frame

N_MASKS = 50
N_REPEATS = 15


def measure() -> list[dict[str, object]]:
    """Time the whole step and the flow alone in turn, `N_REPEATS` times; medians."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        step_ms, flow_ms = _measure_in_turn()
    finally:
        cv2.setNumThreads(threads)
    return [
        {
            "what": f"tracking step, {N_MASKS} masks of a {WIDTH_PX} x {HEIGHT_PX} frame",
            "ours": f"{step_ms:.1f} ms",
            "ours_ms": step_ms,
            "peer": "its optical flow alone (DIS fast)",
            "peer_value": f"{flow_ms:.1f} ms",
            "peer_ms": flow_ms,
            "ratio": step_ms / flow_ms,
            "goal": "<= 1.3",
        }
    ]


def _measure_in_turn() -> tuple[float, float]:
    images, masks = two_frames(), masks_of_a_crowd()
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    steps, flows = [], []
    for _ in range(N_REPEATS):
        steps.append(_step_ms(images, masks))
        flows.append(_milliseconds(lambda: dense_flow(*grays, "dis_fast")))
    return statistics.median(steps), statistics.median(flows)


def _step_ms(images: list[np.ndarray], masks: list[Rle]) -> float:
    """Time the second of two frames: the generator has taken in the first before the clock starts."""
    started = 0.0

    def frames() -> object:
        nonlocal started
        yield 1, images[0], masks
        started = time.perf_counter()
        yield 2, images[1], masks

    (pairs,) = iterate_warped_iou(frames())
    elapsed_ms = 1000 * (time.perf_counter() - started)
    if len(pairs.iou) < len(masks) // 2:
        raise AssertionError(f"only {len(pairs.iou)} of {len(masks)} masks overlap themselves: the step is wrong")
    return elapsed_ms


def two_frames() -> list[np.ndarray]:
    """Two RGB pictures of fine and coarse texture, a few pixels apart."""
    rng = np.random.default_rng(0)
    size = (HEIGHT_PX + 20, WIDTH_PX + 20, 3)
    layers = [cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), width) for width in (2, 8, 30)]
    large = sum(layer / layer.std() for layer in layers)
    picture = np.clip(127 + 35 * large, 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(picture[y : y + HEIGHT_PX, x : x + WIDTH_PX]) for y, x in ((10, 10), (12, 5))]


def masks_of_a_crowd() -> list[Rle]:
    """Disjoint masks of people."""
    masks, scores = crowded_frame(80)
    return fuse_masks(masks, scores, overlap_threshold=0.5, min_area_px=30).masks[:N_MASKS]


def _milliseconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    for row in measure():
        ratio = f"{row['ratio']:.2f} ({row['goal']})"
        sys.stdout.write(f"{row['what']}: {row['ours']}, {row['peer']} {row['peer_value']}, ratio {ratio}\n")


if __name__ == "__main__":
    main()
