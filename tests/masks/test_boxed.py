"""Masks for boxes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.masks.boxed import are_boxes, match_boxes
from remots.masks.rle import encode, encode_runs

boxes = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 9), st.integers(1, 9)), max_size=4
).map(lambda rows: np.array(rows, np.int32).reshape(-1, 4))


def iou(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


@settings(deadline=None, max_examples=150)
@given(boxes, boxes, st.sampled_from([0.1, 0.3, 0.5, 1.0]))
def test_the_choice_has_the_greatest_sum_of_overlaps_that_are_enough(given_boxes, seen, min_iou):
    found = match_boxes(given_boxes, seen, min_iou)
    values = [iou(given_boxes[i].tolist(), seen[j].tolist()) for i, j in enumerate(found.tolist()) if j >= 0]
    assert all(value >= min_iou for value in values)
    assert len(set(found[found >= 0].tolist())) == (found >= 0).sum()
    allowed = [
        [*(j for j in range(len(seen)) if iou(own.tolist(), seen[j].tolist()) >= min_iou), None] for own in given_boxes
    ]
    sums = [
        sum(iou(given_boxes[i].tolist(), seen[j].tolist()) for i, j in enumerate(choice) if j is not None)
        for choice in itertools.product(*allowed)
        if len(set(choice) - {None}) == sum(j is not None for j in choice)
    ]
    assert sum(values) == pytest.approx(max(sums))


def test_a_filled_rectangle_is_a_box_and_any_other_shape_is_not():
    rectangle, corner = np.zeros((2, 8, 9), bool)
    rectangle[2:6, 3:5] = corner[2:6, 3:5] = True
    corner[2, 3] = False
    assert are_boxes([encode(rectangle), encode(corner)]).tolist() == [True, False]
    assert are_boxes([]).tolist() == []
    assert are_boxes([encode_runs([72], (8, 9))]).tolist() == [True]
