"""Fusion of one crowded full-HD frame, beside the mask NMS of `supervision` on the same masks.

    python -m tests.benchmarks.fusion [--dense]

Ours does more: from run-length encodings to disjoint run-length encodings. The peers only say which masks to keep;
their best case starts from masks that already lie in their own form. `--dense` adds supervision's NMS on dense frames
(half a minute, 6 GB of memory).
"""

import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

from remots.masks.fusion import fuse_masks
from remots.masks.rle import Rle, boxes, decode, encode_crop

HEIGHT_PX, WIDTH_PX = 1080, 1920
IOM_THRESHOLD = 0.5
N_REPEATS = 9


def measure(with_dense: bool = False, n_people: int = 150) -> list[dict[str, object]]:
    """Time ours and each peer in turn, `N_REPEATS` times; medians. The fastest peer comes first."""
    masks, scores = crowded_frame(n_people)
    ours: list[float] = []
    peers = _peers(masks, scores, with_dense)
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for repeat in range(N_REPEATS):
        ours.append(_milliseconds(lambda: fuse_masks(masks, scores, IOM_THRESHOLD, min_area_px=30)))
        for name, run in peers.items():
            if "dense" not in name or repeat == 0:
                theirs[name].append(_milliseconds(run))
    ours_ms = statistics.median(ours)
    rows = [_row(len(masks), ours_ms, name, statistics.median(times)) for name, times in theirs.items()]
    return sorted(rows, key=lambda row: row["peer_ms"])


def crowded_frame(n_people: int, seed: int = 0) -> tuple[list[Rle], np.ndarray]:
    """Masks of people, a third of them in one crowd, each found by two detectors; and scores.

    The masks have 3.6 bytes of counts per px of width; those of a real detector had 3.3 to 4.2.
    """
    rng = np.random.default_rng(seed)
    masks = []
    for person in range(n_people):
        crowd = person < n_people // 3
        x = rng.normal(900, 150) if crowd else rng.uniform(20, WIDTH_PX - 20)
        y = rng.normal(540, 80) if crowd else rng.uniform(100, HEIGHT_PX - 100)
        height = rng.uniform(100, 330)
        for _detector in range(2):
            crop = _person(np.random.default_rng((seed, person)), round(height * rng.uniform(0.95, 1.05)))
            masks.append(_place(crop, round(x + rng.normal(0, 3)), round(y + rng.normal(0, 4))))
    return masks, rng.uniform(0.5, 1, len(masks)).astype(np.float32)


def _person(rng: np.random.Generator, height_px: int) -> np.ndarray:
    """Head, trunk, arms and legs with a ragged border, as bool of shape (height_px, 0.42 height_px)."""
    width_px = round(0.42 * height_px)
    stride = rng.uniform(0.1, 0.25)
    parts = [(0.5, 0.09, 0.17, 0.085), (0.5, 0.36, 0.38, 0.24)]
    parts += [
        part
        for side in (-1, 1)
        for part in ((0.5 + side * stride, 0.75, 0.16, 0.24), (0.5 + side * 0.35, 0.42, 0.1, 0.22))
    ]
    body = np.zeros((height_px, width_px), np.float32)
    for x, y, half_width, half_height in parts:
        centre, radii = (x * width_px, y * height_px), (half_width * width_px, half_height * height_px)
        cv2.ellipse(body, tuple(map(round, centre)), tuple(map(round, radii)), 0, 0, 360, 1, -1)
    noise = cv2.GaussianBlur(rng.normal(size=body.shape).astype(np.float32), (0, 0), 3)
    return cv2.GaussianBlur(body, (0, 0), 3) + noise > 0.5


def _place(crop: np.ndarray, x: int, y: int) -> Rle:
    """Put the crop's centre at (x, y); what lies outside the frame is cut off."""
    left, top = x - crop.shape[1] // 2, y - crop.shape[0] // 2
    inside = crop[max(0, -top) : HEIGHT_PX - top, max(0, -left) : WIDTH_PX - left]
    return encode_crop(inside, max(0, left), max(0, top), (HEIGHT_PX, WIDTH_PX))


def _peers(masks: list[Rle], scores: np.ndarray, with_dense: bool) -> dict[str, Callable[[], object]]:
    # Only here: the tests take their crowd from this module, and do not need the peer.
    import supervision
    from supervision.detection.compact_mask import CompactMask
    from supervision.detection.utils.iou_and_nms import OverlapMetric, mask_non_max_suppression

    corners = boxes(masks).astype(float)
    corners[:, 2:] += corners[:, :2] - 1
    predictions = np.column_stack([corners, scores])

    def compact() -> object:
        return CompactMask.from_coco_rle(masks, corners, (HEIGHT_PX, WIDTH_PX))

    def suppress(form: object) -> object:
        return mask_non_max_suppression(predictions, form, IOM_THRESHOLD, OverlapMetric.IOS)

    ready, version = compact(), supervision.__version__
    peers: dict[str, Callable[[], object]] = {
        f"supervision {version}, compact masks": lambda: suppress(ready),
        f"supervision {version}, compact masks made from RLE": lambda: suppress(compact()),
    }
    if with_dense:
        dense = np.stack([decode(mask) for mask in masks])
        peers[f"supervision {version}, dense masks"] = lambda: suppress(dense)
    _check_agreement(masks, scores, suppress(ready))
    return peers


def _check_agreement(masks: list[Rle], scores: np.ndarray, kept_by_peer: object) -> None:
    """Ours and the peer must keep the same masks, or the times compare nothing."""
    kept = np.sort(fuse_masks(masks, scores, IOM_THRESHOLD, min_area_px=0).kept)
    # Masks that are kept but wholly covered by others are gone from ours.
    if not set(kept.tolist()) <= set(np.flatnonzero(kept_by_peer).tolist()):
        raise AssertionError("ours and the peer keep different masks")


def _milliseconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started)


def _row(n_masks: int, ours_ms: float, peer: str, peer_ms: float) -> dict[str, object]:
    what = f"fuse {n_masks} masks of a {WIDTH_PX} x {HEIGHT_PX} frame"
    return {
        "what": what,
        "ours": f"{ours_ms:.1f} ms",
        "ours_ms": ours_ms,
        "peer": peer,
        "peer_value": f"{peer_ms:.1f} ms",
        "peer_ms": peer_ms,
        "ratio": peer_ms / ours_ms,
        "goal": ">= 10",
    }


def main() -> None:
    """Print the table."""
    for row in measure(with_dense="--dense" in sys.argv[1:]):
        sys.stdout.write(
            f"{row['what']}: ours {row['ours']}, {row['peer']} {row['peer_value']}, {row['ratio']:.1f} times\n"
        )


if __name__ == "__main__":
    main()
