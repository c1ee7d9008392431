"""Whatever breaks on the cluster, nothing is lost, written twice, or left half written."""

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
