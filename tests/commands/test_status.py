"""The verb status: the table, its folding, what is refused."""

import json
from pathlib import Path

import pytest

from remots.cli import main
from remots.report.progress_table import progress_table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("sequences: sequences.tsv\nresults: out\n")
    Path("words.yaml").write_text("only words")
    Path("sequences.tsv").write_text("sequence\tsplit\tframes\tdetections\na\ttarget\tv.mp4\tmotion\n")
    return tmp_path


def test_a_run_that_has_not_begun_is_a_table_without_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--configfile", "my.yaml"]) == 0
    out = capsys.readouterr().out
    assert "train inter" in out
    assert "0 of 22 jobs done" in out


def test_a_failure_is_shown_with_its_log_and_the_log_s_last_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Path("out/a/logs/probe.log")
    log.parent.mkdir(parents=True)
    log.write_text("remots probe: error: v.mp4: no video\n")
    assert main(["status", "--configfile", "my.yaml"]) == 0
    assert "failed a probe: remots probe: error: v.mp4: no video  (out/a/logs/probe.log)" in capsys.readouterr().out
    assert main(["status", "--configfile", "my.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["jobs"]["a"]["probe"] == {
        "state": "failed",
        "log": "out/a/logs/probe.log",
        "last_line": "remots probe: error: v.mp4: no video",
    }
    assert found["n_jobs"] == {"failed": 1, "waiting": 21}


def test_a_config_is_laid_over_the_one_that_snakemake_reads_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config").mkdir()
    Path("config/config.yaml").write_text("sequences: nowhere.tsv\nresults: elsewhere\n")
    assert main(["status", "--json"]) == 2
    assert "nowhere.tsv" in capsys.readouterr().err
    assert main(["status", "--configfile", "my.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jobs"]["a"]["probe"]["log"] == "out/a/logs/probe.log"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--configfile", "no.yaml"], "no.yaml: no such config file"),
        (["--configfile", "words.yaml"], "words.yaml: holds no settings"),
        (["--configfile", "my.yaml", "--json", "--watch", "1"], "--json prints once; leave out --watch"),
        ([], "config/config.yaml: no such config file"),
    ],
)
def test_bad_input_is_one_line(words: list[str], error: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", *words]) == 2
    shown = capsys.readouterr().err
    assert error in shown
    assert shown.count("\n") == 1


def test_of_many_sequences_those_at_rest_share_a_row() -> None:
    rows = {f"s{number}": {"detect": "done", "fuse": "done" if number < 60 else ""} for number in range(99)}
    rows |= {f"t{number}": {"detect": "", "fuse": "-"} for number in range(7)} | {
        "bad": {"detect": "failed", "fuse": ""}
    }
    folded = progress_table(rows)
    assert folded.row_count == 42
    assert list(folded.columns[0].cells)[-2:] == ["60 that are done", "7 that have not begun"]
    assert "bad" in folded.columns[0].cells
    assert progress_table(rows, show_all=True).row_count == 107
