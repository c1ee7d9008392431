"""Whatever breaks on the cluster, nothing is lost, written twice, or left half written."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster.conftest import ENCODER, Cluster, ClusterWorkplace, digests, wait_until

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

LOG = "results/plaza/logs/train_intra.log"


def assert_same(workplace: ClusterWorkplace, undisturbed: ClusterWorkplace) -> None:
    """The results have the bytes of an undisturbed run, and nothing else lies there."""
    assert digests(workplace.folder / "results") == digests(undisturbed.folder / "results")


def test_a_cancelled_training_is_tried_again_and_goes_on_to_the_same_bytes(
    cluster: Cluster, before_training: ClusterWorkplace, long_training: ClusterWorkplace
) -> None:
    run = before_training.start(ENCODER)
    cluster.cancel(cluster.freeze_training(before_training)["id"])
    output = run.end()
    assert "CANCELLED" in output
    assert [job["state"] for job in cluster.jobs_of(before_training, "train_intra")] == ["CANCELLED", "COMPLETED"]
    assert "goes on from" in (before_training.folder / LOG).read_text()
    assert_same(before_training, long_training)


def test_a_training_over_its_time_is_tried_again_with_more_and_passes(
    cluster: Cluster, before_training: ClusterWorkplace, long_training: ClusterWorkplace
) -> None:
    run = before_training.start(ENCODER, "--set-resources", "train_intra:runtime=1 if attempt == 1 else 30")
    cluster.freeze_training(before_training)  # so it is not done when its minute is over
    output = run.end()
    assert "TIMEOUT" in output
    jobs = cluster.jobs_of(before_training, "train_intra")
    assert [(job["state"], job["limit"]) for job in jobs] == [("TIMEOUT", "1:00"), ("COMPLETED", "30:00")]
    assert_same(before_training, long_training)


def test_a_training_over_its_memory_is_tried_again_with_more_and_passes(
    cluster: Cluster, before_training: ClusterWorkplace, long_training: ClusterWorkplace
) -> None:
    run = before_training.start(ENCODER, "--set-resources", "train_intra:mem_mb=200 if attempt == 1 else 4000")
    run.end()
    jobs = cluster.jobs_of(before_training, "train_intra")
    assert [job["mem"] for job in jobs] == ["200M", "4000M"]
    assert jobs[0]["state"] in ("OUT_OF_MEMORY", "FAILED", "CANCELLED")
    assert jobs[1]["state"] == "COMPLETED"
    assert_same(before_training, long_training)


def test_a_training_whose_node_dies_goes_on_elsewhere_to_the_same_bytes(
    cluster: Cluster, before_training: ClusterWorkplace, long_training: ClusterWorkplace
) -> None:
    run = before_training.start(ENCODER)
    job = cluster.freeze_training(before_training)
    try:
        cluster.kill_node(job["node"])
        run.end()
    finally:
        cluster.order(f"start {job['node']}")
    (after,) = cluster.jobs_of(before_training, "train_intra")
    assert after["state"] == "COMPLETED"
    assert after["id"] == job["id"]  # SLURM's own requeue
    assert after["node"] != job["node"]
    assert "goes on from" in (before_training.folder / LOG).read_text()
    assert_same(before_training, long_training)


def test_a_killed_snakemake_starts_again_only_when_its_jobs_are_gone_and_repeats_nothing(
    cluster: Cluster, before_training: ClusterWorkplace, long_training: ClusterWorkplace
) -> None:
    run = before_training.start(ENCODER)
    job = cluster.freeze_training(before_training)
    run.kill()
    assert not (before_training.folder / ENCODER).exists()
    before_training.run("--unlock")
    refused = before_training.run(ENCODER, check=False)
    assert refused.returncode != 0
    assert f"still on the cluster: {job['id']}" in refused.stdout + refused.stderr
    assert len(cluster.jobs_of(before_training, "train_intra")) == 1  # no second writer
    cluster.cancel(job["id"])
    wait_until(lambda: cluster.jobs_of(before_training, "train_intra")[0]["state"] == "CANCELLED")
    again = before_training.start(ENCODER).end()
    assert "rule crop" not in again
    assert "goes on from" in (before_training.folder / LOG).read_text()
    assert_same(before_training, long_training)


def test_a_full_disk_ends_in_one_line_and_no_half_file(
    cluster: Cluster, long_training: ClusterWorkplace, tmp_path: Path
) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        workplace = long_training.copy(tmp_path)
        (tmp_path / ENCODER).unlink()
        filler = tmp_path / "filler"
        fill(filler, keep=2 * 2**20)
        output = workplace.start(ENCODER, "--retries", "0").end(check=False)
        error = "remots train: error: results/plaza: No space left on device"
        assert error in (tmp_path / LOG).read_text()
        assert error in output
        left = sorted(path.name for path in (tmp_path / "results/plaza").glob("*encoder_intra*"))
        assert left == []
        filler.unlink()
        workplace.start(ENCODER).end()
        assert_same(workplace, long_training)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(path: Path, keep: int) -> None:
    """Fill the file system up to some bytes."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(path.parent).free - keep)


def test_what_fails_for_good_is_named_with_its_last_words_and_the_other_sequence_ends(
    cluster: Cluster, finished_here: ClusterWorkplace, tmp_path: Path
) -> None:
    workplace = finished_here.copy(tmp_path)
    (tmp_path / "results/scenes/plaza/detections_a.json").write_text("[{")
    (tmp_path / "results/market/mots.txt").unlink()
    run = workplace.start("--retries", "0")
    output = run.end(check=False)
    assert run.process.returncode != 0
    summary = output.rpartition("Exiting because a job execution failed")[2] or output[-3000:]
    assert "remots detect: error: results/scenes/plaza/detections_a.json" in summary
    assert "(results/plaza/logs/detect_a.log)" in summary
    assert (tmp_path / "results/market/mots.txt").exists()
    assert not (tmp_path / "results/plaza/detections/a.parquet").exists()
    # The cluster's own log of the job lies where the profile says.
    (job,) = (job for job in cluster.jobs_of(workplace, "detect") if job["state"] == "FAILED")
    assert list((tmp_path / ".snakemake/slurm_logs").rglob(f"{job['id']}.log"))
