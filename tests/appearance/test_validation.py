import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.appearance.sampling import Batch
from remots.appearance.validation import area_under_curve, batch_area_under_curve, has_settled

similarities = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=8)


@settings(deadline=None, max_examples=80)
@given(same=similarities, different=similarities)
def test_the_area_is_the_share_of_comparisons_that_are_right(same, different):
    wins = [(a > b) + 0.5 * (a == b) for a in same for b in different]
    assert area_under_curve(np.array(same), np.array(different)) == pytest.approx(np.mean(wins))
    assert area_under_curve(np.array(different), np.array(same)) == pytest.approx(1 - np.mean(wins))


def test_without_pairs_of_either_kind_there_is_no_area():
    assert np.isnan(area_under_curve(np.zeros(0), np.ones(3)))
    assert np.isnan(area_under_curve(np.ones(3), np.zeros(0)))


def batch(labels, groups):
    n = len(labels)
    zeros = np.zeros(n, np.int64)
    return Batch(zeros, np.arange(n), np.array(labels), np.array(groups), zeros.astype(bool), zeros - 1)


def test_pairs_of_two_groups_do_not_count():
    features = np.array([[1.0, 0], [5, 0], [0, 2], [0, 1], [1, 0], [1, 0.1]])
    one = batch([0, 0, 1, 1, 2, 3], [0, 0, 0, 0, 1, 1])  # 4 and 5 look alike and are different
    assert batch_area_under_curve(features[:4], batch([0, 0, 1, 1], [0] * 4)) == 1.0
    different = [0.0] * 4 + [1 / np.sqrt(1.01)]
    assert batch_area_under_curve(features, one) == area_under_curve(np.ones(2), np.array(different))


def test_a_training_settles_when_the_last_evaluations_bring_nothing():
    rising = np.array([0.5, 0.6, 0.7, 0.8])
    assert not has_settled(rising, 2)
    assert has_settled(np.append(rising, [0.8, 0.8005]), 2)
    assert not has_settled(np.append(rising, [0.8, 0.82]), 2)
    assert has_settled(np.array([0.9, 0.8, 0.85]), 2)  # never better than before the training
    assert not has_settled(np.array([0.9, 0.8]), 2)
    assert not has_settled(np.array([0.9] * 50), 0)
    assert not has_settled(np.zeros(0), 3)
