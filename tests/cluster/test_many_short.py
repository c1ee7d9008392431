"""Many short sequences: the cluster's queue sees far fewer jobs than there are steps."""

from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster, ClusterWorkplace, Run
from tests.cluster.short_sequences import PROFILE, count_planned, make_short_sequences

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def test_short_sequences_share_jobs_of_the_cluster(cluster: Cluster, short_sequences_run: Run) -> None:
    output = short_sequences_run.end()
    folder = short_sequences_run.workplace.folder
    assert len(list(folder.glob("results/s*/encoder_intra.safetensors"))) == 4
    jobs = [job for job in cluster.jobs() if job["folder"] == str(folder)]
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    n_steps = 1 + 7 * 4
    assert f"{n_steps} of {n_steps} steps (100%) done" in output
    assert n_steps >= 5 * len(jobs)
    # One step after the other: a job asks for no more cores than one of its steps.
    assert {job["cpus"] for job in jobs if job["node"] == "cpu1"} == {"1"}


def test_the_more_there_are_the_fewer_jobs_of_the_cluster_there_are_for_a_step(tmp_path: Path) -> None:
    workplace = ClusterWorkplace(tmp_path)
    make_short_sequences(workplace, 12)
    done = workplace.run(*PROFILE, "--dry-run")
    n_steps, n_jobs = count_planned(done.stdout + done.stderr)
    assert n_steps == 2 + 21 * 12
    assert n_steps >= 15 * n_jobs
