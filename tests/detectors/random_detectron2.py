"""Networks of Detectron2's zoo with seeded random weights that do find things, saved as the framework saves them."""

import pickle
from pathlib import Path
from typing import Any

import torch

from remots.detectors.compat import provide_detectron2_ops

provide_detectron2_ops()

from detectron2 import model_zoo  # noqa: E402
from detectron2.checkpoint import DetectionCheckpointer  # noqa: E402
from detectron2.config import get_cfg  # noqa: E402
from detectron2.modeling import build_model  # noqa: E402

X152 = "Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv.yaml"
FOUND_MOST = 0  # the class that scores higher than the others: COCO's person


def random_network(config_name: str, seed: int = 0) -> Any:
    """Build the whole network; the framework's own initialisation would let its signals die or explode on the way."""
    config = get_cfg()
    is_path = Path(config_name).is_file()
    config.merge_from_file(config_name if is_path else model_zoo.get_config_file(config_name))
    config.MODEL.DEVICE = "cpu"
    torch.manual_seed(seed)
    network = build_model(config).eval()
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            scale_weight(name, weight, config.MODEL.ROI_BOX_HEAD.NORM == "GN")
    return network


def scale_weight(name: str, weight: torch.Tensor, is_normalised: bool) -> None:
    """Let each block change its input a little, samples lie off the grid, and scores, boxes and masks differ."""
    if "conv3.norm.weight" in name:
        weight.fill_(0.2)
    elif "conv2_offset.weight" in name:
        weight.normal_(std=0.01)
    elif "box_predictor" in name and "cls_score.weight" in name:
        weight.mul_(20 if is_normalised else 0.5)
    elif "box_predictor" in name and "cls_score.bias" in name:
        weight[FOUND_MOST] += 7 if is_normalised else 2
    elif "anchor_deltas.weight" in name or "bbox_pred.weight" in name:
        weight.mul_(3)
    elif "mask_head.predictor.weight" in name:
        weight.mul_(300)


def save_pth(network: Any, folder: Path, name: str) -> Path:
    """Save as a training does."""
    DetectionCheckpointer(network, str(folder)).save(name)
    return folder / f"{name}.pth"


def save_pkl(weights: dict[str, torch.Tensor], path: Path) -> Path:
    """Save as the files of the framework's zoo are: a plain pickle of numpy arrays."""
    with path.open("wb") as file:
        content = {"model": {name: weight.numpy() for name, weight in weights.items()}, "__author__": "a test"}
        pickle.dump(content, file, protocol=4)
    return path
