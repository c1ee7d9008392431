"""`remots threshold-merge`, through the command line."""

import numpy as np
import pytest

from tests.commands.test_threshold_short import normal, threshold_of, write
from tests.commands.walkers import only_error_line, run_until, run_verb, write_walkers

FILES = {"histograms": "histograms.npz", "out": "threshold.json"}
PAPER = ("--rule", "crossing")
OF_WALKERS = {
    "histograms": "histograms_inter.npz",
    "short_tracklets": "short_tracklets.parquet",
    "features": "features.npy",
    "masks": "masks.parquet",
    "sequence": "sequence.json",
    "out": "threshold.json",
}


def test_the_threshold_is_where_the_histograms_cross(tmp_path, capsys):
    write(tmp_path, normal(0.4, 0.08), normal(0.8, 0.08), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", *PAPER, **FILES) == 0
    found = threshold_of(tmp_path)
    assert found["value"] == pytest.approx(0.6, abs=0.02)
    assert (found["rule"], found["fallback"]) == ("crossing", None)
    assert found["statistics"]["intra_tracklet_n"] == 5000
    assert "crossing:" not in capsys.readouterr().err


def test_a_fallback_is_written_and_warned_of(tmp_path, capsys):
    write(tmp_path, normal(0.8, 0.05), normal(0.4, 0.05), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", *PAPER, **FILES) == 0
    fallback = threshold_of(tmp_path)["fallback"]
    assert "least total error" in fallback
    assert fallback in capsys.readouterr().err


def test_no_pairs_at_all_merge_nothing(tmp_path):
    write(tmp_path, np.zeros(0), np.zeros(0), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", *PAPER, **FILES) == 0
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


def write_broken_walkers(folder):
    """Two walkers who are hidden by turns: four tracklets each or so."""
    hidden = {(frame, person) for person in (0, 1) for frame in range(6 + 3 * person, 60, 8)}
    people = write_walkers(folder, n_frames=60, hidden=hidden, step_px=0.4)
    run_until(folder, "histogram (inter)")
    return people


@pytest.mark.parametrize(("rule", "counts_place"), [("candidates", True), ("candidate_looks", False)])
def test_the_candidates_themselves_give_the_threshold(tmp_path, rule, counts_place):
    write_broken_walkers(tmp_path)
    assert run_verb(tmp_path, "threshold-merge", "--rule", rule, "--min-pairs", "5", **OF_WALKERS) == 0
    found = threshold_of(tmp_path)
    assert (found["rule"], found["fallback"]) == (rule, None)
    assert 0.2 < found["value"] < 0.9  # walkers look 0.0 and 0.95 alike
    assert found["statistics"]["shared_frame_n"] > 5
    assert (found["statistics"]["similarity_per_nat"] > 0) == counts_place


def test_more_candidates_lie_within_a_longer_gap(tmp_path):
    write_broken_walkers(tmp_path)
    n_candidates = []
    for gap in ("4", "40"):
        flags = ("--min-pairs", "5", "--max-gap-frames", gap)
        assert run_verb(tmp_path, "threshold-merge", *flags, **OF_WALKERS) == 0
        n_candidates.append(threshold_of(tmp_path)["statistics"]["candidate_n"])
    assert n_candidates[0] < n_candidates[1]


def test_too_few_candidates_fall_back_to_the_histograms_and_say_so(tmp_path, capsys):
    write_walkers(tmp_path)
    run_until(tmp_path, "histogram (inter)")
    assert run_verb(tmp_path, "threshold-merge", **OF_WALKERS) == 0
    found = threshold_of(tmp_path)
    assert found["rule"] == "candidates"
    assert found["fallback"].startswith("only 0 candidate pairs of tracklets and 1 that share a frame, fewer than 30; ")
    assert found["fallback"] in capsys.readouterr().err


def test_the_default_rule_asks_for_the_tracklets(tmp_path, capsys):
    write(tmp_path, normal(0.4, 0.08), normal(0.8, 0.08), "intra_tracklet")
    assert run_verb(tmp_path, "threshold-merge", **FILES) == 2
    line = only_error_line(capsys, "threshold-merge", tmp_path, "threshold.json")
    needed = "--short-tracklets, --features, --masks and --sequence"
    assert f"this rule needs {needed}; `--rule crossing` does without" in line
