"""Detectron2's networks, the paper's among them: what they find is what the framework's own predictor finds.

Weights are random, but those of the whole network; one of the large networks is alive at a time.
"""

import dataclasses
import gc
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("detectron2", reason="needs Detectron2")

# First of all: the framework, once imported, does not look for its operators again.
from remots.detectors import detectron2 as adapter  # isort: skip

from detectron2 import model_zoo
from detectron2.config import get_cfg
from detectron2.data import MetadataCatalog
from detectron2.engine import DefaultPredictor
from pycocotools import mask as coco_mask

from remots.detectors.detectron2 import PAPER_MODEL, Detectron2Network
from remots.detectors.interface import Instance
from remots.detectors.network import NetworkOptions
from remots.masks.rle import Rle, areas, decode
from tests.detectors.random_detectron2 import X152, random_network, save_pkl, save_pth

R50 = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.yaml"
PANOPTIC = "COCO-PanopticSegmentation/panoptic_fpn_R_50_1x.yaml"
COCO_NAMES = tuple(MetadataCatalog.get("coco_2017_val").thing_classes)
FEW = ("MODEL.RPN.POST_NMS_TOPK_TEST=25", "TEST.DETECTIONS_PER_IMAGE=25")
SMALL = NetworkOptions(classes=COCO_NAMES, min_score=0.0, short_side_px=96, device="cpu", overrides=FEW)


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Two RGB pictures of coloured blots, in the shape of a small video."""
    rng = np.random.default_rng(1)
    return [cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (240, 180)) for _ in range(2)]


@pytest.fixture(scope="module")
def x152(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("x152")
    network = random_network(X152, seed=0)
    files = {"pth": save_pth(network, folder, "x152"), "pkl": save_pkl(network.state_dict(), folder / "x152.pkl")}
    del network
    gc.collect()
    return files


@pytest.fixture(scope="module")
def r50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pth(random_network(R50, seed=0), tmp_path_factory.mktemp("r50"), "r50")


@pytest.fixture
def r50_weights(r50: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(r50, weights_only=True)["model"]
    return weights


def find_raw(model: str, weights: Path, images: list[np.ndarray]) -> list[Any]:
    """Let the framework's own predictor look for instances, one picture at a time."""
    config = get_cfg()
    config.merge_from_file(model_zoo.get_config_file(model))
    config.MODEL.DEVICE, config.MODEL.WEIGHTS = "cpu", str(weights)
    config.INPUT.MIN_SIZE_TEST = 96
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.0
    config.MODEL.RPN.POST_NMS_TOPK_TEST = config.TEST.DETECTIONS_PER_IMAGE = 25
    predict = DefaultPredictor(config)
    found = [predict(np.ascontiguousarray(image[:, :, ::-1]))["instances"] for image in images]
    return [instances[instances.pred_masks.flatten(1).any(dim=1)] for instances in found]


def assert_same(ours: list[Instance], raw: Any) -> None:
    assert len(ours) == len(raw) > 10
    assert [instance.score for instance in ours] == raw.scores.tolist()
    assert len(set(raw.scores.tolist())) > 10
    for instance, mask in zip(ours, raw.pred_masks.numpy(), strict=True):
        assert np.array_equal(decode(instance.mask), mask)


def test_the_network_of_the_paper_finds_to_the_bit_what_the_framework_finds(
    x152: dict[str, Path], images: list[np.ndarray]
) -> None:
    assert PAPER_MODEL == X152
    raw = find_raw(X152, x152["pth"], images)
    gc.collect()
    network = Detectron2Network(dataclasses.replace(SMALL, weights=str(x152["pkl"])))
    assert sum(weight.numel() for weight in network._network.parameters()) > 182e6
    apart = [network.detect([image])[0] for image in images]
    for ours, theirs in zip(apart, raw, strict=True):
        assert_same(ours, theirs)
    together = network.detect(images)
    for one, other in zip(together, apart, strict=True):
        assert np.allclose([i.score for i in one], [i.score for i in other], atol=1e-4)
        assert np.median(best_ious(one, other)) > 0.99


