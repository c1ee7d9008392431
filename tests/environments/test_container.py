"""The container definitions: what can be said of them without a container engine, which builds them nowhere here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / "envs"
STEPS_OF_THE_LOCK = ["--require-hashes", "envs/remots.lock"]


def read_dockerfile():
    """Base image, copied files by folder, and commands of the Dockerfile."""
    text = (ENVIRONMENTS / "Dockerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    words = [line.split() for line in lines]
    copied = {(source, line[-1]) for line in words if line[0] == "COPY" for source in line[1:-1]}
    (run,) = (line.removeprefix("RUN") for line in lines if line.startswith("RUN"))
    (base,) = (line[1] for line in words if line[0] == "FROM")
    return base, copied, [command.strip() for command in run.split(";")]


def read_definition():
    """The same of the Apptainer definition."""
    text = re.sub(r"^#.*\n", "", (ENVIRONMENTS / "remots.def").read_text(), flags=re.MULTILINE)
    head, *sections = re.split(r"^%(\w+)\n", text, flags=re.MULTILINE)
    section = {
        name: [line.strip() for line in body.splitlines() if line.strip()]
        for name, body in zip(sections[::2], sections[1::2], strict=True)
    }
    header = dict(line.split(": ") for line in head.split("\n") if line)
    assert header.pop("Bootstrap") == "docker"
    return header["From"], {tuple(line.split()) for line in section["files"]}, section["post"]


def test_both_definitions_make_the_same_image():
    assert read_dockerfile() == read_definition()


def test_what_they_copy_is_there_and_the_packages_come_from_the_lock():
    _, copied, commands = read_definition()
    for source, _ in copied:
        assert (REPOSITORY / source).exists(), source
    (install,) = (command for command in commands if "requirement" in command)
    assert all(word in install.split() for word in STEPS_OF_THE_LOCK)
    names = {line.partition("==")[0] for line in (ENVIRONMENTS / "remots.lock").read_text().splitlines()}
    assert {"setuptools", "snakemake", "snakemake-executor-plugin-slurm", "torch"} <= names  # setuptools builds ours


def test_the_commands_are_a_shell_s():
    script = "\n".join(read_definition()[2])
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.slow
def test_the_last_step_installs_our_package_from_what_was_copied(tmp_path):
    """The commands before it fetch Debian's and the index's packages, which are here already."""
    _, copied, commands = read_definition()
    for source, folder in copied:
        target = tmp_path / folder.lstrip("/")
        if (REPOSITORY / source).is_dir():
            shutil.copytree(REPOSITORY / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / source, target)
    words = commands[-1].split()
    assert words[0] == "python"
    into = ["--target", str(tmp_path / "installed"), "--quiet"]
    place = tmp_path / "opt" / "remots"
    subprocess.run([sys.executable, *words[1:], *into], cwd=place, check=True, capture_output=True)
    program = "import remots.cli, sys; print(remots.__file__); sys.exit(remots.cli.main(['--help']))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert "provenance" in done.stdout
