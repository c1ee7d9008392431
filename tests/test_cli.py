"""The command line: verbs, help, examples, exit codes, what programs read, and how quickly it answers."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remots.cli import VERBS_BY_STEP, main, parser_of
from tests.verb_examples import example_of

VERBS = [verb for verbs in VERBS_BY_STEP.values() for verb in verbs]
COMMANDS = Path(__file__).parents[1] / "remots" / "commands"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"remots {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example_that_its_flags_accept(verb: str) -> None:
    words = example_of(verb)
    assert words[:2] == ["remots", verb], f"the docstring of {verb} needs a line '    remots {verb} …'"
    parser_of(verb).parse_args(words[2:])


def test_the_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "exit codes: 0 done; 2 bad input" in capsys.readouterr().out


def test_every_verb_stands_in_the_overview_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for verb in VERBS:
        assert [line for line in lines if line.startswith(f"  {verb} ") and len(line) > 25], verb


def test_every_module_of_commands_is_a_verb() -> None:
    modules = {path.stem.replace("_", "-") for path in COMMANDS.glob("*.py")} - {"--init--", "settings-flags"}
    assert modules == set(VERBS)


def test_an_unknown_verb_is_refused_with_the_verbs_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mrege"]) == 2
    error = capsys.readouterr().err
    assert "unknown verb 'mrege'" in error
    assert "merge" in error


def test_a_missing_file_is_one_line_and_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sequence.json"
    assert main(["probe", str(tmp_path / "no.mp4"), "--name", "a", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no.mp4" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("initialise", "train", "embed")])
def test_a_verb_that_needs_no_network_does_not_import_torch(verb: str) -> None:
    module = f"remots.commands.{verb.replace('-', '_')}"
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def closing_line(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """Run a verb with --json; standard output must be one line of JSON."""
    code = main([*words, "--json"])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    line: dict[str, object] = json.loads(out)
    assert line["exit_code"] == code
    assert line["verb"] == words[0]
    return line


TINY = ["--name", "tiny", "--n-frames", "2", "--height-px", "64", "--width-px", "64", "--n-people", "4"]


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_json_names_the_files_that_a_verb_wrote_and_its_last_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: list[str]
) -> None:
    line = closing_line(capsys, "render", "--out-dir", str(tmp_path / "scene"), *TINY, *quiet)
    assert line["exit_code"] == 0
    assert [Path(name).name for name in line["outputs"]] == [
        *("detections_a.json", "detections_b.json", "frames.mp4", "truth.txt")
    ]
    assert "2 frames" in str(line["summary"])
    assert line["error"] is None
    time.sleep(0.05)  # what is written just before the verb counts as its own
    probed = closing_line(
        capsys, "probe", str(tmp_path / "scene" / "frames.mp4"), "--name", "a", "--out", str(tmp_path / "sequence.json")
    )
    assert probed["outputs"] == [str(tmp_path / "sequence.json")]


def test_json_holds_the_error_that_is_also_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["probe", str(tmp_path / "no.mp4"), "--name", "a", "--out", str(tmp_path / "s.json"), "--json"])
    out, err = capsys.readouterr()
    line = json.loads(out)
    assert code == line["exit_code"] == 2
    assert "no.mp4" in line["error"]
    assert err == f"remots probe: error: {line['error']}\n"
    assert line["outputs"] == []


def test_json_says_so_where_the_usage_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert "wrong usage" in str(closing_line(capsys, "fuse")["error"])


def test_json_holds_what_a_verb_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sequences:" in str(closing_line(capsys, "config")["text"])


def test_quiet_leaves_standard_error_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--out-dir", str(tmp_path), *TINY, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_an_interrupted_verb_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    from remots.commands import config

    def interrupted(_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config, "run", interrupted)
    assert main(["config"]) == 130


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_knows_every_verb_and_is_accepted_by_it(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert [verb for verb in VERBS if verb not in script.read_text()] == []
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("remots thr", {"threshold-short", "threshold-merge"}), ("remots fuse --overlap-m", {"--overlap-metric"})],
)
def test_bash_completes_verbs_and_flags(
    typed: str, offered: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    words = typed.split()
    program = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; COMP_LINE='{typed}'; _shtab_remots remots"
    program += f" {words[-1]} {words[-2]}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{program}"],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered
