"""Masks of queries, compared with what transformers itself makes of the same outputs."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

pytest.importorskip("transformers", reason="needs transformers")
from transformers import EomtImageProcessor, Mask2FormerImageProcessor, MaskFormerImageProcessor, RfDetrImageProcessor

from remots.detectors.query_masks import (
    Found,
    blocky_masks,
    choose_pairs,
    choose_queries,
    smooth_masks,
    unpadded_masks,
)
from remots.masks.rle import decode, encode

N_CLASSES = 3
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))


class Outputs:
    """Random outputs of a network: blobs, not noise, and some masks that are empty."""

    def __init__(self, seed: int, n_queries: int) -> None:
        rng = np.random.default_rng(seed)
        coarse = torch.from_numpy(rng.normal(-0.5, 1, (1, n_queries, 4, 5)).astype(np.float32))
        coarse[:, rng.random(n_queries) < 0.3] -= 5
        self.masks = functional.interpolate(coarse, size=(12, 17), mode="bicubic")
        # No two scores alike, so that the order is one and the same.
        self.classes = torch.from_numpy(rng.normal(0, 2, (1, n_queries, N_CLASSES + 1)).astype(np.float32))


outputs = st.builds(Outputs, st.integers(0, 2**32), st.integers(1, 20))
wanted_classes = st.frozensets(st.integers(0, N_CLASSES - 1), min_size=1)


def of_library(post_processed: dict[str, Any], wanted: frozenset[int]) -> list[tuple[Any, float]]:
    """Give what the library found, for the classes wanted, best first."""
    segments = post_processed["segments_info"]
    rows = [row for row, segment in enumerate(segments) if segment["label_id"] in wanted]
    found = [(encode(post_processed["segmentation"][row].numpy() > 0), segments[row]["score"]) for row in rows]
    return sorted(found, key=lambda pair: -pair[1])


def assert_same(ours: list[Found], library: list[tuple[Any, float]]) -> None:
    assert len(ours) == len(library)
    for (mask, score), (its_mask, its_score) in zip(sorted(ours, key=lambda f: -f.score), library, strict=True):
        assert score == pytest.approx(its_score, abs=2e-6)
        assert mask == its_mask


@pytest.mark.parametrize(
    ("processor", "grid"), [(Mask2FormerImageProcessor(), (384, 384)), (MaskFormerImageProcessor(), None)]
)
@given(outputs, wanted_classes, sizes, st.sampled_from([0.0, 0.2]))
@settings(deadline=None, max_examples=40)
def test_blocky_masks_are_those_of_maskformer_s_own_post_processing(
    processor: Any,
    grid: tuple[int, int] | None,
    one: Outputs,
    wanted: frozenset[int],
    size: tuple[int, int],
    min_score: float,
) -> None:
    raw = SimpleNamespace(class_queries_logits=one.classes, masks_queries_logits=one.masks)
    [library] = processor.post_process_instance_segmentation(
        raw, threshold=min_score, target_sizes=[size], return_binary_maps=True
    )
    chosen = choose_pairs(one.classes[0].softmax(dim=-1)[:, :-1], wanted, min_score)
    assert_same(list(blocky_masks(one.masks[0], chosen, min_score, grid, size)), of_library(library, wanted))


@given(outputs, wanted_classes, sizes, st.sampled_from([0.0, 0.4]))
@settings(deadline=None, max_examples=40)
def test_smooth_masks_are_those_of_rf_detr_s_own_post_processing(
    one: Outputs, wanted: frozenset[int], size: tuple[int, int], min_score: float
) -> None:
    raw = SimpleNamespace(logits=one.classes, pred_masks=one.masks)
    [library] = RfDetrImageProcessor().post_process_instance_segmentation(
        raw, threshold=min_score, target_sizes=[size], return_binary_maps=True
    )
    chosen = choose_pairs(one.classes[0].sigmoid(), wanted, min_score)
    assert_same(list(smooth_masks(one.masks[0], chosen, size)), of_library(library, wanted))


def naive_unpadded(one: Outputs, wanted: frozenset[int], size: tuple[int, int], inner: tuple[int, int]) -> list[Found]:
    """One query after the other, in whole frames."""
    found = []
    for mask, classes in zip(one.masks[0], one.classes[0].softmax(dim=-1)[:, :-1], strict=True):
        padded = functional.interpolate(mask[None, None], size=(64, 64), mode="bilinear")
        frame = functional.interpolate(padded[:, :, : inner[0], : inner[1]], size=size, mode="bilinear")[0, 0]
        if (frame > 0).any() and int(classes.argmax()) in wanted:
            probability = float(frame[frame > 0].sigmoid().mean())
            found.append(Found(encode((frame > 0).numpy()), float(classes.max()) * probability))
    return sorted(found, key=lambda f: -f.score)


@given(outputs, wanted_classes, st.sampled_from([(40, 60), (30, 30), (64, 20)]))
@settings(deadline=None, max_examples=40)
def test_unpadded_masks_are_those_of_eomt_before_they_paint_over_each_other(
    one: Outputs, wanted: frozenset[int], size: tuple[int, int]
) -> None:
    inner = tuple(round(side * 64 / max(size)) for side in size)
    chosen = choose_queries(one.classes[0].softmax(dim=-1)[:, :-1], wanted, 0.0)
    ours = list(unpadded_masks(one.masks[0], chosen, 0.0, (64, 64), inner, size))
    assert_same(ours, list(map(tuple, naive_unpadded(one, wanted, size, inner))))


@given(outputs, st.sampled_from([(40, 60), (30, 30), (64, 20)]))
@settings(deadline=None, max_examples=40)
def test_unpadded_masks_painted_one_over_the_other_are_eomt_s_own_map(one: Outputs, size: tuple[int, int]) -> None:
    inner = tuple(round(side * 64 / max(size)) for side in size)
    chosen = choose_queries(one.classes[0].softmax(dim=-1)[:, :-1], frozenset(range(N_CLASSES)), 0.0)
    ours = list(unpadded_masks(one.masks[0], chosen, 0.0, (64, 64), inner, size))
    raw = SimpleNamespace(class_queries_logits=one.classes, masks_queries_logits=one.masks)
    processor = EomtImageProcessor(size={"shortest_edge": 64, "longest_edge": 64})
    [library] = processor.post_process_instance_segmentation(raw, target_sizes=[size], threshold=0.0)
    assert_painted(ours, library["segmentation"], library["segments_info"])


def assert_painted(ours: list[Found], segmentation: Tensor, segments: list[dict[str, Any]]) -> None:
    """Paint our masks in the library's order: that is its map."""
    assert len(ours) == len(segments)
    ranks = np.argsort(np.argsort([-segment["score"] for segment in segments]))
    best_first = sorted(ours, key=lambda f: -f.score)
    painted = np.full(segmentation.shape, -1)
    for segment, rank in zip(segments, ranks, strict=True):
        painted[decode(best_first[rank].mask)] = segment["id"]
    assert np.array_equal(painted, segmentation.numpy())


def test_a_low_class_probability_or_an_unwanted_class_is_never_scaled() -> None:
    probabilities = torch.tensor([[0.9, 0.05], [0.3, 0.6], [0.1, 0.2]])
    chosen = choose_pairs(probabilities, frozenset({0}), 0.5)
    assert chosen.queries.tolist() == [0]
    assert chosen.scores.tolist() == pytest.approx([0.9])
    assert choose_pairs(probabilities, frozenset({0}), 0.0).queries.tolist() == [0, 1]  # as many pairs as queries
    assert choose_queries(probabilities, frozenset({1}), 0.0).queries.tolist() == [1, 2]


def test_no_query_gives_no_masks() -> None:
    chosen = choose_pairs(torch.zeros(0, 2), frozenset({0}), 0.5)
    assert list(blocky_masks(torch.zeros(0, 3, 3), chosen, 0.0, None, (6, 6))) == []
    assert list(smooth_masks(torch.zeros(0, 3, 3), chosen, (6, 6))) == []
