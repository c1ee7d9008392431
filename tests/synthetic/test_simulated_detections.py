"""Simulated detectors: valid, overlapping, imperfect in the ways and to the degree they are meant to be."""

from typing import Any

import numpy as np
import pytest

from remots.masks.overlap import pairwise_iou
from remots.masks.rle import areas, check_rle, encode
from remots.synthetic.detections import (
    DETECTOR_A,
    DETECTOR_B,
    DetectorStyle,
    SimulatedDetection,
    simulate_detections,
)
from remots.synthetic.scene import RenderedFrame, SceneParameters, render_scene

SIZE = (360, 640)


@pytest.fixture(scope="module")
def street() -> list[RenderedFrame]:
    return list(render_scene(SceneParameters(n_frames=80, n_people=10, seed=1)))


def detect(frame: RenderedFrame, style: DetectorStyle, seed: int = 0) -> list[SimulatedDetection]:
    return simulate_detections(frame.masks, frame.identities, frame.frame, SIZE, style, seed)


def measure(street: list[RenderedFrame], style: DetectorStyle) -> dict[str, Any]:
    """Recall and precision at IoU 0.5, mean IoU of the best match, and each detection's score and IoU."""
    n_true = n_found = 0
    scores, ious = [], []
    for frame in street:
        found = detect(frame, style)
        overlap = pairwise_iou([one.mask for one in found], frame.masks)
        n_true += len(frame.masks)
        n_found += int((overlap.max(axis=0, initial=0) >= 0.5).sum())
        scores += [one.score for one in found]
        ious += overlap.max(axis=1, initial=0).tolist()
    right = np.array(ious) >= 0.5
    return {
        "recall": n_found / n_true,
        "precision": right.mean(),
        "iou": np.array(ious)[right].mean(),
        "correlation": np.corrcoef(scores, ious)[0, 1],
        "per_mask": len(scores) / n_true,
    }


def test_detections_are_valid_masks_with_scores_in_falling_order(street: list[RenderedFrame]) -> None:
    for frame in street[::8]:
        for style in (DETECTOR_A, DETECTOR_B):
            found = detect(frame, style)
            scores = [one.score for one in found]
            assert scores == sorted(scores, reverse=True)
            assert all(0 < score <= 1 for score in scores)
            assert all(area > 0 for area in areas([one.mask for one in found]))
            for one in found:
                assert tuple(check_rle(one.mask)["size"]) == SIZE


def test_the_same_seed_gives_the_same_detections_whatever_was_asked_before(street: list[RenderedFrame]) -> None:
    alone = detect(street[40], DETECTOR_A, seed=7)
    for frame in street[:5]:
        detect(frame, DETECTOR_A, seed=7)
    assert detect(street[40], DETECTOR_A, seed=7) == alone
    assert detect(street[40], DETECTOR_A, seed=8) != alone
    assert detect(street[40], DETECTOR_B, seed=7) != alone


def test_detector_a_finds_more_and_repeats_more_while_b_draws_better(street: list[RenderedFrame]) -> None:
    a, b = measure(street, DETECTOR_A), measure(street, DETECTOR_B)
    assert 0.85 < a["recall"] < 0.99
    assert 0.7 < b["recall"] < a["recall"]
    assert 0.7 < a["iou"] < b["iou"] < 0.95
    assert a["per_mask"] > 1.3 > b["per_mask"] > 0.8
    assert min(a["precision"], b["precision"]) > 0.85
    assert max(a["precision"], b["precision"]) < 1.0


def test_scores_tell_good_masks_from_bad_ones_but_not_perfectly(street: list[RenderedFrame]) -> None:
    for style in (DETECTOR_A, DETECTOR_B):
        assert 0.35 < measure(street, style)["correlation"] < 0.95


def test_detections_overlap_one_another(street: list[RenderedFrame]) -> None:
    masks = [one.mask for one in detect(street[40], DETECTOR_A)]
    assert (np.triu(pairwise_iou(masks, masks), k=1) > 0.5).any()


def test_a_person_is_missed_for_some_frames_in_a_row(street: list[RenderedFrame]) -> None:
    longest = 0
    misses: dict[int, int] = {}
    for frame in street:
        overlap = pairwise_iou([one.mask for one in detect(frame, DETECTOR_B)], frame.masks).max(axis=0, initial=0)
        for who, best in zip(frame.identities, overlap, strict=True):
            misses[who] = misses.get(who, 0) + 1 if best < 0.3 else 0
            longest = max(longest, misses[who])
    assert longest >= 3


def test_a_frame_without_people_has_only_false_detections_with_modest_scores() -> None:
    found = [one for frame in range(1, 200) for one in simulate_detections([], [], frame, SIZE, DETECTOR_A, seed=0)]
    assert 30 < len(found) < 250
    assert max(one.score for one in found) < 0.85


@pytest.mark.parametrize("size", [(16, 16), (33, 65), (64, 20)])
def test_masks_at_the_edge_of_tiny_frames_stay_inside(size: tuple[int, int]) -> None:
    whole = np.zeros(size, bool)
    whole[:, : size[1] // 2] = True
    other = ~whole
    for frame in range(1, 30):
        for one in simulate_detections([encode(whole), encode(other)], [1, 2], frame, size, DETECTOR_A, seed=1):
            assert tuple(check_rle(one.mask)["size"]) == size


def test_two_who_touch_are_at_times_seen_as_one() -> None:
    left, right = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    left[100:200, 300:335] = True
    right[100:200, 335:370] = True
    masks, both = [encode(left), encode(right)], [encode(left | right)]
    n_merged = sum(
        bool((pairwise_iou([one.mask for one in found], both) > 0.75).any())
        for frame in range(1, 100)
        if (found := simulate_detections(masks, [1, 2], frame, SIZE, DETECTOR_A, seed=0))
    )
    assert 5 < n_merged < 50
