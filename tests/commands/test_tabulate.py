from pathlib import Path

import pandas as pd
import pytest

from remots.cli import main
from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise
from remots.formats.results.evaluation_file import write_evaluation


@pytest.fixture
def evaluations(tmp_path, two_people) -> list[Path]:
    """Evaluations of two sequences: one perfect, one in which b is never found."""
    both = [LabelledMasks([1, 2], [2, 2], [frame["a"], frame["b"]]) for frame in two_people if "a" in frame]
    only_a = [LabelledMasks([1], [2], [frame["a"]]) for frame in two_people if "a" in frame]
    paths = []
    for name, results in (("street", both), ("square", only_a)):
        frames = enumerate(zip(both, results, strict=True), start=1)
        raw = evaluate_sequence((number, *pair) for number, pair in frames)
        paths.append(tmp_path / name / "evaluation.json")
        write_evaluation(paths[-1], name, summarise(raw), raw)
    return paths


def tabulate(folder: Path, *evaluations: Path) -> int:
    words = [*map(str, evaluations), "--csv", str(folder / "metrics.csv"), "--markdown", str(folder / "metrics.md")]
    return main(["tabulate", *words])


def test_the_table_ends_with_the_combination_of_all_sequences(evaluations, tmp_path, capsys):
    assert tabulate(tmp_path, *evaluations) == 0
    table = pd.read_csv(tmp_path / "metrics.csv").set_index("sequence")
    assert list(table.index) == ["street", "square", "combined"]
    assert list(table["MOTSA"]) == [100, 50, 75]
    assert list(table["MT"]) == [2, 1, 3]
    assert list(table["ML"]) == [0, 1, 1]
    assert table.loc["combined", "IDF1"] == pytest.approx(100 * 12 / (12 + 0.5 * 4), abs=1e-4)
    screen = capsys.readouterr().out
    for text in ("sMOTSA", "HOTA", "street", "combined", "75.0"):
        assert text in screen
        assert text in (tmp_path / "metrics.md").read_text()


def test_the_same_evaluations_give_the_same_bytes(evaluations, tmp_path):
    contents = []
    for _ in range(2):
        assert tabulate(tmp_path, *evaluations) == 0
        contents.append([(tmp_path / name).read_bytes() for name in ("metrics.csv", "metrics.md")])
    assert contents[0] == contents[1]


def test_without_files_to_write_the_table_is_only_shown(evaluations, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert main(["tabulate", *map(str, evaluations)]) == 0
    assert "combined" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_without_evaluations_the_table_has_only_its_header(tmp_path, capsys):
    assert tabulate(tmp_path) == 0
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert len(table) == 0
    assert list(table.columns)[:3] == ["sequence", "sMOTSA", "IDF1"]
    assert "no evaluation was given" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sequence": "x", "raw": {}}', '{"sequence": "x", "raw": 3}'])
def test_what_is_no_evaluation_is_refused(tmp_path, capsys, content):
    (tmp_path / "evaluation.json").write_text(content)
    assert tabulate(tmp_path, tmp_path / "evaluation.json") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "evaluation.json" in line
    assert not (tmp_path / "metrics.csv").exists()
    assert not (tmp_path / "metrics.md").exists()


def test_a_missing_evaluation_is_named(tmp_path, capsys):
    assert tabulate(tmp_path, tmp_path / "evaluation.json") == 2
    assert "evaluation.json: no such file; make it with `remots evaluate`" in capsys.readouterr().err


def test_a_sequence_given_twice_is_refused(evaluations, tmp_path, capsys):
    assert tabulate(tmp_path, evaluations[0], evaluations[0]) == 2
    assert "sequence street is given twice" in capsys.readouterr().err
