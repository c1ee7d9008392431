"""Classes of sizes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.size_classes import SIZE_CLASSES, classify, join_classes


def test_a_class_goes_from_its_smallest_size_to_the_next():
    assert classify(np.array([1, 2, 3, 4, 7, 8, 99]), SIZE_CLASSES).tolist() == [0, 1, 1, 2, 2, 3, 3]


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(1, 30), max_size=60), st.lists(st.integers(1, 30), max_size=60), st.integers(1, 10))
def test_classes_are_joined_until_each_has_enough_of_both(sizes, other_sizes, min_count):
    both = np.array(sizes, int), np.array(other_sizes, int)
    classes = join_classes(*both, min_count)
    assert classes[0] == 1
    assert set(classes) <= set(SIZE_CLASSES)
    counts = [np.bincount(classify(own, classes), minlength=len(classes)) for own in both]
    assert len(classes) == 1 or np.minimum(*counts).min() >= min_count
    every = [np.bincount(classify(own, SIZE_CLASSES), minlength=4) for own in both]
    assert (classes == SIZE_CLASSES) == (np.minimum(*every).min() >= min_count)
