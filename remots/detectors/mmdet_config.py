"""A config of MMDetection, changed as the options say."""

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config, DictAction

from remots.detectors.network import NetworkOptions
from remots.errors import first_line

_N_NAMED = 3
_SIZE_STEP_PX = 32  # the coarsest feature map of the networks that pad to a square


def read_config(path: Path, options: NetworkOptions) -> Config:
    """Read a config and change it: lowest score, size of the images, then the overrides.

    Parameters
    ----------
    path : Path
        A config is Python code: it runs.
    options : NetworkOptions

    Returns
    -------
    Config

    Raises
    ------
    ValueError
        If the config cannot be read, an override names a key that it has not, or its pipeline does not scale images.
    """
    try:
        config = Config.fromfile(str(path))
    except Exception as error:  # a config is code, which raises what it likes
        raise ValueError(f"mmdet cannot read the config {path}: {first_line(error)}") from error
    if not config.get("model") or not config.get("test_dataloader"):
        raise ValueError(f"{path} is no config of a detector: it needs model and test_dataloader")
    if "backbone" in config.model:
        config.model.backbone["init_cfg"] = None  # the checkpoint has all weights: fetch none
    _set_min_score(config, options.min_score)
    if options.short_side_px or options.long_side_px:
        _set_size(config, path, options.short_side_px, options.long_side_px)
    _override(config, path, options.overrides)
    return config


def input_transforms(config: Config) -> list[dict[str, Any]]:
    """Give the steps from an image in memory to the network's input.

    Parameters
    ----------
    config : Config
        From `read_config`.

    Returns
    -------
    list of dict
        The config's test pipeline, which starts from an array and leaves annotations alone.
    """
    first, *rest = get_test_pipeline_cfg(config)
    loader = {**first, "type": "mmdet.LoadImageFromNDArray"}
    return [loader, *(step for step in rest if not _name(step).endswith("Annotations"))]


def _set_min_score(config: Config, min_score: float) -> None:
    """Let the network itself drop low scores, where it can: that saves time, and places among its best."""
    test = config.model.get("test_cfg") or {}
    part = test.get("rcnn") or test
    for key in ("score_thr", "filter_thr"):  # the second: of SOLO, after its matrix NMS
        if key in part:
            part[key] = min_score


def _set_size(config: Config, path: Path, short_side_px: int | None, long_side_px: int | None) -> None:
    """Change Resize, and Pad where it pads to the size of Resize."""
    steps = get_test_pipeline_cfg(config)
    resize = next((step for step in steps if _name(step).endswith("Resize") and "scale" in step), None)
    if resize is None:
        raise ValueError(f"{path.name} scales images in a way of its own: leave out the short and the long side")
    usual = resize["scale"] if isinstance(resize["scale"], Sequence) else (resize["scale"],)
    long_side = long_side_px or max(usual)
    scale = (long_side, min(short_side_px or min(usual), long_side))
    side = -(-long_side // _SIZE_STEP_PX) * _SIZE_STEP_PX
    for step in steps:
        if _name(step) == "Pad" and tuple(step.get("size") or ()) == tuple(usual):
            step["size"] = (side, side)
    resize["scale"] = scale


def _override(config: Config, path: Path, overrides: Sequence[str]) -> None:
    for override in overrides:
        key, is_pair, _ = override.partition("=")
        if not is_pair:
            raise ValueError(f"override {override!r} is not KEY=VALUE, such as model.test_cfg.rpn.max_per_img=50")
        _check_key(config, path, key)
        try:
            config.merge_from_dict(_parse(override))
        except Exception as error:  # assertions, type and key errors, as the value happens to be
            raise ValueError(f"override {override!r} does not suit {path.name}: {first_line(error)}") from error


def _parse(override: str) -> dict[str, Any]:
    """Parse as the framework's own tools do: numbers, True, None, lists, tuples."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--override", action=DictAction, nargs=1)
    parsed: dict[str, Any] = parser.parse_args([f"--override={override}"]).override
    return parsed


def _check_key(config: Config, path: Path, key: str) -> None:
    """Refuse a key that the config has not: the framework would take it in, and never look at it."""
    node: Any = config
    for part in key.split("."):
        if isinstance(node, Mapping | Config):
            names = list(node)
        else:
            names = list(map(str, range(len(node)))) if isinstance(node, list | tuple) else []
        if part not in names:
            close = difflib.get_close_matches(part, names, _N_NAMED, 0.0)
            hint = f"there is {', '.join(close)}" if close else "there is nothing below"
            raise ValueError(
                f"override {key!r}: {path.name} has no {part!r} there; {hint} (a config file of your own may add keys)"
            )
        node = node[part] if isinstance(node, Mapping | Config) else node[int(part)]


def _name(step: Mapping[str, Any]) -> str:
    """Give the name of a transform, which configs of the newer kind have as a class."""
    kind = step["type"]
    return str(kind).rpartition(".")[2] if isinstance(kind, str) else str(kind.__name__)
