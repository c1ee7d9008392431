import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from remots.report.figures import coarsen, describe_rule, draw_threshold, save_figure
from remots.statistics.histograms import SimilarityHistogram, fill_histogram
from remots.statistics.thresholds import Threshold, crossing, fixed, mean_plus_sigmas


def histogram(*values: float) -> SimilarityHistogram:
    return fill_histogram([np.array(values)], n_bins=200)


def normal(mean: float, std: float, n: int) -> SimilarityHistogram:
    return fill_histogram([np.random.default_rng(n).normal(mean, std, n)], n_bins=200)


DIFFERENT, SAME, NOBODY = normal(0.45, 0.09, 2000), normal(0.85, 0.05, 900), histogram()


def texts(figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts] + [
        text.get_text() for text in figure.texts
    ]
    found += [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    return "\n".join(found)


def test_figure_four_says_rule_value_and_sample_sizes():
    threshold = mean_plus_sigmas(DIFFERENT, SAME)
    said = texts(draw_threshold("short", {"intra_frame": DIFFERENT, "sure_link": SAME}, threshold, "street"))
    assert "street" in said
    assert f"= {threshold.value:.3f}" in said
    assert "mean + 3 standard deviations of the similarities of different people" in said
    assert "2,000 pairs" in said
    assert "900 pairs" in said
    assert "never linked" in said
    assert "Fallback" not in said


def test_a_fallback_is_said_in_words():
    alike = normal(0.98, 0.03, 400)
    threshold = mean_plus_sigmas(alike, NOBODY)
    assert threshold.fallback
    said = texts(draw_threshold("short", {"intra_frame": alike, "sure_link": NOBODY}, threshold))
    assert f"Fallback: {threshold.fallback}" in said.replace("\n", " ")


def test_figure_five_shows_the_threshold_where_the_histograms_cross():
    threshold = crossing(DIFFERENT, SAME)
    figure = draw_threshold("merge", {"intra_frame": DIFFERENT, "intra_tracklet": SAME}, threshold)
    (axes,) = figure.axes
    verticals = [
        line.get_xdata() for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    ]
    assert [x.tolist() if isinstance(x, np.ndarray) else list(x) for x in verticals] == [[threshold.value] * 2]
    low, high = axes.get_xlim()
    assert low < threshold.value < high
    assert "kept apart" in texts(figure)


def test_populations_that_the_figure_is_not_about_are_left_out():
    figure = draw_threshold("short", {"intra_frame": DIFFERENT, "intra_tracklet": SAME}, fixed(0.5))
    assert "900 pairs" not in texts(figure)


@pytest.mark.parametrize("value", [-1.0, 1.0])
@pytest.mark.parametrize("kind", ["short", "merge"])
@pytest.mark.parametrize("populations", [{}, {"intra_frame": NOBODY}, {"intra_frame": histogram(0.5)}])
def test_nearly_nothing_to_show_is_shown_too(kind, populations, value, tmp_path):
    figure = draw_threshold(kind, populations, fixed(value, **populations))
    save_figure(figure, tmp_path / "a.png", tmp_path / "a.svg")
    assert f"= {value:.3f}" in texts(figure)
    assert ("no pairs" in texts(figure)) == ("1 pair" not in texts(figure))


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    contents = []
    for name in ("first", "second"):
        figure = draw_threshold("merge", {"intra_frame": DIFFERENT, "intra_tracklet": SAME}, crossing(DIFFERENT, SAME))
        save_figure(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
        contents.append([(tmp_path / f"{name}{suffix}").read_bytes() for suffix in (".png", ".svg")])
    assert contents[0] == contents[1]
    assert b"<dc:date>" not in contents[0][1]
    assert ET.fromstring(contents[0][1]).tag.endswith("svg")  # noqa: S314 (our own file)
    with Image.open(tmp_path / "first.png") as image:
        assert image.width > 1000
        assert len(image.getcolors(2**24)) > 50


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(mpl.rcParams)
    draw_threshold("short", {"intra_frame": DIFFERENT}, fixed(0.5))
    assert dict(mpl.rcParams) == before


def test_text_stays_inside_the_figure():
    threshold = Threshold(
        0.72, "sure_links", "only 12 sure links, fewer than 30; " + "a long story told at length " * 8, {}
    )
    for kind in ("short", "merge"):
        for value in (-1.0, 0.72, 1.0):
            marked = Threshold(value, threshold.rule, threshold.fallback, {})
            figure = draw_threshold(kind, {"intra_frame": DIFFERENT, "sure_link": SAME}, marked, "sequence")
            frame = figure.bbox
            box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
            assert box.x0 >= frame.x0
            assert box.x1 <= frame.x1
            assert box.y0 >= frame.y0
            assert box.y1 <= frame.y1


@settings(deadline=None, max_examples=60)
@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=300))
def test_joined_bins_hold_every_pair_and_have_unit_area(values):
    edges, density = coarsen(histogram(*values))
    assert np.sum(density * np.diff(edges)) == pytest.approx(1)
    assert edges[0] <= min(values) + 1e-4
    assert max(values) - 1e-9 <= edges[-1] <= 1 + 1e-9
    assert np.allclose(np.diff(edges), edges[1] - edges[0])


def test_joined_bins_count_as_numpy_does():
    values = np.random.default_rng(0).normal(0.4, 0.1, 5000)
    edges, density = coarsen(histogram(*values))
    expected, _ = np.histogram(values, edges, density=True)
    assert density == pytest.approx(expected, abs=1e-6 + 0.02 * expected.max())


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (mean_plus_sigmas(DIFFERENT, SAME, n_sigmas=2.5), "mean + 2.5 standard deviations"),
        (mean_plus_sigmas(NOBODY, NOBODY), "mean + standard deviations"),
        (Threshold(0.5, "sure_links", None, {}), "sure links"),
        (Threshold(0.5, "quantile", None, {}), "upper quantile"),
        (Threshold(0.5, "crossing", None, {}), "cross"),
        (fixed(0.5), "set by hand"),
        (Threshold(0.5, "a rule of tomorrow", None, {}), "a rule of tomorrow"),
    ],
)
def test_rules_are_named_in_words(threshold, words):
    assert words in describe_rule(threshold)
