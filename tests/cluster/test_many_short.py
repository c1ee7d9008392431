"""Many short sequences: the cluster's queue sees far fewer jobs than there are steps."""

import re
import shutil
from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster, ClusterWorkplace
from tests.workflow.conftest import HEADER

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

N_SEQUENCES = 12


def test_many_short_sequences_share_jobs_of_the_cluster(
    cluster: Cluster, finished_here: ClusterWorkplace, tmp_path: Path
) -> None:
    workplace = ClusterWorkplace(tmp_path)
    shutil.copytree(finished_here.folder / "results/scenes/plaza", tmp_path / "plaza")
    files = "plaza/frames.mp4\tplaza/detections_a.json,plaza/detections_b.json\t"
    rows = (f"s{number}\ttarget\t{files}\t{1 + number % 10}\t{4 + number % 10}\n" for number in range(N_SEQUENCES))
    workplace.sheet = HEADER + "".join(rows)
    workplace.write()
    # All of it would take long, for each step starts Snakemake: the count of all is a dry run's.
    done = workplace.run("--workflow-profile", "profiles/many_short", "--dry-run")
    planned = done.stdout + done.stderr
    n_steps = int(re.findall(r"^total +(\d+)$", planned, re.MULTILINE)[-1]) - 1  # without `all`
    n_jobs = len(re.findall(r"^\[.*\] Group job |^rule (?!all)", planned, re.MULTILINE))
    assert n_steps == 1 + 20 * N_SEQUENCES
    assert n_steps >= 5 * n_jobs
    targets = [f"results/s{number}/sequence.json" for number in range(N_SEQUENCES)]
    workplace.start("--workflow-profile", "profiles/many_short", "--", *targets).end()
    assert all((tmp_path / target).exists() for target in targets)
    (job,) = (job for job in cluster.jobs() if job["folder"] == str(tmp_path))
    assert (job["state"], job["cpus"]) == ("COMPLETED", "1")  # one step after the other
