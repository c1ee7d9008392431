"""Each detection framework finds masks in its own conda environment, made by a stand-in for conda (it is not conda).

The networks are small ones of the zoos with random weights: what is tried are the environments.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from tests.environments.conftest import REPOSITORY, CondaStandIn, Run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MODELS = {
    "detectron2": "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.yaml",
    "mmdet": "mask-rcnn_r50_fpn_1x_coco",
}
SAVE_CHECKPOINTS = """
import sys; from pathlib import Path
from tests.detectors import random_detectron2, random_mmdet
folder = Path(sys.argv[1])
random_detectron2.save_pth(random_detectron2.random_network(sys.argv[2]), folder, "detectron2")
random_mmdet.save(random_mmdet.random_network(sys.argv[3]), folder / "mmdet.pth")
"""


class Detected(NamedTuple):
    """A folder in which both networks looked at a few frames, and the run that did it."""

    folder: Path
    run: Run


@pytest.fixture(scope="module")
def detected(conda: CondaStandIn, tmp_path_factory: pytest.TempPathFactory) -> Detected:
    pytest.importorskip("detectron2")
    pytest.importorskip("mmdet")
    folder = tmp_path_factory.mktemp("networks")
    shutil.copytree(REPOSITORY / "config", folder / "config")
    save = [sys.executable, "-c", SAVE_CHECKPOINTS, folder, *MODELS.values()]
    subprocess.run(save, check=True, cwd=REPOSITORY, capture_output=True)
    (folder / "frames").mkdir()
    for frame in (1, 2):
        noise = np.random.default_rng(frame).integers(0, 256, (96, 128, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "frames" / f"{frame:06}.png")
    detectors = {
        name: {"model": model, "weights": f"{name}.pth", "short_side_px": 64, "min_score": 0.0, "device": "cpu"}
        for name, model in MODELS.items()
    }
    (folder / "my_config.yaml").write_text(yaml.safe_dump({"sequences": "my.tsv", "detectors": detectors}))
    (folder / "my.tsv").write_text("sequence\tsplit\tframes\tdetections\nnoise\ttarget\tframes\tdetectron2,mmdet\n")
    run = conda.snakemake(folder, "--configfile", "my_config.yaml", "--", "results/noise/masks.parquet")
    return Detected(folder, run)


def test_each_network_finds_masks(detected: Detected) -> None:
    for name in MODELS:
        assert len(pd.read_parquet(detected.folder / f"results/noise/detections/{name}.parquet")) > 0


def test_each_network_has_a_python_of_its_own(detected: Detected, conda: CondaStandIn) -> None:
    detections = {
        words[words.index("--detector") + 1]: prefix for prefix, words in detected.run.verbs if "detect" in words
    }
    others = {prefix for prefix, words in detected.run.verbs if "detect" not in words}
    assert set(detections) == set(MODELS)
    assert len({*detections.values(), *others}) == 3
    assert {prefix.parent for prefix in [*detections.values(), *others]} == {conda.environments}


@pytest.mark.parametrize("framework", MODELS)
def test_an_environment_has_its_own_framework_only(detected: Detected, framework: str) -> None:
    prefix = next(prefix for prefix, words in detected.run.verbs if framework in words)
    packages = prefix / "lib" / "python3.11" / "site-packages"
    assert [name for name in MODELS if (packages / name).is_dir()] == [framework]
