"""Detectron2's networks; by default the first of the paper's two, Cascade Mask R-CNN X152 (section 2.1)."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from remots.detectors.checkpoints import Comparison, check_fits, find_weights, read_checkpoint
from remots.detectors.compat import provide_detectron2_ops
from remots.detectors.devices import arithmetic, pick_device
from remots.detectors.interface import Instance
from remots.detectors.network import ZOO, NetworkOptions, class_indices
from remots.detectors.pasting import paste_box_masks
from remots.masks.rle import areas

provide_detectron2_ops()

from detectron2 import model_zoo  # noqa: E402
from detectron2.checkpoint import DetectionCheckpointer  # noqa: E402
from detectron2.config import get_cfg  # noqa: E402
from detectron2.data import MetadataCatalog  # noqa: E402
from detectron2.data.transforms import ResizeShortestEdge  # noqa: E402
from detectron2.layers import DeformConv, ModulatedDeformConv  # noqa: E402
from detectron2.modeling import META_ARCH_REGISTRY, GeneralizedRCNN, build_model, detector_postprocess  # noqa: E402
from detectron2.modeling.poolers import ROIPooler  # noqa: E402
from detectron2.utils.file_io import PathManager  # noqa: E402
from fvcore.common.checkpoint import _filter_reused_missing_keys  # noqa: E402

logger = logging.getLogger(__name__)

PAPER_MODEL = "Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv.yaml"
MASK_THRESHOLD = 0.5  # the framework's own
_ZOO_CONFIGS = Path(model_zoo.__file__).parent / "configs"


class Detectron2Network:
    """A network of Detectron2, such as its predictor would run it, but for whole batches and without dense masks.

    Parameters
    ----------
    options : NetworkOptions
        ``model`` is a config of the zoo by name, or the path of a .yaml file; ``overrides`` are keys of such
        a config, for instance ``"MODEL.RPN.POST_NMS_TOPK_TEST=50"``, and come last.

    Raises
    ------
    ValueError
        If there is no such config, key, class, checkpoint or device, the checkpoint is of another network, or the
        network finds no masks.
    """

    def __init__(self, options: NetworkOptions) -> None:
        model = options.model or PAPER_MODEL
        self.device = pick_device(options.device)
        self._precision, self._min_score = options.precision, options.min_score
        self._class_id = options.class_id
        config = _configure(model, options, self.device)
        wanted = class_indices(options.classes, _class_names(config), model)
        self._wanted = torch.tensor(sorted(wanted))
        weights = _locate_weights(model, options.weights)
        checkpoint = read_checkpoint(weights)
        self._network = _build(config, model)
        _load(self._network, checkpoint, weights, model)
        if options.precision != "float32":
            _keep_coordinates_exact(self._network)
        shortest = config.INPUT.MIN_SIZE_TEST
        self._resize = ResizeShortestEdge([shortest, shortest], config.INPUT.MAX_SIZE_TEST)
        self._is_bgr = config.INPUT.FORMAT == "BGR"

    def prepare(self, images: object) -> None:
        """Do nothing: each image is looked at alone; see `Detector.prepare`."""

    @torch.inference_mode()
    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find the instances of the classes asked for; see `Detector.detect`. In the framework's order, best first."""
        if not images:
            return []
        with arithmetic(self.device, self._precision):
            try:
                found = self._network.inference([self._as_input(image) for image in images], do_postprocess=False)
            except NotImplementedError as error:  # operators that only a compiled framework, or a GPU, has
                raise ValueError(f"this network cannot run here: {_first_line(error)}") from error
        if isinstance(found, tuple):  # panoptic networks: instances, and what fills the rest of the frame
            found = found[0]
        return [self._encode(result, image.shape[:2]) for result, image in zip(found, images, strict=True)]

    def _as_input(self, image: NDArray[np.uint8]) -> dict[str, Any]:
        ordered = np.ascontiguousarray(image[:, :, ::-1]) if self._is_bgr else image
        scaled = self._resize.get_transform(ordered).apply_image(ordered)
        return {"image": torch.as_tensor(scaled.astype(np.float32).transpose(2, 0, 1))}

    def _encode(self, result: Any, size: tuple[int, ...]) -> list[Instance]:
        height, width = size
        result = result.to("cpu")
        result = result[torch.isin(result.pred_classes, self._wanted) & (result.scores >= self._min_score)]
        if not len(result):
            return []
        # Under another name the framework leaves the masks as small as they are, and only scales and clips the boxes.
        small = result.pred_masks
        result.remove("pred_masks")
        result.probabilities = getattr(small, "tensor", small)
        result = detector_postprocess(result, height, width)
        probabilities = result.probabilities.flatten(end_dim=-3)
        masks = paste_box_masks(probabilities, result.pred_boxes.tensor, (height, width), MASK_THRESHOLD)
        scores = result.scores.float().clamp(max=1.0).tolist()
        return [
            Instance(mask, score, self._class_id)
            for mask, score, area in zip(masks, scores, areas(masks), strict=True)
            if area > 0
        ]


