"""`snakemake --profile local`: one machine, as many GPUs as it has; here they are names only."""

import re
from pathlib import Path

import pytest

from tests.cluster.conftest import ClusterWorkplace, device

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.mark.parametrize(("gpus", "at_once"), [("", True), ("4", False), ("4,6", True)])
def test_each_training_has_its_own_gpu_and_waits_where_there_is_none_left(
    gpus: str, at_once: bool, finished_here: ClusterWorkplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace = finished_here.copy(tmp_path)
    encoders = [f"results/{name}/encoder_intra.safetensors" for name in ["plaza", "market"]]
    for encoder in encoders:
        (tmp_path / encoder).unlink()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    output = workplace.run_here("--set-threads", "train_intra=1", "--", *encoders).stderr
    steps = re.findall(r"^(?:local)?(rule train_intra|Finished job)", output, re.MULTILINE)
    both = ["rule train_intra", "rule train_intra", "Finished job", "Finished job"]
    in_turn = ["rule train_intra", "Finished job"] * 2
    assert steps == (both if at_once else in_turn)
    devices = [device(tmp_path / f"results/{name}/logs/train_intra.log") for name in ["plaza", "market"]]
    assert sorted(devices) == {"": ["", ""], "4": ["4", "4"], "4,6": ["4", "6"]}[gpus]
