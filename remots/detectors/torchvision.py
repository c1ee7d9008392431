"""Mask R-CNN of torchvision: its COCO weights, or any checkpoint that was trained with it."""

import ast
import inspect
from collections.abc import Sequence
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import detection as zoo
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.models.detection.roi_heads import expand_boxes, expand_masks
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops.misc import FrozenBatchNorm2d

from remots.detectors.checkpoints import Comparison, check_fits, compare_weights, find_weights, read_checkpoint
from remots.detectors.devices import arithmetic, pick_device
from remots.detectors.interface import Instance
from remots.detectors.network import ZOO, NetworkOptions, class_indices
from remots.masks.rle import Rle, areas, encode_crop

DEFAULT_MODEL = "maskrcnn_resnet50_fpn_v2"
MASK_THRESHOLD = 0.5
_CLASS_LAYER = "roi_heads.box_predictor.cls_score.weight"
_N_BATCHES_SEEN = "num_batches_tracked"  # every batch normalisation has it, a frozen one has not
_OWN_SETTING = {"box_score_thresh": "min_score", "min_size": "short_side_px", "max_size": "long_side_px"}


class TorchvisionNetwork:
    """Instance segmentation with a network of ``torchvision.models.detection``.

    Parameters
    ----------
    options : NetworkOptions
        ``model``: name of a builder that makes masks. ``weights``: ``"zoo"`` (COCO), or the path of a state dict; the
        number of classes is read from it. ``overrides``: number arguments of `MaskRCNN`, such as
        ``box_detections_per_img=50``.

    Raises
    ------
    ValueError
        If an option does not suit, the weights cannot be fetched, or the checkpoint does not fit the model.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self.device = pick_device(options.device)
        self._options = options
        model = options.model or DEFAULT_MODEL
        network, classes = _build(model, options)
        self._network = network.to(self.device).eval()
        self._wanted = class_indices(options.classes, classes, model)

    def prepare(self, images: object) -> None:
        """Do nothing: each image is looked at alone."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find what there is in images; see `Detector.detect`. Best scores first.

        Notes
        -----
        The parts of the network run one by one, as its own `forward` does, up to where that would paste every mask
        into a float frame.
        """
        with torch.inference_mode(), arithmetic(self.device, self._options.precision):
            tensors = [torch.from_numpy(image).to(self.device).permute(2, 0, 1).float() / 255 for image in images]
            batch, _ = self._network.transform(tensors)
            features = self._network.backbone(batch.tensors)
            proposals, _ = self._network.rpn(batch, features)
            detections, _ = self._network.roi_heads(features, proposals, batch.image_sizes)
        return [
            self._instances(found, scaled, (image.shape[0], image.shape[1]))
            for found, scaled, image in zip(detections, batch.image_sizes, images, strict=True)
        ]

    def _instances(self, found: dict[str, Tensor], scaled: tuple[int, int], size: tuple[int, int]) -> list[Instance]:
        found = {name: values.cpu() for name, values in found.items()}
        rows = torch.isin(found["labels"], torch.tensor(sorted(self._wanted))).nonzero()[:, 0]
        boxes = resize_boxes(found["boxes"][rows].float(), scaled, size)
        masks = paste_masks(found["masks"][rows].float(), boxes, size)
        scores = found["scores"][rows].tolist()
        return [
            Instance(mask, score, self._options.class_id)
            for mask, score, area in zip(masks, scores, areas(masks), strict=True)
            if area > 0
        ]


def paste_masks(probabilities: Tensor, boxes: Tensor, size: tuple[int, int]) -> list[Rle]:
    """Scale small masks to their boxes, the way torchvision does it, without ever making a frame.

    Parameters
    ----------
    probabilities : Tensor of float32, shape (n, 1, m, m), in [0, 1]
        Of the object, on a grid over its box; on the CPU.
    boxes : Tensor of float32, shape (n, 4), in px of the frame
        Corners x0, y0, x1, y1.
    size : (int, int)
        Height and width of the frame in px.

    Returns
    -------
    list of Rle, length n
        Where the probability is above 0.5; some may be empty.

    Notes
    -----
    Mask and box grow by a border of one grid cell, the box is cut to whole pixels, and the mask is scaled to it: to the
    bit what the network's own `forward` gives.
    """
    padded, scale = expand_masks(probabilities, padding=1)
    corners = expand_boxes(boxes, scale).to(torch.int64).tolist()
    return [_paste(mask, box, size) for mask, box in zip(padded, corners, strict=True)]


def _paste(mask: Tensor, box: list[int], size: tuple[int, int]) -> Rle:
    left, top, right, bottom = box[0], box[1], box[2] + 1, box[3] + 1
    shape = (max(bottom - top, 1), max(right - left, 1))
    scaled = functional.interpolate(mask[None], size=shape, mode="bilinear", align_corners=False)[0, 0]
    first_row, first_column = max(top, 0), max(left, 0)
    inside = scaled[first_row - top : max(size[0] - top, 0), first_column - left : max(size[1] - left, 0)]
    if inside.numel() == 0:
        return encode_crop(np.zeros((0, 0), np.bool_), 0, 0, size)
    return encode_crop((inside > MASK_THRESHOLD).numpy(), first_column, first_row, size)


def _build(model: str, options: NetworkOptions) -> tuple[Any, list[str]]:
    """Make the network; give it and its classes, the background first."""
    builders = [name for name in list_models(module=zoo) if name.startswith("maskrcnn")]
    if model not in builders:
        raise ValueError(f"torchvision has no instance segmentation model {model!r}; it has {', '.join(builders)}")
    arguments = _arguments(options)
    weights = get_model_weights(model)["DEFAULT"]
    categories = list(weights.meta["categories"])
    if options.weights == ZOO:
        return _fetch(model, weights, arguments), categories
    weights_by_name = find_weights(read_checkpoint(options.weights), options.weights)
    # Trained on several GPUs, every name begins with "module.".
    state = {name.removeprefix("module."): torch.as_tensor(value) for name, value in weights_by_name.items()}
    n_classes = len(state[_CLASS_LAYER]) if _CLASS_LAYER in state else len(categories)
    # The builder would else fetch weights of the backbone, only for them to be overwritten.
    network = get_model(model, weights=None, weights_backbone=None, num_classes=n_classes, **arguments)
    _load(network, state, options.weights, model)
    return network, _class_names(n_classes, categories, options.classes)


def _fetch(model: str, weights: Any, arguments: dict[str, Any]) -> nn.Module:
    try:
        network: nn.Module = get_model(model, weights=weights, **arguments)
    except (URLError, OSError) as error:
        raise ValueError(
            f"the COCO weights of {model} cannot be fetched from {weights.url} ({error}): fetch that file elsewhere "
            "and give its path as weights"
        ) from error
    return network


def _load(network: nn.Module, state: dict[str, Tensor], path: str, model: str) -> None:
    """Put a state dict into the network, whether it was trained with frozen batch normalisation or not."""
    if not any(name.endswith(_N_BATCHES_SEEN) for name in state):
        _freeze_normalisation(network)
    own = network.state_dict()
    compared = compare_weights(state, own)
    if not compared.reshaped:
        # torchvision gives weights of older versions their new names while it loads; what is missing then, is missing.
        missing, unused = network.load_state_dict(state, strict=False)
        compared = Comparison(missing, [name for name in unused if not name.endswith(_N_BATCHES_SEEN)], [])
    check_fits(compared, own, path, model)


def _freeze_normalisation(network: nn.Module) -> None:
    """Replace batch normalisations as the builders do where they start from weights; those of COCO have no epsilon."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=0.0))


