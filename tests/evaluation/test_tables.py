import pytest

from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise
from remots.evaluation.tables import format_cells, header, tabulate_results, to_markdown


def raw_of(scene, n_frames: int):
    frames = [LabelledMasks([1, 2], [2, 2], [f["a"], f["b"]]) for f in (scene[0], scene[1])] * n_frames
    return evaluate_sequence((n, frame, frame) for n, frame in enumerate(frames, start=1))


def test_the_table_has_a_row_a_sequence_and_a_combined_row(two_people):
    raw = raw_of(two_people, 3)
    table = tabulate_results([("street", raw), ("square", raw)])
    assert list(table["sequence"]) == ["street", "square", "combined"]
    assert list(table.columns)[:8] == ["sequence", "sMOTSA", "IDF1", "MOTSA", "MOTSP", "MODSA", "MT", "ML"]
    assert list(table.columns)[8:] == ["HOTA", "DetA", "AssA", "IDS"]
    assert list(table["MT"]) == [2, 2, 4]
    assert dict(table.iloc[0].drop("sequence")) == summarise(raw)


def test_an_empty_table_has_its_header():
    table = tabulate_results([])
    assert len(table) == 0
    assert len(table.columns) == 12
    assert len(to_markdown(table).splitlines()) == 2


def test_a_sequence_given_twice_is_refused(two_people):
    raw = raw_of(two_people, 1)
    with pytest.raises(ValueError, match="sequence street is given twice"):
        tabulate_results([("street", raw), ("street", raw)])


def test_ratios_have_one_decimal_and_counts_none(two_people):
    cells = format_cells(tabulate_results([("street", raw_of(two_people, 1))]))
    assert cells[0] == ["street", *["100.0"] * 5, "2", "0", *["100.0"] * 3, "0"]


def test_markdown_lines_up(two_people):
    lines = to_markdown(tabulate_results([("a-rather-long-name", raw_of(two_people, 1))])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len({line.count("|") for line in lines}) == 1
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == header()
    assert lines[1].startswith("| ---")
    assert "---: |" in lines[1]