def test_the_network_of_the_paper_runs_in_half_precision_from_a_checkpoint_of_a_training(
    x152: dict[str, Path], images: list[np.ndarray]
) -> None:
    network = Detectron2Network(dataclasses.replace(SMALL, weights=str(x152["pth"]), precision="bfloat16"))
    (found,) = network.detect(images[:1])
    assert len(found) > 10
    assert (areas([instance.mask for instance in found]) > 0).all()
    assert all(0 < instance.score <= 1 for instance in found)
    del network
    gc.collect()


def best_ious(found: list[Instance], others: list[Instance]) -> np.ndarray:
    masks: list[list[Rle]] = [[instance.mask for instance in part] for part in (found, others)]
    ious: np.ndarray = np.asarray(coco_mask.iou(*masks, [0] * len(others))).max(axis=0)
    return ious


def test_half_precision_scores_as_full_precision_does(r50: Path, images: list[np.ndarray]) -> None:
    options = dataclasses.replace(SMALL, model=R50, weights=str(r50))
    full = Detectron2Network(options).detect(images)
    half = Detectron2Network(dataclasses.replace(options, precision="bfloat16")).detect(images)
    for one, other in zip(full, half, strict=True):
        best = [max(instance.score for instance in part) for part in (one, other)]
        assert best[0] == pytest.approx(best[1], abs=0.05)
        assert [i.score for i in one] != [i.score for i in other]


def test_a_panoptic_network_gives_its_instances(tmp_path: Path, images: list[np.ndarray]) -> None:
    weights = save_pth(random_network(PANOPTIC, seed=1), tmp_path, "panoptic")
    network = Detectron2Network(dataclasses.replace(SMALL, model=PANOPTIC, weights=str(weights)))
    assert_same(network.detect(images[:1])[0], find_raw(PANOPTIC, weights, images[:1])[0])


def test_only_the_classes_asked_for_are_found_and_bear_the_class_asked_for(r50: Path, images: list[np.ndarray]) -> None:
    options = dataclasses.replace(SMALL, model=R50, weights=str(r50), class_id=7)
    everything = Detectron2Network(options).detect(images[:1])[0]
    raw = find_raw(R50, r50, images[:1])[0]
    assert_same(everything, raw)
    common = torch.bincount(raw.pred_classes).argmax().item()
    assert 0 < (raw.pred_classes == common).sum() < len(raw)
    network = Detectron2Network(dataclasses.replace(options, classes=(COCO_NAMES[common].upper(),)))
    expected = [i for i, label in zip(everything, raw.pred_classes.tolist(), strict=True) if label == common]
    assert network.detect(images[:1])[0] == expected
    assert {instance.class_id for instance in expected} == {7}


