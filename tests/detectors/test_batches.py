"""Batches of images, whole and halved, and sequences in parts."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from remots.detectors.batches import detect_frames, split_frames
from remots.detectors.interface import Instance
from remots.masks.rle import encode


class Whole:
    """Finds the whole image, scored by its brightness, and remembers the size of each batch.

    It needs memory as a network does, some for each image: a real array, which numpy refuses where it is too large.
    """

    device = "a test"

    def __init__(self, bytes_an_image: int = 0) -> None:
        self.bytes_an_image = bytes_an_image
        self.batches: list[int] = []

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Do nothing."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        np.empty(len(images) * self.bytes_an_image, np.uint8)
        self.batches.append(len(images))
        return [
            [Instance(encode(np.ones(image.shape[:2], np.bool_)), float(image.mean() + 1) / 256)] for image in images
        ]


def frames(n: int, first: int = 1) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    yield from ((first + i, np.full((2, 3, 3), i % 256, np.uint8)) for i in range(n))


@given(st.integers(0, 20), st.integers(1, 8), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_every_frame_is_detected_in_once_and_in_order_whatever_the_batch(n: int, batch_size: int, first: int) -> None:
    detector = Whole()
    found = list(detect_frames(detector, frames(n, first), batch_size))
    assert [frame for frame, _ in found] == list(range(first, first + n))
    assert [instances[0].score for _, instances in found] == [(i % 256 + 1) / 256 for i in range(n)]
    assert detector.batches == [batch_size] * (n // batch_size) + ([n % batch_size] if n % batch_size else [])


def test_frames_are_read_only_as_they_are_needed() -> None:
    source = frames(10)
    next(iter(detect_frames(Whole(), source, 3)))
    assert next(source)[0] == 4


# No machine has an exabyte: numpy refuses it.
EXABYTE = 2**60


@pytest.mark.parametrize("n", [1, 5])
def test_an_image_that_never_fits_is_an_error_that_says_its_size_and_what_to_try(n: int) -> None:
    with pytest.raises(
        ValueError, match=r"not even one image of 3 x 2 px \(frame 7\) .*memory of a test: make short_s"
    ):
        list(detect_frames(Whole(EXABYTE), frames(n, 7), 4))


def test_other_errors_of_a_detector_are_its_own() -> None:
    class Broken(Whole):
        def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(detect_frames(Broken(), frames(3), 2))


def test_each_halving_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match="not even one image"):
        list(detect_frames(Whole(EXABYTE), frames(8), 6))
    assert [record.getMessage().split(" (Unable")[0] for record in caplog.records] == [
        "out of memory on a test with 6 images at once (from frame 1 on): going on with 3",
        "out of memory on a test with 3 images at once (from frame 1 on): going on with 1",
    ]


# A process of its own, whose memory the system limits: a network of torchvision with a batch of eight does not fit.
LIMITED = """
import ctypes, json, logging, resource, sys, threading, time
import numpy as np, torch
from torchvision.models import get_model
from remots.detectors.batches import detect_frames
from remots.detectors.network import NetworkOptions
from remots.detectors.torchvision import TorchvisionNetwork
from remots.masks.overlap import pairwise_iou

torch.set_num_threads(1)
torch.manual_seed(3)
raw = get_model("maskrcnn_resnet50_fpn", weights=None, weights_backbone=None)
with torch.no_grad():
    raw.roi_heads.box_predictor.cls_score.weight.mul_(0.2)
    raw.roi_heads.box_predictor.cls_score.bias[1] += 3
torch.save(raw.state_dict(), sys.argv[1])
few = ("rpn_post_nms_top_n_test=3", "box_detections_per_img=3")
options = NetworkOptions("maskrcnn_resnet50_fpn", sys.argv[1], min_score=0.0, short_side_px=256, overrides=few)
network = TorchvisionNetwork(options)
del raw
frames = list(enumerate(np.random.default_rng(0).integers(0, 256, (8, 128, 128, 3), np.uint8), start=1))


