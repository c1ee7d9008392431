"""Which detectors could run here and now: their framework is installed, and their weights are on this disk."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remots.detectors.camera_motion import CameraMotion
from remots.detectors.registry import DETECTORS

# In the order of preference: the paper's two, then the rest.
PREFERENCE = ("detectron2", "mmdet", "torchvision", "transformers")


def is_installed(detector: str) -> bool:
    """Tell whether all that a detector needs is installed; nothing of it is imported."""
    return all(importlib.util.find_spec(package) is not None for package in DETECTORS[detector].needs)


def has_weights(detector: str) -> bool:
    """Tell whether the weights of a network's default model lie in its framework's cache."""
    folder, pattern = _cached_weights(detector)
    return folder.is_dir() and any(path.is_file() for path in folder.glob(pattern))


def networks_at_hand() -> list[str]:
    """Name the networks that could run without a download, the best first."""
    return [name for name in PREFERENCE if is_installed(name) and has_weights(name)]


def camera_moves(images: Iterable[NDArray[np.uint8]]) -> bool:
    """Tell whether the camera moves; images are RGB, of one size, spread over the video."""
    camera = CameraMotion()
    for image in images:
        camera.add(image)
    return camera.moves()


def _cached_weights(detector: str) -> tuple[Path, str]:
    """Say where a framework keeps what it has fetched, and what its default model's weights are called."""
    home = Path.home()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    torch_home = Path(os.environ.get("TORCH_HOME") or caches / "torch")
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or caches / "huggingface") / "hub")
    iopath = Path(os.environ.get("FVCORE_CACHE") or home / ".torch" / "iopath_cache")
    return {
        "detectron2": (iopath, "detectron2/Misc/cascade_mask_rcnn_X_152*/**/*.pkl"),
        "mmdet": (torch_home / "hub" / "checkpoints", "mask_rcnn_x101_64x4d_fpn_2x_coco*.pth"),
        "torchvision": (torch_home / "hub" / "checkpoints", "maskrcnn_resnet50_fpn_v2*.pth"),
        "transformers": (hub, "models--facebook--mask2former-swin-large-coco-instance/**/*.safetensors"),
    }[detector]
