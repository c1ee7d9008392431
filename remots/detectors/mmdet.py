"""Networks of MMDetection; by default the paper's Mask R-CNN X-101-64x4d (section 2.1)."""

import types
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from remots.detectors.checkpoints import Comparison, check_fits, compare_weights, find_weights, read_checkpoint
from remots.detectors.compat import provide_mmcv_ops
from remots.detectors.devices import arithmetic, pick_device
from remots.detectors.interface import Instance
from remots.detectors.network import NetworkOptions, class_indices
from remots.detectors.pasting import encode_frame_masks, paste_box_masks
from remots.errors import first_line
from remots.masks.rle import Rle, areas

provide_mmcv_ops()
try:
    import mmdet  # noqa: F401
except AssertionError as error:  # how it meets versions of mmcv that it was not made for
    raise ValueError(f"mmdet does not go with the mmcv installed here: {error}".replace("\n", " ")) from error

from mmcv.transforms import Compose  # noqa: E402
from mmdet.evaluation import get_classes  # noqa: E402
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead  # noqa: E402
from mmdet.models.detectors import TwoStageDetector, TwoStagePanopticSegmentor  # noqa: E402
from mmdet.models.roi_heads.bbox_heads import BBoxHead  # noqa: E402
from mmdet.models.roi_heads.mask_heads import FCNMaskHead  # noqa: E402
from mmdet.registry import DATASETS, MODELS  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.model import revert_sync_batchnorm  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.utils import apply_to  # noqa: E402

from remots.detectors.mmdet_config import input_transforms, read_config  # noqa: E402
from remots.detectors.mmdet_zoo import find_checkpoint, find_config  # noqa: E402

DEFAULT_MODEL = "mask-rcnn_x101-64x4d_fpn_2x_coco"


class MmdetNetwork:
    """An instance segmentation network of MMDetection.

    Parameters
    ----------
    options : NetworkOptions
        `model` is a config of mmdet's zoo by name, or the path of a config, which is Python code and runs: give none
        that you do not trust. `weights` ``"zoo"`` are those published for a config of the zoo. `overrides` are in
        mmengine's language, such as ``model.test_cfg.rpn.max_per_img=50``.

    Raises
    ------
    ValueError
        If config, checkpoint, classes, device or overrides do not exist, or do not suit each other.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self.device = pick_device(options.device)
        path = find_config(options.model or DEFAULT_MODEL)
        config = read_config(path, options)
        init_default_scope(config.get("default_scope", "mmdet"))
        checkpoint_path = find_checkpoint(options.weights, path)
        checkpoint = read_checkpoint(checkpoint_path)
        self._name = path.stem
        self._wanted = class_indices(options.classes, _class_names(checkpoint, config), self._name)
        self._network: Any = _build(config, self._name)
        _load(self._network, checkpoint, checkpoint_path, self._name)
        self._network.to(self.device).eval()
        self._threshold = _keep_box_masks(self._network)
        if options.precision != "float32":
            _decode_in_full(self._network)
        self._transform = Compose(input_transforms(config))

    def prepare(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Do nothing: the network knows already what there is to know."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Instance]]:
        """Find instances of the wanted classes; see `Detector.detect`."""
        inputs = [self._transform({"img": np.ascontiguousarray(image[..., ::-1]), "img_id": 0}) for image in images]
        batch = {key: [each[key] for each in inputs] for key in ("inputs", "data_samples")}
        try:
            with torch.inference_mode(), arithmetic(self.device, self._options.precision):
                samples = self._network.test_step(batch)
        except NotImplementedError as error:
            raise ValueError(f"{self._name}: {error}") from error
        return [self._read(sample, image) for sample, image in zip(samples, images, strict=True)]

    def _read(self, sample: Any, image: NDArray[np.uint8]) -> list[Instance]:
        found = sample.get("pred_instances")
        if found is None or "masks" not in found:
            raise ValueError(f"{self._name} finds no masks of instances: take another config, such as {DEFAULT_MODEL}")
        wanted = torch.tensor(sorted(self._wanted), device=found.labels.device)
        is_kept = torch.isin(found.labels, wanted) & (found.scores >= self._options.min_score) & (found.scores > 0)
        kept = found[is_kept]
        masks = self._encode(kept, (image.shape[0], image.shape[1]))
        return [
            Instance(mask, score, self._options.class_id)
            for mask, score, area_px in zip(masks, kept.scores.tolist(), areas(masks), strict=True)
            if area_px
        ]

    def _encode(self, found: Any, size: tuple[int, int]) -> list[Rle]:
        if not len(found):
            return []
        if self._threshold is None:
            return encode_frame_masks(found.masks)
        return paste_box_masks(found.masks, found.bboxes, size, self._threshold)


def _build(config: Config, name: str) -> nn.Module:
    try:
        network: nn.Module = revert_sync_batchnorm(MODELS.build(config.model))
    except Exception as error:  # whatever a layer makes of arguments that it does not know
        reason = first_line(error)
        raise ValueError(f"mmdet cannot build {name}: {reason}") from error
    return network


def _load(network: nn.Module, checkpoint: Mapping[str, Any], path: Path, name: str) -> None:
    """Fill in the weights, all of them; modules may rename what older versions have saved."""
    weights = OrderedDict(
        (key.removeprefix("module."), torch.as_tensor(value)) for key, value in find_weights(checkpoint, path).items()
    )
    own: Any = network.state_dict()
    # The versions of the modules tell them whether there is something to rename.
    versions = getattr(checkpoint.get("state_dict", checkpoint), "_metadata", None) or own._metadata
    cast(Any, weights)._metadata = {key.removeprefix("module."): value for key, value in versions.items()}
    try:
        missing, unused = network.load_state_dict(weights, strict=False)
        comparison = Comparison(missing, unused, [])
    except RuntimeError:
        comparison = compare_weights(weights, own)
    needed = [key for key in comparison.missing if not key.endswith("num_batches_tracked")]
    check_fits(comparison._replace(missing=needed), own, path, name)


def _class_names(checkpoint: Mapping[str, Any], config: Config) -> Sequence[str]:
    """Find the names of the classes: in the checkpoint, else in the config, else COCO's."""
    meta = checkpoint.get("meta") or {}
    of_data = {str(key).lower(): value for key, value in (meta.get("dataset_meta") or {}).items()}
    dataset = config.test_dataloader.dataset
    while "dataset" in dataset:
        dataset = dataset.dataset
    kind = DATASETS.get(dataset.get("type")) if isinstance(dataset.get("type"), str) else dataset.get("type")
    names = (
        of_data.get("classes")
        or meta.get("CLASSES")  # mmdet 2
        or (dataset.get("metainfo") or {}).get("classes")
        or getattr(kind, "METAINFO", {}).get("classes")
        or (name.replace("_", " ") for name in get_classes("coco"))
    )
    return (names,) if isinstance(names, str) else tuple(names)


