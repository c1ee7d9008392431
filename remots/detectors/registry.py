"""The detectors by name; each lives in a module of its own, which is imported only when it is asked for."""

import importlib
from typing import Any, cast

from remots.detectors.interface import Detector

# Name of the detector: (module, class).
DETECTORS: dict[str, tuple[str, str]] = {"motion": ("remots.detectors.motion", "MotionDetector")}


def create_detector(name: str, **settings: Any) -> Detector:
    """Make a detector.

    Parameters
    ----------
    name : str
        A key of `DETECTORS`.
    **settings
        Its settings, as its class names them.

    Returns
    -------
    Detector

    Raises
    ------
    ValueError
        If there is no such detector; lists those there are.
    """
    if name not in DETECTORS:
        raise ValueError(f"unknown detector {name!r}; there is {', '.join(DETECTORS)}")
    module, class_name = DETECTORS[name]
    return cast(Detector, getattr(importlib.import_module(module), class_name)(**settings))