def test_low_scores_are_left_out_and_nothing_is_a_valid_answer(r50: Path, images: list[np.ndarray]) -> None:
    options = dataclasses.replace(SMALL, model=R50, weights=str(r50))
    everything = Detectron2Network(options).detect(images[:1])[0]
    middle = sorted(instance.score for instance in everything)[len(everything) // 2]
    kept = Detectron2Network(dataclasses.replace(options, min_score=middle - 1e-6)).detect(images[:1])[0]
    assert kept == [instance for instance in everything if instance.score >= middle]
    none = Detectron2Network(dataclasses.replace(options, min_score=1.0))
    assert none.detect(images) == [[], []]
    assert none.detect([]) == []


def test_input_size_and_overrides_change_what_the_network_does(r50: Path, images: list[np.ndarray]) -> None:
    options = dataclasses.replace(SMALL, model=R50, weights=str(r50))
    usual = Detectron2Network(options).detect(images[:1])[0]
    assert Detectron2Network(dataclasses.replace(options, short_side_px=64)).detect(images[:1])[0] != usual
    assert Detectron2Network(dataclasses.replace(options, long_side_px=100)).detect(images[:1])[0] != usual
    fewer = (*FEW, "TEST.DETECTIONS_PER_IMAGE=5")
    assert len(Detectron2Network(dataclasses.replace(options, overrides=fewer)).detect(images[:1])[0]) <= 5


def test_a_config_of_ones_own_without_names_has_numbers_for_classes(tmp_path: Path, images: list[np.ndarray]) -> None:
    base = Path(model_zoo.__file__).parent / "configs" / "Base-RCNN-FPN.yaml"
    config = tmp_path / "cells.yaml"
    config.write_text(
        f"_BASE_: {base}\nMODEL: {{MASK_ON: True, RESNETS: {{DEPTH: 50}}, ROI_HEADS: {{NUM_CLASSES: 3}}}}\n"
        "DATASETS: {TEST: [cells]}\n"
    )
    weights = save_pth(random_network(str(config)), tmp_path, "cells")
    options = dataclasses.replace(SMALL, model=str(config), weights=str(weights), classes=("0", "2"))
    assert Detectron2Network(options).detect(images[:1])[0]
    with pytest.raises(ValueError, match=r"cells\.yaml knows no class 'person'; it has 3, the closest are"):
        Detectron2Network(dataclasses.replace(options, classes=("person",)))


def test_names_are_matched_as_the_framework_matches_those_of_older_ones(
    r50: Path, r50_weights: dict[str, torch.Tensor], tmp_path: Path, images: list[np.ndarray]
) -> None:
    renamed = {
        name.split(".", 1)[1]: weight for name, weight in r50_weights.items()
    }  # without backbone., roi_heads., …
    options = dataclasses.replace(SMALL, model=R50, weights=str(save_pth_weights(renamed, tmp_path / "older.pth")))
    expected = Detectron2Network(dataclasses.replace(options, weights=str(r50))).detect(images[:1])
    assert Detectron2Network(options).detect(images[:1]) == expected


def save_pth_weights(weights: dict[str, torch.Tensor], path: Path) -> Path:
    torch.save({"model": weights}, path)
    return path


def test_what_older_checkpoints_hold_besides_is_no_fault(r50_weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    anchors = {f"proposal_generator.anchor_generator.cell_anchors.{n}": torch.zeros(3, 4) for n in range(5)}
    path = save_pth_weights({**r50_weights, **anchors, "pixel_mean": torch.zeros(3, 1, 1)}, tmp_path / "old.pth")
    Detectron2Network(dataclasses.replace(SMALL, model=R50, weights=str(path)))


def another_architecture(fault: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if fault == "shape":
        return {**weights, "roi_heads.box_predictor.cls_score.bias": torch.zeros(4)}
    if fault == "deeper":
        return {**weights, "backbone.bottom_up.res4.22.conv1.weight": torch.zeros(256, 1024, 1, 1)}
    if fault == "other names":
        return {f"detr.{n}.gate": torch.zeros(1) for n in range(5)}
    return {name: weight for name, weight in weights.items() if ".fpn_" not in name}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"16 are missing, such as backbone\.fpn_lateral2\.bias; give the config"),
        ("shape", r"1 have another shape, such as roi_heads\.box_predictor\.cls_score\.bias \(4, not 81\)"),
        ("deeper", r"1 more are of layers that it has not, such as backbone\.bottom_up\.res4\.22\.conv1\.weight"),
        ("other names", r"of the 307 weights of the network 201 are missing"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused(
    r50_weights: dict[str, torch.Tensor], tmp_path: Path, fault: str, message: str
) -> None:
    path = save_pth_weights(another_architecture(fault, r50_weights), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))} is of another architecture than .*{message}"):
        Detectron2Network(dataclasses.replace(SMALL, model=R50, weights=str(path)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "COCO-InstanceSegmentation/mask_rcnn_R50"}, r"neither a file .* closest are .*mask_rcnn_R_50_"),
        ({"model": "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py"}, "a Python config, which is code"),
        ({"model": "COCO-Detection/retinanet_R_50_FPN_1x"}, r"\(RetinaNet\) gives no masks of instances"),
        ({"model": "COCO-Detection/faster_rcnn_R_50_FPN_1x.yaml"}, r"gives no masks of instances; take a config"),
        ({"classes": ("persn",)}, r"knows no class 'persn'; it has 80, the closest are 'person'"),
        ({"overrides": ("MODEL.RPN.TOPK=5",)}, r"override 'MODEL\.RPN\.TOPK=5' does not suit .*Non-existent key"),
        ({"overrides": ("MODEL.RPN.TOPK",)}, r"override 'MODEL\.RPN\.TOPK' is not KEY=VALUE"),
        ({"overrides": ("INPUT.MIN_SIZE_TEST=small",)}, r"does not suit the config .*mismatch"),
        ({"overrides": ("MODEL.META_ARCHITECTURE=Mask2Former",)}, "kind Mask2Former, which this Detectron2 does not"),
        ({"overrides": ("MODEL.PROPOSAL_GENERATOR.NAME=PrecomputedProposals",)}, "needs proposals from elsewhere"),
        ({"overrides": ("INPUT.FORMAT=L",)}, "takes images as L"),
        ({"overrides": ("MODEL.BACKBONE.NAME=nothing",)}, "cannot build the network of .*nothing"),
        ({"device": "cuda:99"}, "device cuda:99 is not there"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"weights": "none.pth"}, r"no checkpoint can be read at none\.pth"),
    ],
)
def test_bad_options_end_in_one_clear_sentence(r50: Path, changes: dict[str, Any], message: str) -> None:
    options = dataclasses.replace(SMALL, model=R50, weights=str(r50), overrides=())
    with pytest.raises(ValueError, match=message) as caught:
        Detectron2Network(dataclasses.replace(options, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["MODEL: [", "MODEL: {DEPTH_OF_THINGS: 3}\nVERSION: 2\n", "- 1\n", "!!python/object/apply:os.mkdir [ran]\n"]
)
def test_a_file_that_is_no_config_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"bad\.yaml is no config of Detectron2: \w+"):
        Detectron2Network(dataclasses.replace(SMALL, model="bad.yaml"))
    assert not (tmp_path / "ran").exists()


