"""torchvision's networks, compared with what they give themselves; all weights are random."""

import argparse
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import get_model, resnet50
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops.misc import FrozenBatchNorm2d

from remots.detectors.interface import Instance
from remots.detectors.network import NetworkOptions
from remots.detectors.torchvision import TorchvisionNetwork, paste_masks
from remots.masks.rle import areas, encode

V1, V2 = "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"
N_PROPOSALS = 12
SMALL = {
    "min_score": 0.0,
    "short_side_px": 96,
    "overrides": (f"rpn_post_nms_top_n_test={N_PROPOSALS}", f"box_detections_per_img={N_PROPOSALS}"),
}
PERSON = 1


def builder_arguments(**others: Any) -> dict[str, Any]:
    return {
        "box_score_thresh": 0.0,
        "min_size": 96,
        "rpn_post_nms_top_n_test": N_PROPOSALS,
        "box_detections_per_img": N_PROPOSALS,
        **others,
    }


def make_lively(network: Any) -> nn.Module:
    """Let a random network find things of several classes, people among them, in boxes of several sizes."""
    with torch.no_grad():
        predictor = network.roi_heads.box_predictor
        predictor.cls_score.weight.mul_(0.2)
        predictor.cls_score.bias[PERSON] += 3
    lively: nn.Module = network.eval()
    return lively


def build(model: str, **others: Any) -> nn.Module:
    torch.manual_seed(3)
    return make_lively(get_model(model, weights=None, weights_backbone=None, **builder_arguments(**others)))


def raw_output(network: nn.Module, images: list[NDArray[np.uint8]]) -> list[dict[str, Tensor]]:
    with torch.inference_mode():
        found: list[dict[str, Tensor]] = network([torch.from_numpy(image).permute(2, 0, 1) / 255 for image in images])
    return found


def as_instances(found: dict[str, Tensor], label: int = PERSON) -> list[Instance]:
    """Turn a network's own output, float frames, into instances."""
    rows = (found["labels"] == label).nonzero()[:, 0].tolist()
    masks = [encode((found["masks"][row, 0] > 0.5).numpy()) for row in rows]
    return [
        Instance(mask, found["scores"][row].item())
        for row, mask, area in zip(rows, masks, areas(masks), strict=True)
        if area
    ]


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(1).integers(0, 256, (2, 120, 170, 3), np.uint8))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build(V2)


@pytest.fixture(scope="module")
def checkpoint(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("torchvision") / "mask_rcnn_v2.pth"
    torch.save(network.state_dict(), path)
    return path


def test_each_mask_and_score_of_a_batch_is_what_the_raw_network_gives(
    network: nn.Module, checkpoint: Path, images: list[NDArray[np.uint8]]
) -> None:
    found = TorchvisionNetwork(NetworkOptions(weights=str(checkpoint), **SMALL)).detect(images)
    expected = [as_instances(raw) for raw in raw_output(network, images)]
    assert all(len(instances) >= 3 for instances in expected)
    assert found == expected


def test_classes_are_found_by_name_and_low_scores_left_out(
    network: nn.Module, checkpoint: Path, images: list[NDArray[np.uint8]]
) -> None:
    [raw] = raw_output(network, images[:1])
    person = as_instances(raw)
    min_score = float(np.median([instance.score for instance in person]))
    options = NetworkOptions(weights=str(checkpoint), class_id=9, **{**SMALL, "min_score": min_score})
    [found] = TorchvisionNetwork(options).detect(images[:1])
    assert 0 < len(found) < len(person)
    assert {instance.class_id for instance in found} == {9}
    # What is below the threshold no longer takes one of the places, so others may come in.
    assert {i.score for i in person if i.score > min_score} <= {i.score for i in found}
    assert min(instance.score for instance in found) >= min_score
    with pytest.raises(ValueError, match="knows no class 'persn'; it has 91, the closest are 'person'"):
        TorchvisionNetwork(NetworkOptions(weights=str(checkpoint), classes=("persn",), **SMALL))


def test_half_precision_runs_and_finds_masks_of_the_frame_s_size(
    checkpoint: Path, images: list[NDArray[np.uint8]]
) -> None:
    options = NetworkOptions(weights=str(checkpoint), precision="bfloat16", **SMALL)
    [found] = TorchvisionNetwork(options).detect(images[:1])
    assert found
    assert {tuple(instance.mask["size"]) for instance in found} == {(120, 170)}


def test_a_checkpoint_of_one_class_serves_the_one_class_wanted_in_whatever_wrapping_it_was_saved(
    tmp_path: Path, images: list[NDArray[np.uint8]]
) -> None:
    network = build(V1, num_classes=2)
    state = {f"module.{name}": values for name, values in network.state_dict().items()}
    torch.save({"model": state, "epoch": 3, "args": argparse.Namespace(lr=0.1)}, tmp_path / "one_class.pth")
    options = NetworkOptions(V1, str(tmp_path / "one_class.pth"), classes=("pedestrian",), **SMALL)
    [found] = TorchvisionNetwork(options).detect(images[:1])
    assert found == as_instances(raw_output(network, images[:1])[0])
    assert found


def test_a_checkpoint_of_frozen_normalisation_as_in_the_zoo_runs_as_it_did_there(
    tmp_path: Path, images: list[NDArray[np.uint8]]
) -> None:
    torch.manual_seed(3)
    backbone = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 3)
    network = make_lively(MaskRCNN(backbone, num_classes=3, **builder_arguments()))
    for module in network.modules():  # small variances, so that an epsilon would be seen
        if isinstance(module, FrozenBatchNorm2d):
            module.weight.fill_(0.01)
            module.running_var.fill_(1e-4)
    overwrite_eps(network, 0.0)
    state = network.state_dict()
    # The name that a layer had in the version of the zoo's file.
    for kind in ("weight", "bias"):
        state[f"roi_heads.mask_head.mask_fcn1.{kind}"] = state.pop(f"roi_heads.mask_head.0.0.{kind}")
    torch.save({**state}, tmp_path / "frozen.pth")
    options = NetworkOptions(V1, str(tmp_path / "frozen.pth"), classes=("1",), **SMALL)
    [found] = TorchvisionNetwork(options).detect(images[:1])
    assert found == as_instances(raw_output(network, images[:1])[0])
    assert found
    with pytest.raises(ValueError, match=r"knows no class 'person'; it has 3, the closest are .*'[12]'"):
        TorchvisionNetwork(NetworkOptions(V1, str(tmp_path / "frozen.pth"), **SMALL))


