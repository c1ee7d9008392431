"""The whole demo through `snakemake --sdm conda`, with a stand-in for conda (`conda_standin.py`; it is not conda)."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.environments.conftest import REPOSITORY, CondaStandIn, Run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of the checkout, with the configuration alone."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(REPOSITORY / "config", folder / "config")
    return folder


@pytest.fixture(scope="module")
def demo(conda: CondaStandIn, folder: Path) -> Run:
    """A run of the demo in that folder."""
    return conda.snakemake(folder, "--configfile", "config/demo/config.yaml")


def test_the_demo_makes_its_metrics_in_conda_environments(demo: Run, folder: Path) -> None:
    metrics = pd.read_csv(folder / "results" / "demo" / "metrics.csv", index_col="sequence")
    assert {"plaza", "avenue"} <= set(metrics.index)
    assert (metrics["IDF1"] > 50).all()
    assert "plaza" in (folder / "results" / "demo" / "metrics.md").read_text()


def test_every_job_of_the_demo_ran_with_the_python_of_its_conda_environment(demo: Run, conda: CondaStandIn) -> None:
    n_steps = int(re.findall(r"(\d+) of \1 steps", demo.printed)[-1])
    assert len(demo.verbs) == n_steps - 1  # the target `all` has no command
    assert {prefix.parent for prefix, _ in demo.verbs} == {conda.environments}
