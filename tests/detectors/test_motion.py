"""The motion detector: people before a still camera, against exact truth and on a real video."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from remots.detectors.interface import PEDESTRIAN
from remots.detectors.motion import MotionDetector
from remots.formats.footage.video import iterate_video, to_rgb
from remots.masks.overlap import pairwise_iou
from remots.masks.rle import Rle, areas, boxes, check_rle
from remots.synthetic.scene import RenderedFrame, SceneParameters, render_scene


def recall_and_precision(found: list[list[Rle]], true: list[list[Rle]]) -> tuple[float, float]:
    """At an IoU of 0.5, over all frames."""
    n_right = 0
    for masks, truth in zip(found, true, strict=True):
        n_right += int((pairwise_iou(masks, truth).max(axis=0, initial=0) >= 0.5).sum())
    return n_right / sum(map(len, true)), n_right / sum(map(len, found))


@pytest.fixture(scope="module")
def street() -> list[RenderedFrame]:
    return list(render_scene(SceneParameters(n_frames=120, n_people=4, seed=1)))


@pytest.fixture(scope="module")
def detector(street: list[RenderedFrame]) -> MotionDetector:
    detector = MotionDetector()
    detector.prepare(frame.image for frame in street)
    return detector


def test_it_finds_the_people_of_a_rendered_street_from_the_first_frame_on(
    street: list[RenderedFrame], detector: MotionDetector
) -> None:
    found = [[one.mask for one in detector.detect([frame.image])[0]] for frame in street]
    large = [[m for m in frame.masks if areas([m])[0] > 500] for frame in street]
    recall, _ = recall_and_precision(found, large)
    _, precision = recall_and_precision(found, [frame.masks for frame in street])
    assert recall > 0.7
    assert precision > 0.8
    assert recall_and_precision(found[:10], large[:10])[0] > 0.6


def test_instances_are_valid_pedestrians_with_scores_up_to_one(
    street: list[RenderedFrame], detector: MotionDetector
) -> None:
    for frame in street[::20]:
        for one in detector.detect([frame.image])[0]:
            assert one.class_id == PEDESTRIAN
            assert 0 < one.score <= 1
            assert tuple(check_rle(one.mask)["size"]) == (360, 640)
            assert boxes([one.mask])[0][3] >= 24


def test_an_empty_street_holds_nobody() -> None:
    images = [frame.image for frame in render_scene(SceneParameters(n_frames=40, n_people=0))]
    detector = MotionDetector()
    detector.prepare(images)
    assert [detector.detect([image])[0] for image in images] == [[]] * 40


def test_two_detectors_give_the_same_masks() -> None:
    images = [
        frame.image for frame in render_scene(SceneParameters(n_frames=30, n_people=4, height_px=180, width_px=321))
    ]
    results = []
    for _ in range(2):
        detector = MotionDetector()
        detector.prepare(images)
        results.append([detector.detect([image])[0] for image in images])
    assert results[0] == results[1]


def test_without_preparation_it_starts_with_an_empty_background_and_does_not_crash() -> None:
    detector = MotionDetector()
    detector.prepare([])
    image = np.zeros((64, 48, 3), np.uint8)
    assert all(one.score > 0 for _ in range(3) for one in detector.detect([image])[0])


def test_somebody_who_stands_still_for_a_while_is_still_seen() -> None:
    rng = np.random.default_rng(0)
    empty = rng.integers(60, 200, (120, 160, 3)).astype(np.int16)

    def image(person_at: int | None) -> np.ndarray:
        picture = empty + rng.normal(0, 2, empty.shape).astype(np.int16)
        if person_at is not None:
            picture[40:100, person_at : person_at + 22] = (230, 20, 20)
        return np.clip(picture, 0, 255).astype(np.uint8)

    walk = [*range(0, 60, 3), *[60] * 40, *range(60, 138, 3)]  # stands still for 40 of 86 frames
    detector = MotionDetector()
    detector.prepare([*(image(None) for _ in range(80)), *map(image, walk)])
    assert [len(detector.detect([image(at)])[0]) for at in walk] == [1] * len(walk)


def test_a_moving_camera_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    scene = SceneParameters(n_frames=80, n_people=3, height_px=180, width_px=320, pan=True)
    with caplog.at_level(logging.WARNING):
        MotionDetector().prepare(frame.image for frame in islice(render_scene(scene), 0, None, 4))
    assert "camera moves" in caplog.text


def test_a_camera_that_stands_still_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    scene = SceneParameters(n_frames=80, n_people=12, height_px=180, width_px=320, exposure_drift=0.2)
    with caplog.at_level(logging.WARNING):
        MotionDetector().prepare(frame.image for frame in islice(render_scene(scene), 0, None, 4))
    assert not caplog.records


def test_on_a_real_video_it_agrees_with_the_masks_of_a_network(shared_data: Path) -> None:
    """Vtest, frames 1 to 400; measured on every second one: recall 0.95, precision 0.91."""

    def images(step: int) -> Iterator[np.ndarray]:
        return (to_rgb(frame) for frame in islice(iterate_video(shared_data / "vtest" / "vtest.avi"), 0, 400, step))

    true: list[list[Rle]] = [[] for _ in range(400)]
    for line in (shared_data / "vtest" / "masks.txt").read_text().splitlines():
        frame, _, _, height, width, counts = line.split()
        true[int(frame) - 1].append(Rle(size=(int(height), int(width)), counts=counts.encode()))
    detector = MotionDetector()
    detector.prepare(images(2))
    found = [[one.mask for one in detector.detect([image])[0]] for image in images(8)]
    recall, precision = recall_and_precision(found, true[::8])
    assert recall > 0.9
    assert precision > 0.85
