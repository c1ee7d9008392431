"""`remots threshold-merge`, through the command line."""

import numpy as np
import pytest

from tests.commands.test_threshold_short import normal, threshold_of, write
from tests.commands.walkers import only_error_line, run_verb

FILES = {"histograms": "histograms.npz", "out": "threshold.json"}


def test_the_threshold_is_where_the_histograms_cross(tmp_path, capsys):
    write(tmp_path, normal(0.4, 0.08), normal(0.8, 0.08), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", **FILES) == 0
    found = threshold_of(tmp_path)
    assert found["value"] == pytest.approx(0.6, abs=0.02)
    assert (found["rule"], found["fallback"]) == ("crossing", None)
    assert found["statistics"]["intra_tracklet_n"] == 5000
    assert "crossing:" not in capsys.readouterr().err


def test_a_fallback_is_written_and_warned_of(tmp_path, capsys):
    write(tmp_path, normal(0.8, 0.05), normal(0.4, 0.05), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", **FILES) == 0
    fallback = threshold_of(tmp_path)["fallback"]
    assert "least total error" in fallback
    assert fallback in capsys.readouterr().err


def test_no_pairs_at_all_merge_nothing(tmp_path):
    write(tmp_path, np.zeros(0), np.zeros(0), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", **FILES) == 0
    assert threshold_of(tmp_path)["value"] == 1


def test_a_value_by_hand_is_taken(tmp_path):
    write(tmp_path, normal(0.4, 0.08), normal(0.8, 0.08), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", "--value", "-0.5", **FILES) == 0
    assert (threshold_of(tmp_path)["value"], threshold_of(tmp_path)["rule"]) == (-0.5, "fixed")


def test_histograms_made_without_short_tracklets_end_in_one_line(tmp_path, capsys):
    write(tmp_path, normal(0.4, 0.08), normal(0.8, 0.08))
    assert run_verb(tmp_path, "threshold-merge", **FILES) == 2
    line = only_error_line(capsys, "threshold-merge", tmp_path, "threshold.json")
    assert "holds no intra_tracklet histogram; make it again with `remots histogram --short-tracklets`" in line
