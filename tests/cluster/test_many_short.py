"""Many short sequences: the cluster's queue sees far fewer jobs than there are steps."""

import shutil
from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster, ClusterWorkplace
from tests.workflow.conftest import HEADER

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

N_SEQUENCES = 20
STEPS = {"probe": 1, "detect": 2, "fuse": 1}  # of each, up to its masks


def test_many_short_sequences_share_jobs_of_the_cluster(
    cluster: Cluster, finished_here: ClusterWorkplace, tmp_path: Path
) -> None:
    workplace = ClusterWorkplace(tmp_path)
    shutil.copytree(finished_here.folder / "results/scenes/plaza", tmp_path / "plaza")
    files = "plaza/frames.mp4\tplaza/detections_a.json,plaza/detections_b.json\t"
    rows = (f"s{number}\ttarget\t{files}\t{1 + number % 10}\t{4 + number % 10}\n" for number in range(N_SEQUENCES))
    workplace.sheet = HEADER + "".join(rows)
    workplace.write()
    targets = [f"results/s{number}/masks.parquet" for number in range(N_SEQUENCES)]
    # The nodes here have four cores.
    workplace.start("--workflow-profile", "profiles/many_short", "--cores", "4", "--", *targets).end()
    assert all((tmp_path / target).exists() for target in targets)
    jobs = [job for job in cluster.jobs() if job["folder"] == str(tmp_path)]
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    assert len(jobs) == 1 + 2 + 1  # 20 sequences and 40 detections, 20 in a job
    assert N_SEQUENCES * sum(STEPS.values()) >= 5 * len(jobs)
