"""The detectors by name; each lives in a module of its own, which is imported only when it is asked for."""

import importlib
from typing import Any, NamedTuple, cast

from remots.detectors.interface import Detector
from remots.detectors.mirroring import MirroredToo
from remots.detectors.network import NetworkOptions


class Entry(NamedTuple):
    """Where a detector lives.

    Attributes
    ----------
    module, class_name : str
    needs : tuple of str
        Packages outside of the default environment.
    install : str
        The one line that installs them.
    is_network : bool
        A network looks at each image alone, may use a GPU, and takes `NetworkOptions`.
    """

    module: str
    class_name: str
    needs: tuple[str, ...] = ()
    install: str = ""
    is_network: bool = True


DETECTORS: dict[str, Entry] = {
    "detectron2": Entry(
        "remots.detectors.detectron2",
        "Detectron2Network",
        ("detectron2", "fvcore", "iopath", "pkg_resources"),
        "envs/install_detectors.sh python3 detectron2",
    ),
    "mmdet": Entry(
        "remots.detectors.mmdet",
        "MmdetNetwork",
        ("mmdet", "mmcv", "mmengine", "pkg_resources"),
        "envs/install_detectors.sh python3 mmdet",
    ),
    "torchvision": Entry(
        "remots.detectors.torchvision", "TorchvisionNetwork", ("torchvision",), "pip install torchvision"
    ),
    "transformers": Entry(
        "remots.detectors.transformers",
        "TransformersNetwork",
        ("transformers",),
        "envs/install_detectors.sh python3 transformers",
    ),
    "motion": Entry("remots.detectors.motion", "MotionDetector", is_network=False),
}


def create_detector(detector: str, **settings: Any) -> Detector:
    """Make a detector.

    Parameters
    ----------
    detector : str
        A key of `DETECTORS`.
    **settings
        Its settings, as its class, or `NetworkOptions`, names them.

    Returns
    -------
    Detector

    Raises
    ------
    ValueError
        If there is no such detector (lists those there are), its framework is not installed (says how to), or a setting
        does not suit it.
    """
    if detector not in DETECTORS:
        raise ValueError(f"unknown detector {detector!r}; there is {', '.join(DETECTORS)}")
    entry = DETECTORS[detector]
    try:
        make = getattr(importlib.import_module(entry.module), entry.class_name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in entry.needs:
            raise
        raise ValueError(
            f"detector {detector} needs {error.name}, which is not installed; run: {entry.install}"
        ) from error
    if not entry.is_network:
        return cast(Detector, make(**settings))
    both_ways = settings.pop("flip", False)
    settings.pop("batch_size", None)  # a matter of `detect_frames`
    network = cast(Detector, make(NetworkOptions(**{name: _frozen(value) for name, value in settings.items()})))
    return MirroredToo(network) if both_ways else network


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
