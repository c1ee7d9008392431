from pathlib import Path

import pandas as pd
import pytest

from remots.cli import main
from remots.evaluation.metrics import LabelledMasks, evaluate_sequence, summarise
from remots.formats.results.evaluation_file import write_evaluation

OUTPUTS = ["ablation.csv", "ablation.md", "ablation.png", "ablation.svg"]


@pytest.fixture
def results(tmp_path, two_people) -> Path:
    """Evaluations of a street: of the default (b is lost), of `all` and of `nobody`."""
    frames = [frame for frame in two_people if "a" in frame]
    truth = [LabelledMasks([1, 2], [2, 2], [frame["a"], frame["b"]]) for frame in frames]
    for folder, letters in [("results", "a"), ("all", "ab"), ("nobody", "")]:
        found = [LabelledMasks([1, 2][: len(letters)], [2] * len(letters), [f[x] for x in letters]) for f in frames]
        raw = evaluate_sequence((n, *pair) for n, pair in enumerate(zip(truth, found, strict=True), start=1))
        write_evaluation(tmp_path / folder / "street" / "evaluation.json", "street", summarise(raw), raw)
    return tmp_path


def tabulate(results: Path, *variants: tuple[str, str], sequences: tuple[str, ...] = ("street",)) -> int:
    words = ["tabulate-ablation", "--sequences", *sequences, "--default", str(results / "results")]
    for name, folder in variants:
        words += ["--variant", name, str(results / folder)]
    for name in OUTPUTS:
        words += [f"--{Path(name).suffix[1:].replace('md', 'markdown')}", str(results / "out" / name)]
    return main(words)


def test_table_and_figure_are_written_with_the_default_marked(results):
    assert tabulate(results, ("people/usual", "results"), ("people/all", "all"), ("people/none", "nobody")) == 0
    table = pd.read_csv(results / "out" / "ablation.csv").set_index("variant")
    assert list(table.index) == ["usual", "all", "none"]
    assert list(table["is_default"]) == [True, False, False]
    assert table.loc["all", "IDF1_difference"] == pytest.approx(100 - 200 / 3, abs=1e-3)
    assert table.loc["none", "IDF1"] == 0
    markdown = (results / "out" / "ablation.md").read_text()
    assert "usual (default)" in markdown
    assert "**all**" in markdown
    assert all((results / "out" / name).stat().st_size > 100 for name in OUTPUTS)


def test_runs_that_differ_in_their_number_are_one_row_with_the_best_of_them(results):
    assert (
        tabulate(results, ("theta/oracle/1", "nobody"), ("theta/oracle/2", "all"), ("theta/oracle/3", "results")) == 0
    )
    table = pd.read_csv(results / "out" / "ablation.csv").set_index("variant")
    assert list(table.index) == ["default", "oracle"]
    assert table.loc["oracle", "n_runs"] == 3
    assert table.loc["oracle", "IDF1"] == 100


@pytest.mark.parametrize(
    ("variants", "sequences", "message"),
    [
        ([("a/b", "all")], (), "no target sequence has ground truth; fill in the column ground_truth"),
        ([], ("street",), "no variant to compare; `ablation` in the config must name a file of variants"),
        ([("a", "all")], ("street",), "--variant a: name it GROUP/VARIANT, or GROUP/VARIANT/NUMBER"),
        ([("a/b", "all")], ("square",), "square/evaluation.json: no such file; make it with `remots evaluate`"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(results, capsys, variants, sequences, message):
    assert tabulate(results, *variants, sequences=sequences) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (results / "out").exists()