def _class_names(n_classes: int, categories: list[str], wanted: Sequence[str]) -> list[str]:
    """Name the classes of a checkpoint, which holds only their number: COCO's, or the one wanted, or numbers."""
    if n_classes == len(categories):
        return categories
    if n_classes == 2 and len(wanted) == 1:  # the background and one class
        return [categories[0], wanted[0]]
    return [categories[0], *map(str, range(1, n_classes))]


def _arguments(options: NetworkOptions) -> dict[str, Any]:
    """Collect what the builder is called with."""
    own = {
        "box_score_thresh": options.min_score,
        "min_size": options.short_side_px,
        "max_size": options.long_side_px,
    }
    given = {name: value for name, value in own.items() if value is not None}
    return given | dict(map(_read_override, options.overrides))


def _read_override(override: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``: an argument of `MaskRCNN` that is a number or a list of numbers."""
    name, equals, text = override.partition("=")
    if name in _OWN_SETTING:
        raise ValueError(f"override {override!r}: {name} is set by {_OWN_SETTING[name]}")
    # torchvision swallows arguments it does not know, so they are looked up here.
    known = sorted(name for name in inspect.signature(MaskRCNN.__init__).parameters if _takes_numbers(name))
    if name not in known:
        raise ValueError(f"override {override!r}: torchvision's networks take NAME=VALUE with {', '.join(known)}")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    numbers = value if isinstance(value, (list, tuple)) and len(value) else [value]
    if not equals or not all(isinstance(number, (int, float)) for number in numbers):
        raise ValueError(
            f"override {override!r}: the value is a number, or numbers in brackets such as [0.5, 0.5, 0.5]"
        )
    return name, value


def _takes_numbers(name: str) -> bool:
    default = inspect.signature(MaskRCNN.__init__).parameters[name].default
    return name.startswith("image_") or (isinstance(default, (int, float)) and name not in _OWN_SETTING)
