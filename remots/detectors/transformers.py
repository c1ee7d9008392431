"""Networks of queries of the transformers library: Mask2Former, MaskFormer, EoMT, RF-DETR."""

import inspect
import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForInstanceSegmentation,
    AutoModelForUniversalSegmentation,
)
from transformers.image_transforms import get_size_with_aspect_ratio

from remots.detectors.checkpoints import Comparison, check_fits, find_weights, read_checkpoint
from remots.detectors.devices import arithmetic, pick_device
from remots.detectors.interface import Instance
from remots.detectors.network import ZOO, NetworkOptions, class_indices
from remots.detectors.query_masks import (
    Found,
    blocky_masks,
    choose_pairs,
    choose_queries,
    smooth_masks,
    unpadded_masks,
)
from remots.errors import first_line

DEFAULT_MODEL = "facebook/mask2former-swin-large-coco-instance"
_GRID = (384, 384)  # on which transformers cuts the masks of Mask2Former, whatever the size of the image
_OF_ANY_SIZE = ("mask2former", "maskformer")  # the others have an embedding for each place in the image
_SIDES = ("shortest_edge", "longest_edge")


class TransformersNetwork:
    """Instance segmentation with a network of transformers.

    Parameters
    ----------
    options : NetworkOptions
        ``model``: a folder that ``save_pretrained`` wrote, or the name of a model of the hub. ``weights``: ``"zoo"``
        (what the folder or the hub has), or the path of another checkpoint of that model. ``overrides``: fields of the
        model's ``preprocessor_config.json``, the values in JSON, such as ``image_mean=[0, 0, 0]``.

    Raises
    ------
    ValueError
        If an option does not suit, the model cannot be fetched or makes no masks, or the checkpoint does not fit it.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self.device = pick_device(options.device)
        self._options = options
        model = options.model or DEFAULT_MODEL
        config = _read_config(model)
        self._find = _FINDERS[config.model_type]
        self._processor = _make_processor(model, config.model_type, options)
        self._network = _load(model, config, options.weights).to(self.device).eval()
        self._takes = set(inspect.signature(self._network.forward).parameters)
        classes = [config.id2label[index] for index in sorted(config.id2label)]
        self._wanted = class_indices(options.classes, classes, model)

    def prepare(self, images: object) -> None:
        """Do nothing: each image is looked at alone."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find what there is in images; see `Detector.detect`."""
        inputs = self._processor(images=list(images), input_data_format="channels_last", return_tensors="pt")
        inputs = {name: torch.as_tensor(inputs[name]) for name in ("pixel_values", "pixel_mask") if name in inputs}
        with torch.inference_mode():
            with arithmetic(self.device, self._options.precision):
                outputs = self._network(**{k: v.to(self.device) for k, v in inputs.items() if k in self._takes})
            return [self._instances(outputs, i, (image.shape[0], image.shape[1])) for i, image in enumerate(images)]

    def _instances(self, outputs: Any, index: int, size: tuple[int, int]) -> list[Instance]:
        one = {name: value[index] for name, value in outputs.items() if name in _OUTPUTS}
        found = self._find(one, self._wanted, self._options.min_score, size, self._processor)
        return [Instance(mask, score, self._options.class_id) for mask, score in found]


Outputs = Mapping[str, torch.Tensor]
Finder = Callable[[Outputs, frozenset[int], float, tuple[int, int], Any], Iterable[Found]]
_OUTPUTS = ("class_queries_logits", "masks_queries_logits", "logits", "pred_masks")


def _after_mask2former(
    one: Outputs, wanted: frozenset[int], min_score: float, size: tuple[int, int], _processor: Any
) -> Iterable[Found]:
    chosen = choose_pairs(_class_probabilities(one), wanted, min_score)
    return blocky_masks(one["masks_queries_logits"], chosen, min_score, _GRID, size)


def _after_maskformer(
    one: Outputs, wanted: frozenset[int], min_score: float, size: tuple[int, int], _processor: Any
) -> Iterable[Found]:
    chosen = choose_pairs(_class_probabilities(one), wanted, min_score)
    return blocky_masks(one["masks_queries_logits"], chosen, min_score, None, size)