def test_weights_of_the_zoo_are_fetched_once_by_the_framework(
    r50: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: list[np.ndarray]
) -> None:
    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path / "cache"))
    expected = Detectron2Network(dataclasses.replace(SMALL, model=R50, weights=str(r50))).detect(images[:1])
    with serve(r50.parent) as address:
        monkeypatch.setattr(model_zoo, "get_checkpoint_url", lambda _model: f"{address}/r50.pth")
        assert Detectron2Network(dataclasses.replace(SMALL, model=R50)).detect(images[:1]) == expected
    Detectron2Network(dataclasses.replace(SMALL, model=R50))


class serve:  # noqa: N801
    """A web server over a folder, for as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_weights_that_cannot_be_fetched_are_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path))
    monkeypatch.setattr(model_zoo, "get_checkpoint_url", lambda _model: "http://127.0.0.1:9/r50.pkl")
    with pytest.raises(
        ValueError, match=r"cannot fetch the weights of .*: download http://127.0.0.1:9/r50\.pkl where "
    ):
        Detectron2Network(dataclasses.replace(SMALL, model=R50))


def test_the_zoo_has_no_weights_for_a_config_of_ones_own(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text("MODEL: {MASK_ON: True}\n")
    with pytest.raises(ValueError, match=r"zoo has no weights for .*own\.yaml; give the path of a checkpoint"):
        Detectron2Network(dataclasses.replace(SMALL, model=str(config), classes=("0",)))


def test_the_zoo_has_weights_for_the_network_of_the_paper() -> None:
    assert model_zoo.get_checkpoint_url(adapter.PAPER_MODEL).endswith(".pkl")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
