"""`snakemake --profile slurm`, as it is typed, on a real SLURM."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cluster.conftest import Cluster, ClusterWorkplace, Run, device
from tests.workflow.conftest import digests

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

ON_GPU = ["train_intra", "train_inter", "embed"]


@pytest.fixture(scope="module")
def through_slurm(whole_run: Run) -> ClusterWorkplace:
    """A workplace in which everything has been made by jobs of the cluster."""
    whole_run.end()
    return whole_run.workplace


def test_the_cluster_s_results_have_the_bytes_of_this_machine_s(
    through_slurm: ClusterWorkplace, finished_here: ClusterWorkplace
) -> None:
    assert digests(through_slurm.folder / "results") == digests(finished_here.folder / "results")


def test_the_short_steps_of_a_sequence_are_one_job_and_the_long_ones_stand_alone(
    cluster: Cluster, through_slurm: ClusterWorkplace
) -> None:
    jobs = [job for job in cluster.jobs() if job["folder"] == str(through_slurm.folder)]
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    n_jobs = {rule: len(cluster.jobs_of(through_slurm, rule)) for rule in ["detect", *ON_GPU]}
    assert n_jobs == {"detect": 3, "train_intra": 2, "train_inter": 2, "embed": 4}
    # Beside these the network at the start, four groups, and the table and the report at the end.
    assert len(jobs) == sum(n_jobs.values()) + 7


def test_every_job_that_wants_a_gpu_has_one_and_the_others_none(
    cluster: Cluster, through_slurm: ClusterWorkplace
) -> None:
    for job in [job for job in cluster.jobs() if job["folder"] == str(through_slurm.folder)]:
        wants = job["rule"].startswith(tuple(f"rule_{rule}" for rule in ON_GPU))
        assert job["node"].startswith("gpu") == wants, job
    for name in ["plaza", "market"]:
        folder = through_slurm.folder / "results" / name / "logs"
        for path in folder.glob("train_*.log"):
            assert device(path) in ("0", "1")
        for path in folder.glob("detect_*.log"):
            assert device(path) == ""


class Use(NamedTuple):
    """A job's use of a GPU."""

    gpu: tuple[str, str]
    start: datetime
    end: datetime


def test_no_two_jobs_have_one_gpu_at_a_time(cluster: Cluster, through_slurm: ClusterWorkplace) -> None:
    uses = sorted(uses_of_gpus(cluster))
    assert len(uses) >= 8
    for first, use in enumerate(uses):
        for other in uses[first + 1 :]:
            assert other.gpu != use.gpu or other.start >= use.end


def uses_of_gpus(cluster: Cluster) -> Iterator[Use]:
    """The GPUs of the jobs of all tests so far, where the log tells which; a job tried again writes a new one."""
    last: dict[Path, dict[str, str]] = {}
    for job in sorted(cluster.jobs(), key=lambda job: int(job["id"])):
        if found := re.fullmatch(r"rule_(train|embed)(_in[a-z]+)?_wildcards__([a-z]+)(_in[a-z]+)?", job["rule"]):
            verb, stage, name, stage_of_embedding = found.groups()
            last[Path(job["folder"], "results", name, f"logs/{verb}{stage or stage_of_embedding}.log")] = job
    for log, job in last.items():
        if job["state"] == "COMPLETED" and log.exists():
            start, end = (datetime.fromisoformat(job[moment]) for moment in ["start", "end"])
            yield Use((job["node"], device(log)), start, end)


def test_two_sequences_train_at_the_same_time_on_two_nodes(cluster: Cluster, through_slurm: ClusterWorkplace) -> None:
    plaza, market = (job_of(cluster, through_slurm, "train_intra", name) for name in ["plaza", "market"])
    assert plaza["node"] != market["node"]
    assert max(plaza["start"], market["start"]) < min(plaza["end"], market["end"])
    # Each has its node's first GPU, and these are two: neither waits for the other, as jobs of one machine would.
    for name in ["plaza", "market"]:
        assert "waits for" not in (through_slurm.folder / f"results/{name}/logs/train_intra.log").read_text()


def job_of(cluster: Cluster, workplace: ClusterWorkplace, rule: str, sequence: str) -> dict[str, str]:
    """The job of a rule and a sequence, by the comment that the plugin gives it."""
    rule, _, stage = rule.partition("_") if rule.startswith("embed") else (rule, "", "")
    (job,) = (
        job
        for job in cluster.jobs_of(workplace, rule)
        if sequence in job["rule"].split("_") and (not stage or stage in job["rule"].split("_"))
    )
    return job
