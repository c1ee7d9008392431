"""Whatever breaks on the cluster, nothing is lost, written twice, or left half written.

All that is to break does so side by side: a run here mostly waits, for SLURM and for time to be over.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cluster.conftest import ENCODER, Cluster, ClusterWorkplace, wait_until
from tests.workflow.conftest import digests

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

LOG = "results/plaza/logs/train_intra.log"


class Case(NamedTuple):
    """What a fault begins with: an undisturbed run, and an empty folder."""

    cluster: Cluster
    undisturbed: ClusterWorkplace
    folder: Path

    def before_training(self) -> ClusterWorkplace:
        """A workplace that lacks only the training."""
        workplace = self.undisturbed.copy(self.folder)
        (workplace.folder / ENCODER).unlink()
        return workplace

    def assert_same(self, workplace: ClusterWorkplace) -> None:
        """The results have the bytes of an undisturbed run, and nothing else lies there."""
        assert digests(workplace.folder / "results") == digests(self.undisturbed.folder / "results")


FAULTS: dict[str, Callable[[Case], None]] = {}


def side_by_side(fault: Callable[[Case], None]) -> Callable[[dict[str, Future[None]]], None]:
    """Make a test of a fault, which began with all others and is waited for here."""
    FAULTS[fault.__name__] = fault
    return lambda started: started[fault.__name__].result()


@pytest.fixture(scope="module")
def started(
    cluster: Cluster,
    finished_here: ClusterWorkplace,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[dict[str, Future[None]]]:
    """The faults whose tests are to run, all started; whatever they have on the cluster afterwards is cancelled."""
    names = [item.name for item in request.session.items if item.name in FAULTS]
    folders = {name: tmp_path_factory.mktemp("fault") for name in names}
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            cases = {name: Case(cluster, finished_here, folders[name]) for name in names}
            yield {name: pool.submit(FAULTS[name], case) for name, case in cases.items()}
    finally:
        ours = [job["id"] for job in cluster.jobs() if Path(job["folder"]) in folders.values()]
        subprocess.run(["scancel", *ours], check=False, capture_output=True)


@side_by_side
def test_a_training_over_its_time_is_tried_again_with_more_and_passes(case: Case) -> None:
    workplace = case.before_training()
    run = workplace.start(ENCODER, "--set-resources", "train_intra:runtime=1 if attempt == 1 else 30")
    case.cluster.freeze_first_training(workplace)  # so it is not done when its minute is over
    output = run.end()
    assert "TIMEOUT" in output
    jobs = case.cluster.jobs_of(workplace, "train_intra")
    assert [(job["state"], job["limit"]) for job in jobs] == [("TIMEOUT", "1:00"), ("COMPLETED", "30:00")]
    case.assert_same(workplace)


@side_by_side
def test_a_training_whose_node_dies_goes_on_elsewhere_to_the_same_bytes(case: Case) -> None:
    workplace = case.before_training()
    run = workplace.start(ENCODER, "--set-resources", "train_intra:slurm_partition=frail")
    job = case.cluster.freeze_training(workplace)
    try:
        case.cluster.kill_node(job["node"])
        run.end()
    finally:
        case.cluster.order(f"start {job['node']}")
    (after,) = case.cluster.jobs_of(workplace, "train_intra")
    assert after["state"] == "COMPLETED"
    assert after["id"] == job["id"]  # SLURM's own requeue
    assert after["node"] != job["node"]
    assert "goes on from" in (workplace.folder / LOG).read_text()
    case.assert_same(workplace)


@side_by_side
def test_a_cancelled_training_is_tried_again_and_goes_on_to_the_same_bytes(case: Case) -> None:
    workplace = case.before_training()
    run = workplace.start(ENCODER)
    case.cluster.cancel(case.cluster.freeze_training(workplace)["id"])
    output = run.end()
    assert "CANCELLED" in output
    assert [job["state"] for job in case.cluster.jobs_of(workplace, "train_intra")] == ["CANCELLED", "COMPLETED"]
    assert "goes on from" in (workplace.folder / LOG).read_text()
    case.assert_same(workplace)


@side_by_side
def test_a_training_over_its_memory_is_tried_again_with_more_and_passes(case: Case) -> None:
    workplace = case.before_training()
    workplace.start(ENCODER, "--set-resources", "train_intra:mem_mb=200 if attempt == 1 else 4000").end()
    jobs = case.cluster.jobs_of(workplace, "train_intra")
    assert [job["mem"] for job in jobs] == ["200M", "4000M"]
    assert jobs[0]["state"] in ("OUT_OF_MEMORY", "FAILED", "CANCELLED")
    assert jobs[1]["state"] == "COMPLETED"
    case.assert_same(workplace)


@side_by_side
def test_a_killed_snakemake_starts_again_only_when_its_jobs_are_gone_and_repeats_nothing(case: Case) -> None:
    workplace = case.before_training()
    run = workplace.start(ENCODER)
    job = case.cluster.freeze_training(workplace)
    run.kill()
    assert not (workplace.folder / ENCODER).exists()
    workplace.run("--unlock")
    refused = workplace.run(ENCODER, check=False)
    assert refused.returncode != 0
    assert f"still on the cluster: {job['id']}" in refused.stdout + refused.stderr
    assert len(case.cluster.jobs_of(workplace, "train_intra")) == 1  # no second writer
    case.cluster.cancel(job["id"])
    wait_until(lambda: case.cluster.jobs_of(workplace, "train_intra")[0]["state"] == "CANCELLED")
    again = workplace.start(ENCODER).end()
    assert "rule crop" not in again
    assert "goes on from" in (workplace.folder / LOG).read_text()
    case.assert_same(workplace)


@side_by_side
def test_a_full_disk_ends_in_one_line_and_no_half_file(case: Case) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(case.folder)], check=False)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        workplace = case.before_training()
        filler = case.folder / "filler"
        fill(filler, keep=2 * 2**20)
        output = workplace.start(ENCODER, "--retries", "0").end(check=False)
        error = "remots train: error: results/plaza: No space left on device"
        assert error in (case.folder / LOG).read_text()
        assert error in output
        left = sorted(path.name for path in (case.folder / "results/plaza").glob("*encoder_intra*"))
        assert left == []
        filler.unlink()
        workplace.start(ENCODER).end()
        case.assert_same(workplace)
    finally:
        subprocess.run(["umount", "--lazy", str(case.folder)], check=True)


def fill(path: Path, keep: int) -> None:
    """Fill the file system up to some bytes."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(path.parent).free - keep)


@side_by_side
def test_what_fails_for_good_is_named_with_its_last_words_and_the_other_sequence_ends(case: Case) -> None:
    workplace, folder = case.undisturbed.copy(case.folder), case.folder
    (folder / "results/scenes/plaza/detections_b.json").write_text("[{")
    (folder / "results/market/mots.txt").unlink()
    run = workplace.start("--retries", "0")
    output = run.end(check=False)
    assert run.process.returncode != 0
    summary = output.rpartition("Exiting because a job execution failed")[2] or output[-3000:]
    assert "remots detect: error: results/scenes/plaza/detections_b.json" in summary
    assert "(results/plaza/logs/detect_b.log)" in summary
    assert (folder / "results/market/mots.txt").exists()
    assert not (folder / "results/plaza/detections/b.parquet").exists()
    # The cluster's own log of the job lies where the profile says.
    (job,) = (job for job in case.cluster.jobs_of(workplace, "detect") if job["state"] == "FAILED")
    assert list((folder / ".snakemake/slurm_logs").rglob(f"{job['id']}.log"))
