"""The command line: verbs, help, exit codes, and how quickly it answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from remots.cli import VERBS_BY_STEP, main

VERBS = [verb for verbs in VERBS_BY_STEP.values() for verb in verbs]
COMMANDS = Path(__file__).parents[1] / "remots" / "commands"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"remots {verb}" in capsys.readouterr().out


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