def _after_eomt(
    one: Outputs, wanted: frozenset[int], min_score: float, size: tuple[int, int], processor: Any
) -> Iterable[Found]:
    chosen = choose_queries(_class_probabilities(one), wanted, min_score)
    short, long = (processor.size[side] for side in _SIDES)
    inner = get_size_with_aspect_ratio(size, short, long)
    return unpadded_masks(one["masks_queries_logits"], chosen, min_score, (short, long), inner, size)


def _after_rf_detr(
    one: Outputs, wanted: frozenset[int], min_score: float, size: tuple[int, int], _processor: Any
) -> Iterable[Found]:
    return smooth_masks(one["pred_masks"], choose_pairs(one["logits"].float().sigmoid(), wanted, min_score), size)


_FINDERS: dict[str, Finder] = {
    "mask2former": _after_mask2former,
    "maskformer": _after_maskformer,
    "eomt": _after_eomt,
    "eomt_dinov3": _after_eomt,
    "rf_detr": _after_rf_detr,
}


def _class_probabilities(one: Outputs) -> torch.Tensor:
    """Give the probabilities of the classes; the last is that of no object."""
    return one["class_queries_logits"].float().softmax(dim=-1)[:, :-1]


def _read_config(model: str) -> Any:
    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError, KeyError) as error:
        raise _cannot_read(model, error) from error
    if config.model_type not in _FINDERS:
        raise ValueError(
            f"{model} is a {config.model_type}, which makes no masks of instances that are known here; "
            f"take one of {', '.join(_FINDERS)}"
        )
    return config


def _make_processor(model: str, kind: str, options: NetworkOptions) -> Any:
    """Make what scales and normalises the images."""
    make: Any = AutoImageProcessor
    try:
        processor = make.from_pretrained(model)
        fields = processor.to_dict()
        changes = dict(_read_override(override, fields) for override in options.overrides)
        size = _change_size(model, kind, dict(processor.size), options)
        return make.from_pretrained(model, **changes, **size) if changes or size else processor
    except (OSError, KeyError) as error:
        raise _cannot_read(model, error) from error


def _change_size(model: str, kind: str, size: dict[str, int | None], options: NetworkOptions) -> dict[str, Any]:
    asked = dict(zip(_SIDES, (options.short_side_px, options.long_side_px), strict=True))
    if set(asked.values()) == {None}:
        return {}
    if kind not in _OF_ANY_SIZE:
        pixels = " x ".join(str(value) for value in size.values() if value is not None)
        raise ValueError(f"{model} takes images of {pixels} px only: leave short_side_px and long_side_px out")
    return {"size": {side: asked[side] or size[side] for side in _SIDES}}


def _read_override(override: str, fields: Mapping[str, Any]) -> tuple[str, Any]:
    name, equals, text = override.partition("=")
    if not equals or name not in fields or name == "size":
        known = ", ".join(sorted(field for field in fields if field != "size"))
        raise ValueError(
            f"override {override!r}: it is NAME=VALUE with a field of the model's image processor: {known}"
        )
    try:
        return name, json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(
            f"override {override!r}: the value is not JSON, such as 32, false or [0.5, 0.5, 0.5]"
        ) from None


def _load(model: str, config: Any, weights: str) -> nn.Module:
    """Make the network; nothing in it stays random."""
    mappings = (AutoModelForUniversalSegmentation._model_mapping, AutoModelForInstanceSegmentation._model_mapping)
    make: Any = next(mapping[type(config)] for mapping in mappings if type(config) in mapping)
    arguments: dict[str, Any] = {"config": config, "dtype": torch.float32, "weights_only": True}
    if weights != ZOO:
        arguments["state_dict"] = find_weights(read_checkpoint(weights), weights)
    try:
        network, report = make.from_pretrained(
            model if weights == ZOO else None, output_loading_info=True, ignore_mismatched_sizes=True, **arguments
        )
    except (OSError, ValueError, RuntimeError, pickle.UnpicklingError, SafetensorError) as error:
        raise _cannot_read(model if weights == ZOO else weights, error) from error
    keys = (sorted(report["missing_keys"]), sorted(report["unexpected_keys"]), sorted(report["mismatched_keys"]))
    check_fits(Comparison(*keys), network.state_dict(), model if weights == ZOO else weights, model)
    return network  # type: ignore[no-any-return]


def _cannot_read(source: str, error: Exception) -> ValueError:
    reason = first_line(error)
    return ValueError(
        f"{source}: transformers finds no usable model there ({reason}); give a folder that save_pretrained wrote, or "
        "the name of a model on the hub, where that can be reached"
    )
