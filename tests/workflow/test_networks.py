"""The paper's two networks find the masks through their rules, side by side, and fusion makes one set of them.

Their weights are random, but the networks are whole, and so is the way from a framework's own checkpoint to the masks.
"""

import gc
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.workflow.conftest import HEADER, Workplace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FIRST_FRAME, LAST_FRAME = 101, 104
MASKS = "results/{sequence}/masks.parquet"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of X152 and X-101, each saved by its own framework; made in a process of its own for its memory."""
    folder = tmp_path_factory.mktemp("checkpoints")
    script = (
        "from pathlib import Path; import gc\n"
        "from tests.detectors import random_detectron2 as d2, random_mmdet as mm\n"
        f"folder = Path({str(folder)!r})\n"
        "network = d2.random_network(d2.X152); d2.save_pth(network, folder, 'x152'); del network; gc.collect()\n"
        "mm.save(mm.random_network(mm.X101), folder / 'x101.pth')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2], capture_output=True)
    return {"detectron2": folder / "x152.pth", "mmdet": folder / "x101.pth"}


@pytest.fixture(scope="module")
def two_networks(
    shared_data: Path, checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Workplace:
    """A workplace in which both networks have looked at some frames of a real clip."""
    clip = shared_data / "vtest" / "vtest.avi"
    if not clip.is_file():
        pytest.skip(f"{clip} is not here")
    workplace = Workplace(tmp_path_factory.mktemp("networks"))
    few = {"detectron2": ["MODEL.RPN.POST_NMS_TOPK_TEST=40"], "mmdet": ["model.test_cfg.rpn.max_per_img=40"]}
    workplace.config["detectors"] = {
        name: {
            "weights": str(path),
            "short_side_px": 96,
            "min_score": 0.02,
            "overrides": few[name],
            "device": "cpu",
        }
        for name, path in checkpoints.items()
    }
    workplace.config["fuse"] = {"min_score": 0.02}
    workplace.sheet = f"{HEADER}vtest\ttarget\t{clip}\tdetectron2,mmdet\t\t{FIRST_FRAME}\t{LAST_FRAME}\n"
    workplace.write()
    workplace.run(MASKS.format(sequence="vtest"))
    return workplace


def detections_of(workplace: Workplace, name: str) -> pd.DataFrame:
    return pd.read_parquet(workplace.folder / f"results/vtest/detections/{name}.parquet")


def test_each_network_finds_masks_of_its_own_in_every_frame_and_they_are_fused(two_networks: Workplace) -> None:
    found = {name: detections_of(two_networks, name) for name in ["detectron2", "mmdet"]}
    frames = list(range(FIRST_FRAME, LAST_FRAME + 1))
    for table in found.values():
        assert sorted(table.frame.unique()) == frames
        assert (table.score >= 0.02).all()
        assert set(table.class_id) == {2}
    assert not found["detectron2"].equals(found["mmdet"])
    masks = pd.read_parquet(two_networks.folder / MASKS.format(sequence="vtest"))
    assert sorted(masks.frame.unique()) == frames
    # Fused from both: scores of either network are there, and fewer masks than the two found together.
    assert len(masks) < sum(map(len, found.values()))
    for table in found.values():
        assert set(masks.score) & set(table.score)


def test_another_setting_of_one_network_leaves_the_masks_of_the_other_alone(two_networks: Workplace) -> None:
    target = MASKS.format(sequence="vtest")
    assert two_networks.rules_to_run(target) == {}
    before = {name: detections_of(two_networks, name) for name in ["detectron2", "mmdet"]}
    two_networks.config["detectors"]["mmdet"]["min_score"] = 0.05
    two_networks.write()
    assert two_networks.rules_to_run(target) == {"detect": 1, "fuse": 1}
    two_networks.run(target)
    assert detections_of(two_networks, "detectron2").equals(before["detectron2"])
    assert detections_of(two_networks, "mmdet").score.min() >= 0.05
    assert two_networks.rules_to_run(target) == {}


def test_an_edited_adapter_reruns_its_own_network_only(two_networks: Workplace) -> None:
    module = two_networks.folder / "remots" / "detectors" / "mmdet.py"
    text = module.read_text()
    module.write_text(text + "\n_EDITED = True\n")
    rules = two_networks.rules_to_run(MASKS.format(sequence="vtest"))
    shown = two_networks.run("--dry-run", "--printshellcmds", MASKS.format(sequence="vtest")).stdout
    module.write_text(text)
    assert rules == {"detect": 1, "fuse": 1}
    assert "--detector mmdet" in shown
    assert "--detector detectron2" not in shown


@pytest.fixture(scope="module")
def small_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Mask R-CNN with random weights that finds people."""
    from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

    torch.manual_seed(0)
    network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    with torch.no_grad():
        network.roi_heads.box_predictor.cls_score.weight.mul_(0.2)
        network.roi_heads.box_predictor.cls_score.bias[1] += 3  # a person
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(network.state_dict(), path)
    del network
    gc.collect()
    return path


def test_a_video_detected_in_parts_has_the_bytes_of_one_detected_whole(small_network: Path, tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    workplace.config["detectors"] = {
        "small": {
            "detector": "torchvision",
            "weights": str(small_network),
            "short_side_px": 96,
            "min_score": 0.0,
            "batch_size": 2,
            "overrides": ["rpn_post_nms_top_n_test=20"],
            "device": "cpu",
        }
    }
    workplace.write()
    workplace.run("results/scenes/plaza/frames.mp4")
    video = "results/scenes/plaza/frames.mp4"
    rows = [f"{name}\ttarget\t{video}\tsmall,motion\t\t1\t7\t{n}\n" for name, n in [("whole", ""), ("parts", 2)]]
    (tmp_path / "sequences.tsv").write_text(HEADER.replace("\n", "\tdetection_jobs\n") + "".join(rows))
    targets = [MASKS.format(sequence=name) for name in ["whole", "parts"]]
    assert workplace.rules_to_run(*targets) == {"probe": 2, "detect": 2, "detect_part": 3, "join": 2, "fuse": 2}
    workplace.run(*targets)
    folders = [tmp_path / "results" / name for name in ["whole", "parts"]]
    for file in ["detections/small.parquet", "detections/motion.parquet", "masks.parquet"]:
        whole, parts = ((folder / file).read_bytes() for folder in folders)
        assert whole == parts, file
    assert len(pd.read_parquet(folders[0] / "detections/small.parquet")) > 7
    assert not list((folders[1] / "detections").glob("*/*.parquet"))  # the parts are temporary
    assert workplace.rules_to_run(*targets) == {}


def test_a_word_that_is_no_detector_is_named_before_anything_runs(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    (tmp_path / "sequences.tsv").write_text(f"{HEADER}mine\ttarget\tvideo.mp4\tdetectrn2\t\t\t\n")
    done = workplace.run("--dry-run", check=False)
    assert done.returncode != 0
    assert "sequence mine: 'detectrn2' under detections is no detector" in done.stdout + done.stderr
