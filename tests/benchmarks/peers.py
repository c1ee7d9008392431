"""Trackers of PyPI's `trackers` on the boxes of given masks: motion only, as they are, at defaults and over a grid."""

import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise
from remots.formats.exchange.evaluated_frames import NO_MASKS
from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.tables import iterate_frames
from remots.masks.rle import Rle, boxes
from tests.benchmarks.tracking_data import Video

PEDESTRIAN = 2
Settings = dict[str, Any]

_BUFFERS = [10, 30, 60]  # frames that a lost track waits; 30 is every peer's default


class Peer(NamedTuple):
    """A tracker: its class in `trackers`, whether it looks at the frames, and what is tried beside its defaults."""

    class_name: str
    sees_frames: bool
    grid: list[list[Settings]]


def _either(**values: list[Any]) -> list[Settings]:
    """Settings that change together: the first value of each, the second of each, …"""
    return [dict(zip(values, chosen, strict=True)) for chosen in zip(*values.values(), strict=True)]


# Of each list the first entry, with a buffer of 30, is the default.
PEERS = {
    "ByteTrack": Peer(
        "ByteTrackTracker",
        False,
        [
            _either(track_activation_threshold=[0.7, 0.0], high_conf_det_threshold=[0.6, 0.0]),
            _either(minimum_iou_threshold=[0.1, 0.01, 0.3]),
            _either(minimum_consecutive_frames=[2, 1]),
            _either(lost_track_buffer=_BUFFERS),
        ],
    ),
    "BoT-SORT": Peer(
        "BoTSORTTracker",
        True,
        [
            _either(track_activation_threshold=[0.7, 0.0], high_conf_det_threshold=[0.6, 0.0]),
            _either(
                minimum_iou_threshold_first_assoc=[0.2, 0.01, 0.1],
                minimum_iou_threshold_second_assoc=[0.5, 0.1, 0.3],
                minimum_iou_threshold_unconfirmed_assoc=[0.3, 0.01, 0.1],
            ),
            _either(minimum_consecutive_frames=[2, 1]),
            _either(lost_track_buffer=_BUFFERS),
        ],
    ),
    "OC-SORT": Peer(
        "OCSORTTracker",
        False,
        [
            _either(high_conf_det_threshold=[0.6, 0.0]),
            _either(minimum_iou_threshold=[0.3, 0.01, 0.1]),
            _either(minimum_consecutive_frames=[3, 1]),
            _either(lost_track_buffer=_BUFFERS),
        ],
    ),
}


class _Frame(NamedTuple):
    number: int
    masks: list[Rle]
    xyxy: np.ndarray
    scores: np.ndarray
    truth: LabelledMasks


def describe_package() -> str:
    """Name and version of the package that the peers are from."""
    try:
        return f"trackers {version('trackers')}"
    except PackageNotFoundError:
        raise SystemExit("the peers are missing: pip install 'trackers>=2.6', or the extra `benchmark`") from None


def track_with_peer(name: str, video: Video) -> dict[str, dict[str, Any]]:
    """Run a peer at its defaults and over its grid; gives the metrics at its defaults and at its best.

    The best is that of the greatest IDF1 + HOTA on this very video, so chosen with the truth; ``settings`` says which.
    """
    peer = PEERS[name]
    frames = list(read_frames(video))
    sequence = read_sequence(video.sequence)
    images = [image[..., ::-1] for _, image in iterate_images(sequence)] if peer.sees_frames else [None] * len(frames)
    default = _run(peer, {}, frames, images, video.unlabelled) | {"settings": {}}
    best = default
    for chosen in product(*peer.grid):
        settings = {key: value for part in chosen for key, value in part.items()}
        found = _run(peer, settings, frames, images, video.unlabelled) | {"settings": settings}
        if found["IDF1"] + found["HOTA"] > best["IDF1"] + best["HOTA"]:
            best = found
    return {"default": default, "best": best}


def read_frames(video: Video) -> Iterator[_Frame]:
    """Read the masks of each frame with their boxes, scores and truth."""
    sequence = read_sequence(video.sequence)
    size = (sequence.height_px, sequence.width_px)
    found = fill_frames(iterate_frames(video.masks, "masks"), sequence, None)
    truths = fill_frames(iterate_frames(video.truth, "truth"), sequence, None)
    numbers = range(sequence.first_frame, sequence.last_frame + 1)
    for number, own, true in zip(numbers, found, truths, strict=True):
        masks = [] if own is None else [Rle(size=size, counts=counts) for counts in own["rle"]]
        box = boxes(masks).astype(float)
        box[:, 2:] += box[:, :2]
        scores = np.zeros(0) if own is None else own["score"].astype(float)
        truth = NO_MASKS
        if true is not None:
            rles = [Rle(size=size, counts=counts) for counts in true["rle"]]
            truth = LabelledMasks(true["identity"].astype(np.int64), true["class_id"], rles)
        yield _Frame(number, masks, box, scores, truth)


def _run(peer: Peer, settings: Settings, frames: list[_Frame], images: list[Any], unlabelled: Any) -> dict[str, Any]:
    start = time.process_time()
    identities = identify(peer, settings, frames, images)
    seconds = round(time.process_time() - start, 2)
    results = ((frame.number, frame.truth, _label(frame, ids)) for frame, ids in zip(frames, identities, strict=True))
    return summarise(evaluate_sequence(results, PEDESTRIAN, unlabelled)) | {"seconds": seconds}


def identify(peer: Peer, settings: Settings, frames: list[_Frame], images: list[Any]) -> list[np.ndarray]:
    """Give each mask of each frame the identity of its box, from 0; -1 where the tracker gives none."""
    import supervision
    import trackers

    make: Callable[..., Any] = getattr(trackers, peer.class_name)
    tracker = make(**settings)
    identities = []
    for frame, image in zip(frames, images, strict=True):
        detections = supervision.Detections(
            frame.xyxy, confidence=frame.scores, data={"mask": np.arange(len(frame.masks))}
        )
        found = tracker.update(detections, image) if peer.sees_frames else tracker.update(detections)
        ids = np.full(len(frame.masks), -1)
        if len(found):
            ids[found.data["mask"]] = found.tracker_id
        identities.append(ids)
    return identities


def _label(frame: _Frame, ids: np.ndarray) -> LabelledMasks:
    """The masks that have an identity."""
    kept = np.flatnonzero(ids >= 0).tolist()
    return LabelledMasks(ids[kept] + 1, [PEDESTRIAN] * len(kept), [frame.masks[i] for i in kept])
