import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from remots.report.figures import draw_threshold
from remots.report.themed_svg import ON_DARK, to_themed_svg
from remots.report.threshold_words import describe_threshold
from remots.report.training_figure import describe_training, draw_training
from remots.statistics.histograms import fill_histogram
from remots.statistics.thresholds import Threshold


def normal(mean, n):
    return fill_histogram([np.random.default_rng(n).normal(mean, 0.05, n)], n_bins=200)


HISTOGRAMS = {"intra_frame": normal(0.4, 2000), "intra_tracklet": normal(0.8, 900)}
THRESHOLD = Threshold(0.6, "crossing", None, {"candidate_n": 1234})
LOG = pd.DataFrame({"step": range(60), "loss": np.linspace(1, 0.5, 60), "auc": [np.nan] * 59 + [0.9]})


@pytest.fixture(params=["threshold", "training"])
def figure(request):
    if request.param == "threshold":
        return draw_threshold("merge", HISTOGRAMS, THRESHOLD, "street")
    return draw_training({"intra": LOG, "inter": LOG.head(0)})


def test_every_colour_of_the_house_follows_the_reader_s_choice(figure):
    svg = to_themed_svg(figure).decode()
    ET.fromstring(svg)  # noqa: S314 - our own
    drawn, themes = re.sub(r"<style.*?</style>", "", svg, flags=re.S), re.search(r"<style.*?</style>", svg, re.S)[0]
    assert not [colour for colour in ON_DARK if colour.lower() in drawn]
    assert "prefers-color-scheme:dark" in themes
    for name in set(re.findall(r"var\((--c\w+)\)", drawn)):
        assert themes.count(f"{name}:") == 2, name


def test_it_asks_for_nothing_from_elsewhere_and_two_runs_give_the_same_bytes(figure):
    svg = to_themed_svg(figure)
    assert to_themed_svg(figure) == svg
    links = re.findall(rb'(?:href|src)="([^"]*)"', svg)
    assert all(link.startswith((b"#", b"data:")) for link in links)
    assert b"@import" not in svg


def test_the_page_says_the_title_so_the_figure_does_not():
    svg = to_themed_svg(draw_threshold("merge", HISTOGRAMS, THRESHOLD, "street"))
    assert b"street" not in svg
    assert b"2,000 pairs" in svg


def test_a_threshold_is_said_in_words_with_its_samples():
    said = describe_threshold("merge", HISTOGRAMS, THRESHOLD)
    assert said["value"] == 0.6
    assert said["fallback"] is None
    assert "cross (paper 2.5)" in said["rule"]
    assert any(line.startswith("2,000 pairs of different people") for line in said["samples"])
    assert any(line.startswith("1,234 pairs of short tracklets") for line in said["samples"])


def test_a_fallback_and_samples_that_are_missing_are_said():
    nobody = {"intra_frame": fill_histogram([np.zeros(0)], n_bins=200)}
    said = describe_threshold(
        "short", nobody, Threshold(-1.0, "sure_links", "no pairs at all", {}, ((5, 0.2), (9, 0.4)))
    )
    assert said["fallback"] == "no pairs at all"
    assert said["samples"][0].startswith("no pair of different people")
    assert "2 windows of time" in said["samples"][-1]


def test_a_training_is_said_in_words_and_so_is_one_that_was_left_out():
    said = describe_training({"intra": LOG, "inter": LOG.head(0)})
    assert said[0].startswith("The intra-frame training took 60 steps; the loss went from 0.98")
    assert "0.900" in said[0]
    assert said[1] == "The inter-short-tracklet training was left out."
    assert describe_training({}) == []
