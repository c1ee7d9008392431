"""Fixtures for what installs: a package index that answers, and a stand-in for conda."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONSTRAINTS = REPOSITORY / "envs" / "constraints.txt"


class Run(NamedTuple):
    """What Snakemake printed, and for each `remots` that its jobs called: sys.prefix of its Python, and its words."""

    printed: str
    verbs: list[tuple[Path, list[str]]]


class CondaStandIn(NamedTuple):
    """Where the stand-in for conda makes its environments, and the variables that let Snakemake find it."""

    environments: Path
    variables: Mapping[str, str]

    def snakemake(self, folder: Path, *options: str | Path) -> Run:
        """Run the workflow of this checkout in another folder, with conda environments."""
        interpreters = folder / "interpreters.txt"
        words = [sys.executable, "-m", "snakemake", "--sdm", "conda", "--conda-prefix", self.environments]
        done = subprocess.run(
            [*words, "--cores", "2", "--show-failed-logs", "--snakefile", REPOSITORY / "Snakefile", *options],
            cwd=folder,
            env={**self.variables, "INTERPRETERS": str(interpreters)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        started = [line.split("\t") for line in interpreters.read_text().splitlines()]
        verbs = [(Path(prefix), words[2:]) for prefix, *words in started if words[:2] == ["-m", "remots"]]
        return Run(done.stdout, verbs)


@pytest.fixture(scope="session")
def package_index() -> None:
    """The package index; the test is skipped where none answers, or where our pins are for another machine."""
    if (sys.platform, platform.machine(), sys.version_info[:2]) != ("linux", "x86_64", (3, 11)):
        pytest.skip("the environments are pinned for Linux x86_64 and Python 3.11")
    ask = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--refresh", "-"]
    if subprocess.run(ask, input="pip", text=True, capture_output=True).returncode:
        pytest.skip("needs a package index, and none answers")


@pytest.fixture(scope="session")
def conda(package_index: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CondaStandIn]:
    """A stand-in for conda with a channel made from this machine's Python; its environments go at the end."""
    from tests.environments import channel, conda_standin

    folder = tmp_path_factory.mktemp("conda")
    root = folder / "root"
    conda_standin.set_up(root)
    channel.make_channel(root / "channels" / "conda-forge", folder / "staging")
    variables = {
        **os.environ,
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_CONSTRAINT": str(CONSTRAINTS),
    }
    yield CondaStandIn(folder / "environments", variables)
    shutil.rmtree(folder, ignore_errors=True)