def test_a_checkpoint_of_another_architecture_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"mask_rcnn_v2.pth is of another architecture than {V1}: "):
        TorchvisionNetwork(NetworkOptions(V1, str(checkpoint)))
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "classifier.pth")
    with pytest.raises(ValueError, match=r"classifier.pth is of another architecture than .*are missing, such as"):
        TorchvisionNetwork(NetworkOptions(V1, str(tmp_path / "classifier.pth")))


def test_a_checkpoint_that_is_cut_off_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes(checkpoint.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match=r"cut\.pth"):
        TorchvisionNetwork(NetworkOptions(weights=str(tmp_path / "cut.pth")))


def test_a_model_without_masks_or_of_no_zoo_is_refused_and_those_there_are_are_named() -> None:
    for model in ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet500"):
        with pytest.raises(ValueError, match=rf"no instance segmentation model '{model}'; it has {V1}, {V2}$"):
            TorchvisionNetwork(NetworkOptions(model))


def test_weights_of_the_zoo_that_cannot_be_fetched_are_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise urllib.error.URLError("no network in this test")

    # The one part that cannot be real here: whether there is a network is not the test's to choose.
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=rf"the COCO weights of {V2} cannot be fetched from https://.*no network in"):
        TorchvisionNetwork(NetworkOptions())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("box_score_thresh=0.5", "box_score_thresh is set by min_score"),
        ("min_size=100", "min_size is set by short_side_px"),
        ("rpn_post_nms_top_n=5", "take NAME=VALUE with .*rpn_post_nms_top_n_test"),
        ("num_classes=3", "take NAME=VALUE with "),
        ("box_nms_thresh=__import__('os')", "the value is a number"),
        ("box_nms_thresh", "the value is a number"),
        ("image_mean=[]", "the value is a number, or numbers in brackets"),
    ],
)
def test_an_override_that_the_network_does_not_take_is_refused_by_name(override: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"override .*: .*{said}"):
        TorchvisionNetwork(NetworkOptions(overrides=(override,)))


coordinates = st.floats(0, 40, width=32)


@given(st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=4), st.integers(0, 10_000))
@settings(deadline=None, max_examples=150)
def test_pasting_in_the_box_gives_what_torchvision_pastes_into_the_frame(
    corners: list[tuple[float, float, float, float]], seed: int
) -> None:
    boxes = torch.tensor([[*map(min, c[:2], c[2:]), *map(max, c[:2], c[2:])] for c in corners]).reshape(-1, 4)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(max=30)
    masks = torch.from_numpy(np.random.default_rng(seed).random((len(boxes), 1, 28, 28), np.float32))
    expected = paste_masks_in_image(masks, boxes, (30, 40))[:, 0] > 0.5
    assert paste_masks(masks, boxes, (30, 40)) == [encode(mask.numpy()) for mask in expected]


def test_a_box_outside_of_the_frame_gives_an_empty_mask() -> None:
    boxes = torch.tensor([[-30.0, -30, -20, -20], [50, 50, 60, 60]])
    assert areas(paste_masks(torch.ones(2, 1, 28, 28), boxes, (30, 40))).tolist() == [0, 0]
