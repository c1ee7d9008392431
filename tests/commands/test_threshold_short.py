"""`remots threshold-short`, through the command line."""

import json

import numpy as np
import pytest

from remots.formats.results.statistics_files import write_histograms
from remots.statistics.histograms import fill_histogram
from remots.statistics.windows import Window
from tests.commands.walkers import only_error_line, run_verb

FILES = {"histograms": "histograms.npz", "out": "threshold.json"}


def write(folder, different, same, population="sure_link"):
    found = {"intra_frame": fill_histogram([different], 200), population: fill_histogram([same], 200)}
    write_histograms(folder / "histograms.npz", found)


def normal(mean, std, n=5000):
    return np.clip(np.random.default_rng(0).normal(mean, std, n), -1, 1)


def threshold_of(folder):
    return json.loads((folder / "threshold.json").read_text())


def test_the_threshold_file_says_value_rule_and_what_it_is_made_from(tmp_path, capsys):
    different = normal(0.48, 0.09)
    write(tmp_path, different, normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", "--rule", "mean_plus_sigmas", **FILES) == 0
    found = threshold_of(tmp_path)
    assert found["value"] == pytest.approx(different.mean() + 3 * different.std())
    assert (found["rule"], found["fallback"]) == ("mean_plus_sigmas", None)
    assert found["statistics"]["intra_frame_n"] == 5000
    assert list(found) == sorted(found)
    assert "instead" not in capsys.readouterr().err


def test_an_untrained_encoder_makes_it_fall_back_and_say_so(tmp_path, capsys):
    write(tmp_path, normal(0.98, 0.03), normal(0.996, 0.001))
    assert run_verb(tmp_path, "threshold-short", "--rule", "mean_plus_sigmas", **FILES) == 0
    found = threshold_of(tmp_path)
    assert 0.99 < found["value"] < 1
    assert "which no similarity exceeds" in found["fallback"]
    assert found["fallback"] in capsys.readouterr().err


def test_a_threshold_that_cuts_most_sure_links_warns(tmp_path, capsys):
    write(tmp_path, normal(0.5, 0.1), normal(0.76, 0.08))
    assert run_verb(tmp_path, "threshold-short", "--rule", "mean_plus_sigmas", **FILES) == 0
    assert "most sure links are less similar than this" in capsys.readouterr().err


def test_by_default_it_follows_the_sure_links(tmp_path):
    write(tmp_path, normal(0.48, 0.09), normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", **FILES) == 0
    assert threshold_of(tmp_path)["rule"] == "sure_links"


@pytest.mark.parametrize(("rule", "value"), [("sure_links", 0.9 - 1.645 * 0.03), ("quantile", 0.75)])
def test_each_rule_can_be_chosen(tmp_path, rule, value):
    write(tmp_path, normal(0.48, 0.09), normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", "--rule", rule, **FILES) == 0
    assert threshold_of(tmp_path)["rule"] == rule
    assert threshold_of(tmp_path)["value"] == pytest.approx(value, abs=0.02)


def test_a_value_by_hand_and_other_settings_reach_the_rule(tmp_path):
    different = normal(0.48, 0.09)
    write(tmp_path, different, normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", "--value", "0.42", **FILES) == 0
    assert (threshold_of(tmp_path)["value"], threshold_of(tmp_path)["rule"]) == (0.42, "fixed")
    assert run_verb(tmp_path, "threshold-short", "--rule", "mean_plus_sigmas", "--n-sigmas", "2", **FILES) == 0
    assert threshold_of(tmp_path)["value"] == pytest.approx(different.mean() + 2 * different.std())
    assert run_verb(tmp_path, "threshold-short", "--min-pairs", "6000", **FILES) == 0
    assert "fewer than 6000" in threshold_of(tmp_path)["fallback"]


def test_one_person_alone_gives_a_valid_file(tmp_path, capsys):
    write(tmp_path, np.zeros(0), normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", **FILES) == 0
    found = threshold_of(tmp_path)
    assert found["value"] == -1
    assert found["statistics"]["intra_frame_mean"] is None
    assert "nobody shares a frame" in capsys.readouterr().err


def test_a_setting_out_of_range_ends_in_one_line(tmp_path, capsys):
    write(tmp_path, normal(0.48, 0.09), normal(0.9, 0.03))
    assert run_verb(tmp_path, "threshold-short", "--value", "1.5", **FILES) == 2
    assert "--value is 1.5" in only_error_line(capsys, "threshold-short", tmp_path, "threshold.json")


def test_with_windows_a_darker_half_of_the_video_has_a_lower_threshold(tmp_path):
    different, bright, dark = normal(0.2, 0.05), normal(0.9, 0.02), normal(0.7, 0.02)
    halves = [
        Window(first, first + 299, fill_histogram([different], 200), fill_histogram([same], 200))
        for first, same in ((1, bright), (301, dark))
    ]
    found = {
        "intra_frame": fill_histogram([different], 200),
        "sure_link": fill_histogram([np.append(bright, dark)], 200),
    }
    write_histograms(tmp_path / "histograms.npz", found, halves)
    assert run_verb(tmp_path, "threshold-short", "--local", **FILES) == 0
    (early, theta_bright), (late, theta_dark) = threshold_of(tmp_path)["windows"]
    assert (early, late) == (150.5, 450.5)
    assert theta_bright == pytest.approx(0.9 - 1.645 * 0.02, abs=0.01)
    assert theta_dark == pytest.approx(0.7 - 1.645 * 0.02, abs=0.01)
    assert run_verb(tmp_path, "threshold-short", **FILES) == 0
    assert threshold_of(tmp_path)["windows"] == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file; make it with `remots histogram`"), (b"not a zip", "not a file of histograms")],
)
def test_a_missing_or_broken_file_ends_in_one_line(tmp_path, capsys, content, words):
    if content:
        (tmp_path / "histograms.npz").write_bytes(content)
    assert run_verb(tmp_path, "threshold-short", **FILES) == 2
    assert words in only_error_line(capsys, "threshold-short", tmp_path, "threshold.json")


def test_with_the_switch_for_the_paper_it_is_the_paper_s_rule_unless_another_is_given(tmp_path):
    write(tmp_path, normal(0.48, 0.09), normal(0.9, 0.03))
    for words, rule in [([], "mean_plus_sigmas"), (["--rule", "quantile"], "quantile")]:
        assert run_verb(tmp_path, "threshold-short", "--paper", *words, **FILES) == 0
        assert threshold_of(tmp_path)["rule"] == rule