def _keep_box_masks(network: Any) -> float | None:
    """Let a network of the Mask R-CNN family give the small masks in its boxes instead of full frames.

    Returns
    -------
    float or None
        Probability from which a pixel is the object's; None if the network gives full frames, as all others do.
    """
    heads = [module for module in network.modules() if isinstance(module, FCNMaskHead)]
    is_usual = all(type(head)._predict_by_feat_single is FCNMaskHead._predict_by_feat_single for head in heads)
    is_two_stage = isinstance(network, TwoStageDetector) and not isinstance(network, TwoStagePanopticSegmentor)
    if not (heads and is_usual and is_two_stage):
        return None
    for head in heads:
        head._predict_by_feat_single = types.MethodType(_small_masks, head)
    return float(network.test_cfg.rcnn.mask_thr_binary)


def _decode_in_full(network: Any) -> None:
    """Let backbone, neck and heads compute in half precision, but what comes of it, boxes above all, in float32.

    The framework itself gives anchors and regions the type of the features: with the 8 bits of bfloat16, a box at
    1000 px is rounded to multiples of 4 px.
    """
    heads = [module for module in network.modules() if isinstance(module, BaseDenseHead | BBoxHead | FCNMaskHead)]
    for module in [*heads, *(module for module in [getattr(network, "neck", None)] if module is not None)]:
        module.register_forward_hook(lambda _module, _inputs, output: apply_to(output, _is_half, Tensor.float))


def _is_half(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)


def _small_masks(
    head: Any,
    mask_preds: Tensor,
    bboxes: Tensor,
    labels: Tensor,
    img_meta: Mapping[str, Any],
    rcnn_test_cfg: object,
    rescale: bool = False,
    activate_map: bool = False,
) -> Tensor:
    """Do as the head's own method does, up to where it pastes: boxes are scaled in place, masks chosen by class."""
    probabilities = mask_preds if activate_map else mask_preds.sigmoid()
    if rescale:
        bboxes /= bboxes.new_tensor(img_meta["scale_factor"]).repeat((1, 2))
    if head.class_agnostic:
        return probabilities[:, 0]
    return probabilities[torch.arange(len(labels), device=labels.device), labels]
