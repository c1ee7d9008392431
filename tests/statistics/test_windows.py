"""Thresholds that are local in time."""

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.statistics.histograms import fill_histogram
from remots.statistics.thresholds import Threshold, sure_links
from remots.statistics.windows import HALF_TRUSTED_PAIRS, Window, cut_windows, localise

RULE = partial(sure_links, min_pairs=30)


def window(first, same, different=(0.1, 0.3)):
    histograms = (fill_histogram([np.asarray(values, float)], 200) for values in (different, same))
    return Window(first, first + 99, *histograms)


@settings(deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1).map(sorted), st.integers(1, 700))
def test_windows_cover_the_video_without_gap_or_overlap_and_are_about_as_long_as_asked(frames, window_frames):
    windows = cut_windows(np.array(frames), window_frames)
    assert (windows[0][0], windows[-1][1]) == (frames[0], frames[-1])
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(windows))
    lengths = [last - first + 1 for first, last in windows]
    assert max(lengths) - min(lengths) <= 1
    n_frames = frames[-1] - frames[0] + 1
    assert len(windows) == max(1, round(n_frames / window_frames))


def test_a_video_without_masks_has_no_windows():
    assert cut_windows(np.zeros(0, int), 300) == []


def test_each_window_has_its_own_value_pulled_to_the_video_s_as_far_as_it_has_few_links():
    n = HALF_TRUSTED_PAIRS
    whole = Threshold(0.5, "sure_links", None, {})
    local = localise(whole, [window(1, np.full(n, 0.7)), window(101, np.full(3 * n, 0.9))], RULE)
    assert [middle for middle, _ in local.windows] == [50.5, 150.5]
    assert [theta for _, theta in local.windows] == pytest.approx([(0.7 + 0.5) / 2, (3 * 0.9 + 0.5) / 4], abs=1e-3)
    assert (local.value, local.rule) == (0.5, "sure_links")


def test_a_window_in_which_the_rule_falls_back_has_the_video_s_value():
    whole = Threshold(0.5, "sure_links", None, {})
    few, nobody_else = window(1, np.full(29, 0.9)), window(1, np.full(500, 0.9), different=())
    assert [theta for _, theta in localise(whole, [few, nobody_else], RULE).windows] == [0.5, 0.5]


def test_between_the_middles_of_windows_the_threshold_goes_in_a_straight_line():
    threshold = Threshold(0.5, "sure_links", None, {}, ((50.0, 0.4), (150.0, 0.8)))
    assert threshold.at(np.array([1, 50, 100, 150, 400])).tolist() == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.8])


def test_without_windows_it_is_the_same_everywhere():
    assert Threshold(0.5, "fixed", None, {}).at(np.array([1, 9])).tolist() == [0.5, 0.5]
