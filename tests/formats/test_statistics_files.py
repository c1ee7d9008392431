"""Files of histograms and thresholds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from remots.association.short_term_tracker import Links, summarise_tracklets
from remots.errors import InputError
from remots.formats.results.statistics_files import (
    POPULATIONS,
    read_histograms,
    read_threshold,
    read_windows,
    write_histograms,
    write_summary,
    write_threshold,
)
from remots.statistics.histograms import fill_histogram
from remots.statistics.thresholds import Threshold
from remots.statistics.windows import Window


def three_histograms():
    rng = np.random.default_rng(0)
    return {name: fill_histogram([rng.uniform(-1, 1, 50 * k)], 40) for k, name in enumerate(POPULATIONS)}


def test_histograms_come_back_as_they_were_written(tmp_path):
    written = three_histograms()
    write_histograms(tmp_path / "h.npz", written)
    read = read_histograms(tmp_path / "h.npz")
    assert list(read) == list(POPULATIONS)
    for name, histogram in read.items():
        for field in ("bin_edges", "counts", "fine_counts"):
            assert np.array_equal(getattr(histogram, field), getattr(written[name], field))
        assert histogram.n == written[name].n
        assert histogram.std == pytest.approx(written[name].std, rel=0, nan_ok=True)
    assert np.isnan(read["intra_frame"].mean)


def test_only_the_populations_that_are_needed_are_given(tmp_path):
    write_histograms(tmp_path / "h.npz", three_histograms())
    assert list(read_histograms(tmp_path / "h.npz", "intra_frame", "sure_link")) == ["intra_frame", "sure_link"]


def test_a_file_without_a_population_that_is_needed_is_refused(tmp_path):
    write_histograms(tmp_path / "h.npz", {"intra_frame": three_histograms()["intra_frame"]})
    with pytest.raises(InputError, match=r"h.npz: holds no sure_link histogram; make it again with `remots histogram`"):
        read_histograms(tmp_path / "h.npz", "intra_frame", "sure_link")


def test_counts_that_do_not_add_up_are_refused(tmp_path):
    broken = replace(three_histograms()["sure_link"], n=7)
    write_histograms(tmp_path / "h.npz", {"intra_frame": broken})
    with pytest.raises(InputError, match="a histogram is broken"):
        read_histograms(tmp_path / "h.npz")


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "h.npz", intra_frame_n=np.array([{}], object))
    with pytest.raises(InputError, match="not a file of histograms"):
        read_histograms(tmp_path / "h.npz")


def test_the_histograms_of_windows_come_back_as_they_were_written(tmp_path):
    found = three_histograms()
    written = [
        Window(1, 90, found["sure_link"], found["intra_tracklet"]),
        Window(91, 180, found["intra_frame"], found["sure_link"]),
    ]
    write_histograms(tmp_path / "h.npz", found, written)
    read = read_windows(tmp_path / "h.npz")
    assert [(each.first_frame, each.last_frame) for each in read] == [(1, 90), (91, 180)]
    for one, other in zip(read, written, strict=True):
        for name in ("intra_frame", "sure_link"):
            mine, theirs = getattr(one, name), getattr(other, name)
            assert np.array_equal(mine.fine_counts, theirs.fine_counts)
            assert (mine.n, mine.mean) == (theirs.n, pytest.approx(theirs.mean, nan_ok=True))
    assert set(read_histograms(tmp_path / "h.npz")) == set(POPULATIONS)


def test_a_broken_window_is_refused(tmp_path):
    found = three_histograms()
    broken = Window(1, 90, replace(found["sure_link"], n=7), found["sure_link"])
    write_histograms(tmp_path / "h.npz", found, [broken])
    with pytest.raises(InputError, match="a window is broken"):
        read_windows(tmp_path / "h.npz")


@pytest.mark.parametrize("windows", [(), ((45.5, 0.7), (135.5, 0.8))])
@pytest.mark.parametrize("fallback", [None, "θ would be 1.07; the quantile instead"])
def test_a_threshold_comes_back_as_it_was_written(tmp_path, fallback, windows):
    threshold = Threshold(0.75, "mean_plus_sigmas", fallback, {"intra_frame_n": 3, "intra_frame_mean": None}, windows)
    write_threshold(tmp_path / "t.json", threshold)
    assert read_threshold(tmp_path / "t.json") == threshold


def test_a_missing_threshold_is_told_how_to_make(tmp_path):
    with pytest.raises(InputError, match=r"t.json: no such file; make it with `remots threshold-short`"):
        read_threshold(tmp_path / "t.json")


def test_the_summary_of_no_tracklets_is_valid_json(tmp_path):
    links = Links(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0), 0)
    summary = summarise_tracklets(np.zeros(0, int), links)
    write_summary(tmp_path / "s.json", summary, Threshold(-1.0, "fixed", None, {}))
    assert json.loads((tmp_path / "s.json").read_text())["n_tracklets"] == 0
