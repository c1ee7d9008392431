"""Networks of MMDetection's zoo with seeded random weights that do find things, saved as the framework saves them."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from remots.detectors.compat import provide_mmcv_ops

provide_mmcv_ops()

from mmdet.apis import init_detector  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.logging import MessageHub  # noqa: E402
from mmengine.runner import save_checkpoint  # noqa: E402

from remots.detectors.mmdet_zoo import find_config  # noqa: E402

X101 = "mask-rcnn_x101-64x4d_fpn_2x_coco"
FOUND_MOST = (0, 1)  # classes of the Mask R-CNN family that score higher than the others


def random_network(config_name: str, changes: dict[str, Any] | None = None, seed: int = 0) -> Any:
    """Build the whole network as the framework's own users do; it is not yet in the adapter's hands."""
    config = Config.fromfile(find_config(config_name))
    config.merge_from_dict(changes or {})
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = init_detector(config, None, palette="coco", device="cpu")
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            scale_weight(name, weight)
    return network


def scale_weight(name: str, weight: torch.Tensor) -> None:
    """Let scores and boxes differ, and two classes stand out."""
    if name.endswith("fc_cls.weight"):
        weight.mul_(30)
    elif name.endswith("fc_cls.bias"):
        weight[list(FOUND_MOST)] += 3
    elif name.endswith("fc_reg.weight"):
        weight.mul_(3)


def save(network: Any, path: Path, classes: Sequence[str] | None = None) -> Path:
    """Save as a training does, with its record of losses; classes None leaves the names out."""
    hub = MessageHub.get_instance("a test")
    hub.update_scalar("train/loss", 0.5)
    meta = {"epoch": 1, "iter": 20, "seed": 0, "cfg": network.cfg.pretty_text}
    if classes:
        meta["dataset_meta"] = {"classes": tuple(classes), "palette": [(0, 0, 0)]}
    content = {"meta": meta, "state_dict": network.state_dict(), "message_hub": hub.state_dict()}
    save_checkpoint(content, str(path))
    return path