def _configure(model: str, options: NetworkOptions, device: torch.device) -> Any:
    file = _find_config(model)
    config = get_cfg()
    try:
        # The zoo's own configs are the framework's code, and some compute; a person's file must not.
        config.merge_from_file(str(file), allow_unsafe=file.is_relative_to(_ZOO_CONFIGS))
    except (yaml.YAMLError, AssertionError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ValueError(f"{file} is no config of Detectron2: {_first_line(error)}") from None
    config.MODEL.DEVICE = str(device)
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = options.min_score
    config.INPUT.MIN_SIZE_TEST = options.short_side_px or config.INPUT.MIN_SIZE_TEST
    config.INPUT.MAX_SIZE_TEST = options.long_side_px or config.INPUT.MAX_SIZE_TEST
    for override in options.overrides:
        _override(config, override, model)
    _check_usable(config, model)
    return config


def _find_config(model: str) -> Path:
    path = Path(model)
    if path.suffix == ".py":
        raise ValueError(f"{model} is a Python config, which is code; give one of Detectron2's .yaml configs")
    name = model if path.suffix in (".yaml", ".yml") else f"{model}.yaml"
    for file in (path, _ZOO_CONFIGS / name):
        if file.is_file():
            return file
    names = sorted(str(file.relative_to(_ZOO_CONFIGS)) for file in _ZOO_CONFIGS.rglob("*.yaml"))
    close = difflib.get_close_matches(name, names, 3, 0.0)
    raise ValueError(
        f"there is neither a file {model} nor such a config in Detectron2's zoo; its closest are {', '.join(close)}"
    )


def _override(config: Any, override: str, model: str) -> None:
    key, is_given, value = override.partition("=")
    if not is_given:
        raise ValueError(f"override {override!r} is not KEY=VALUE, such as MODEL.RPN.POST_NMS_TOPK_TEST=50")
    try:
        config.merge_from_list([key, value])
    except (AssertionError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"override {override!r} does not suit the config {model}: {_first_line(error)}") from None


def _check_usable(config: Any, model: str) -> None:
    """Refuse, before anything is built, what finds no masks of instances or needs more than images."""
    name = config.MODEL.META_ARCHITECTURE
    if name not in META_ARCH_REGISTRY:
        raise ValueError(f"{model} is a network of the kind {name}, which this Detectron2 does not have")
    if not issubclass(META_ARCH_REGISTRY.get(name), GeneralizedRCNN) or not config.MODEL.MASK_ON:
        raise ValueError(
            f"{model} ({name}) gives no masks of instances; take a config such as those of COCO-InstanceSegmentation"
        )
    if config.MODEL.PROPOSAL_GENERATOR.NAME == "PrecomputedProposals":
        raise ValueError(f"{model} needs proposals from elsewhere; take a config with a proposal generator of its own")
    if config.INPUT.FORMAT not in ("RGB", "BGR"):
        raise ValueError(f"{model} takes images as {config.INPUT.FORMAT}; only RGB and BGR are known here")


def _class_names(config: Any) -> Sequence[str]:
    """Take the names from the data set of the config; numbers where it has none, or not as many as the network."""
    n_classes = config.MODEL.ROI_HEADS.NUM_CLASSES
    names: list[str] = []
    for data_set in config.DATASETS.TEST[:1]:
        names = MetadataCatalog.get(data_set).get("thing_classes", [])
    return names if len(names) == n_classes else [str(number) for number in range(n_classes)]


def _locate_weights(model: str, weights: str) -> str:
    """Give the checkpoint's path; the framework fetches those of its zoo."""
    if weights != ZOO:
        return weights
    try:
        url = model_zoo.get_checkpoint_url(model)
    except RuntimeError:
        raise ValueError(
            f"Detectron2's zoo has no weights for {model}; give the path of a checkpoint (--weights)"
        ) from None
    try:
        return str(PathManager.get_local_path(url))
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"cannot fetch the weights of {model} ({_first_line(error)}): download {url} where there is a network, and "
            "give the file's path (--weights)"
        ) from None


def _build(config: Any, model: str) -> Any:
    try:
        return build_model(config).eval()
    except (KeyError, AssertionError, ValueError, TypeError) as error:
        raise ValueError(f"Detectron2 cannot build the network of {model}: {_first_line(error)}") from error


def _load(network: Any, checkpoint: Mapping[str, Any], path: str, model: str) -> None:
    """Fill the network; the framework matches names, also those of the older frameworks that its zoo has weights of."""
    weights = find_weights(checkpoint, path)
    names = list(network.state_dict())
    is_foreign = bool(checkpoint.get("matching_heuristics")) or not any(name in weights for name in names)
    if is_foreign:
        weights = {name: value for name, value in weights.items() if not name.endswith("_momentum")}
    author = checkpoint.get("__author__") or ("Caffe2" if _is_all_arrays(weights) else None)
    content = {"model": weights, "__author__": author, "matching_heuristics": is_foreign}
    try:
        found = DetectionCheckpointer(network)._load_model(content)
    except (AssertionError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is of another architecture than {model}: its {len(weights)} weights cannot be matched with the "
            f"network's {len(names)} ({_first_line(error)})"
        ) from None
    missing = [name for name in found.missing_keys if not name.endswith("num_batches_tracked")]
    missing = sorted(_filter_reused_missing_keys(network, missing))
    check_fits(Comparison(missing, found.unexpected_keys, found.incorrect_shapes), names, path, model)
    if found.unexpected_keys:
        logger.info("%s: %d weights are of parts that %s has not", path, len(found.unexpected_keys), model)


def _is_all_arrays(weights: Mapping[str, Any]) -> bool:
    return all(isinstance(value, np.ndarray) for value in weights.values())


def _keep_coordinates_exact(network: Any) -> None:
    """Sample feature maps in float32 under autocast, too.

    Half precision would round the places where they are sampled: a coordinate around 1000 px to 8 px in bfloat16.
    """
    for module in network.modules():
        if isinstance(module, ROIPooler | DeformConv | ModulatedDeformConv):
            module.register_forward_pre_hook(_arguments_in_float32)


def _arguments_in_float32(_module: object, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_in_float32(argument) for argument in arguments)


def _in_float32(argument: Any) -> Any:
    if isinstance(argument, list):
        return [_in_float32(part) for part in argument]
    return argument.float() if isinstance(argument, torch.Tensor) and argument.is_floating_point() else argument


def _first_line(error: Exception) -> str:
    return (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