def used_bytes():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()


def limit(n_bytes):
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))


class Noted:
    # Passes on to the network, and notes the size of each batch that fitted.
    def __init__(self):
        self.device, self.fitted = network.device, []

    def detect(self, images):
        found = network.detect(images)
        self.fitted.append(len(images))
        return found


warnings = []
handler = logging.Handler()
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("remots").addHandler(handler)

one_by_one = list(detect_frames(network, frames, 1))
peaks, done = [], threading.Event()


def watch():
    while not done.wait(0.001):
        peaks.append(used_bytes())


watcher = threading.Thread(target=watch)
watcher.start()
list(detect_frames(network, frames[:4], 4))
done.set()
watcher.join()
noted = Noted()
limit(max(peaks) + 2**25)
limited = list(detect_frames(noted, frames, 8))
ctypes.CDLL(None).malloc_trim(0)
big = [(7, np.zeros((3000, 4000, 3), np.uint8))]
limit(used_bytes() + 2**24)
error = None
try:
    list(detect_frames(network, big, 1))
except ValueError as reason:
    error = str(reason)
limit(resource.RLIM_INFINITY)

ious, differences = [], []
for (frame, alone), (same_frame, together) in zip(one_by_one, limited, strict=True):
    assert frame == same_frame and len(alone) == len(together) > 0
    ious += np.diag(pairwise_iou([i.mask for i in alone], [i.mask for i in together])).tolist()
    differences += [abs(a.score - b.score) for a, b in zip(alone, together)]
said = {"fitted": noted.fitted, "warnings": warnings, "error": error, "peak_mib": (max(peaks) - min(peaks)) / 2**20}
print(json.dumps({**said, "worst_iou": min(ious), "worst_difference": max(differences)}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and measured as Linux does it")
def test_a_batch_for_which_memory_runs_out_is_halved_and_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="needs torchvision")
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "weights.pth")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["warnings"][0].startswith(
        "out of memory on cpu with 8 images at once (from frame 1 on): going on with 4 ("
    )
    assert sum(said["fitted"]) == 8
    # A busy machine lets the watcher miss the peak; then less is allowed, and fits.
    assert set(said["fitted"]) <= {1, 2, 4}
    assert said["fitted"] == sorted(said["fitted"], reverse=True)
    assert len(said["warnings"]) == {4: 1, 2: 2, 1: 3}[min(said["fitted"])]
    assert said["worst_iou"] > 0.99
    assert said["worst_difference"] < 1e-4
    assert said["error"].startswith("not even one image of 4000 x 3000 px (frame 7) fits into the memory of cpu: ")


def test_torch_is_not_imported_for_detectors_that_need_none() -> None:
    script = "import sys, remots.detectors.batches, remots.detectors.mirroring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 12), st.integers(1, 9))
@settings(deadline=None, max_examples=200)
def test_parts_are_a_partition_of_the_frames_and_start_where_a_batch_does(
    first: int, n_frames: int, n_parts: int, batch_size: int
) -> None:
    parts = split_frames(first, first + n_frames - 1, n_parts, batch_size)
    assert len(parts) == n_parts
    assert [frame for part in parts for frame in part] == list(range(first, first + n_frames))
    assert all((part.start - first) % batch_size == 0 for part in parts if len(part))
    n_batches = [-(-len(part) // batch_size) for part in parts]
    assert max(n_batches) - min(n_batches) <= 1


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_parts_are_detected_in_with_the_same_batches_as_the_whole(n: int, n_parts: int, batch_size: int) -> None:
    whole, in_parts = Whole(), Whole()
    found = list(detect_frames(whole, frames(n), batch_size))
    joined = []
    for part in split_frames(1, n, n_parts, batch_size):
        joined += list(detect_frames(in_parts, list(frames(n))[part.start - 1 : part.stop - 1], batch_size))
    assert joined == found
    assert in_parts.batches == whole.batches
