import xml.etree.ElementTree as ET

import matplotlib as mpl
import pandas as pd
import pytest

from remots.report.ablation_figure import draw_ablation
from remots.report.figures import save_figure


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("flow", "fast", "street", 0.0, 0.0),
        ("flow", "fast", "square", 0.0, 0.0),
        ("flow", "slow", "street", 3.0, -1.0),
        ("flow", "slow", "square", 1.0, -2.0),
        ("crops", "box", "street", -30.0, -20.5),
        ("crops", "box", "square", -10.0, -0.5),
    ]
    return pd.DataFrame(rows, columns=["group", "variant", "sequence", "IDF1_difference", "HOTA_difference"])


@pytest.fixture
def means(table) -> pd.DataFrame:
    found = table.groupby(["group", "variant"], sort=False).mean(numeric_only=True).reset_index()
    return found.assign(
        label=["fast (default)", "slow", "box"], is_default=[True, False, False], wins=[False, True, False]
    )


def texts(figure) -> list[str]:
    return [text.get_text() for part in (figure, *figure.axes) for text in part.texts]


def test_every_variant_has_a_dot_a_sequence_and_a_bar_at_their_mean(table, means):
    figure = draw_ablation(table, means, ("IDF1", "HOTA"))
    for axes, column in zip(figure.axes, ("IDF1_difference", "HOTA_difference"), strict=True):
        dots = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
        assert dots == [tuple(table[column][2:4]), tuple(table[column][4:6])]
        bars = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
        assert bars == list(means[column])
        assert [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o"] == sorted(
            line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o"
        )


def test_the_figure_names_groups_variants_sequences_and_means(table, means):
    said = texts(draw_ablation(table, means, ("IDF1", "HOTA")))
    for words in ("flow", "crops", "fast (default)", "slow", "box", "+2.0", "-20.0", "-1.5", "-10.5"):
        assert words in said
    assert any("street, square" in words for words in said)


def test_text_stays_inside_the_figure(table, means):
    means["label"] = ["a label as long as it gets (best of 9, chosen with the truth)", "slow", "box"]
    figure = draw_ablation(table, means, ("IDF1", "HOTA"))
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 >= figure.bbox.x0
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.bbox.y0
    assert box.y1 <= figure.bbox.y1


def test_the_same_table_gives_the_same_bytes_and_matplotlib_stays_as_it_was(table, means, tmp_path):
    before, contents = dict(mpl.rcParams), []
    for name in ("first", "second"):
        save_figure(draw_ablation(table, means, ("IDF1",)), tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
        contents.append([(tmp_path / f"{name}{suffix}").read_bytes() for suffix in (".png", ".svg")])
    assert contents[0] == contents[1]
    assert ET.fromstring(contents[0][1]).tag.endswith("svg")  # noqa: S314 (our own file)
    assert dict(mpl.rcParams) == before
