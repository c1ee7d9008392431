"""Stand-ins for compiled operators that a framework's wheel lacks; a framework that has its own is left untouched."""

import importlib
import importlib.machinery
import logging
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

logger = logging.getLogger(__name__)


class _StandIn(ModuleType):
    """A module of a few functions; the others that a framework may ask for raise when they are called."""

    def __init__(self, name: str, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(name, "Stand-in for compiled operators, over torchvision's.")
        # mmengine asks for the loader of mmcv's extension, to know whether there is one; any will do.
        self.__spec__ = importlib.machinery.ModuleSpec(name, cast(Any, importlib.machinery.BuiltinImporter))
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_arguments: Any, **_named: Any) -> Any:
            framework = self.__name__.partition(".")[0]
            raise NotImplementedError(
                f"this network needs {self.__name__}.{name}, a compiled operator that this installation of {framework} "
                f"lacks: install a full {framework}, or take another network"
            )

        return missing


def provide_detectron2_ops() -> None:
    """Make ``detectron2._C`` importable; to be called before anything of the framework is imported.

    Raises
    ------
    ModuleNotFoundError
        If there is no Detectron2.

    Notes
    -----
    On a CPU the framework itself takes torchvision's deformable convolution; on a GPU the stand-in does.
    """
    importlib.import_module("detectron2")
    _provide("detectron2._C", {"deform_conv_forward": _deform_conv, "modulated_deform_conv_forward": _modulated_conv})


def provide_mmcv_ops() -> None:
    """Make ``mmcv._ext`` importable; to be called before anything of the framework is imported.

    Raises
    ------
    ModuleNotFoundError
        If there is no mmcv.

    Notes
    -----
    It has what detectors need: non-maximum suppression, RoI align, deformable convolution, and deformable attention,
    for which mmcv has Python code of its own.
    """
    importlib.import_module("mmcv")
    _provide(
        "mmcv._ext",
        {
            "nms": _mmcv_nms,
            "roi_align_forward": _mmcv_roi_align,
            "deform_conv_forward": _mmcv_deform_conv,
            "modulated_deform_conv_forward": _mmcv_modulated_conv,
            "ms_deform_attn_forward": _mmcv_deform_attention,
        },
    )


def _provide(name: str, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Register a stand-in where the real module cannot be imported."""
    try:
        importlib.import_module(name)
        return
    except ImportError as error:
        reason = str(error)
    package, _, attribute = name.rpartition(".")
    stand_in = _StandIn(name, functions)
    sys.modules[name] = stand_in
    setattr(sys.modules[package], attribute, stand_in)
    logger.info("%s cannot be imported (%s): torchvision's operators stand in for it", name, reason)


def _deform_conv(image: Any, weight: Any, offset: Any, output: Any, *rest: Any) -> None:
    """Do as Detectron2's operator of this place: write the deformable convolution of `image` into `output`."""
    from torchvision.ops import deform_conv2d

    # rest: two buffers, then width before height of kernel, stride, padding and dilation.
    stride, padding, dilation = ((rest[at + 1], rest[at]) for at in (4, 6, 8))
    output.copy_(deform_conv2d(image, offset, weight, stride=stride, padding=padding, dilation=dilation))


def _modulated_conv(
    image: Any, weight: Any, bias: Any, _buffer: Any, offset: Any, mask: Any, output: Any, *rest: Any
) -> None:
    """Do the same with a mask over the samples."""
    from torchvision.ops import deform_conv2d

    # rest: a buffer, the kernel's size, two each of stride, padding and dilation, groups, whether there is a bias.
    stride, padding, dilation = (tuple(rest[at : at + 2]) for at in (3, 5, 7))
    own_bias = bias if rest[-1] else None
    output.copy_(deform_conv2d(image, offset, weight, own_bias, stride, padding, dilation, mask))


def _mmcv_nms(boxes: Any, scores: Any, iou_threshold: float, offset: int) -> Any:
    """Suppress boxes; with offset 1 the last pixel counts as part of a box."""
    from torchvision.ops import nms

    corners = boxes.float()
    return nms(corners + corners.new_tensor([0, 0, offset, offset]), scores.float(), iou_threshold)


def _mmcv_roi_align(image: Any, regions: Any, output: Any, *_buffers: Any, pool_mode: int, **named: Any) -> None:
    """Write into `output`; in float32 inside, because torchvision's has no half precision on a CPU."""
    from torchvision.ops import roi_align

    if pool_mode != 1:
        raise NotImplementedError(
            "this network pools the maximum in mmcv._ext.roi_align_forward, a compiled operator that this installation "
            "of mmcv lacks: install a full mmcv, or take another network"
        )
    size = (named["aligned_height"], named["aligned_width"])
    options = (named["spatial_scale"], named["sampling_ratio"], named["aligned"])
    output.copy_(roi_align(image.float(), regions.float(), size, *options))


def _mmcv_deform_conv(image: Any, weight: Any, offset: Any, output: Any, *_buffers: Any, **named: int) -> None:
    """Do as mmcv's operator of this place; how many groups there are follows from the shapes."""
    from torchvision.ops import deform_conv2d

    stride, padding, dilation = ((named[f"{name}H"], named[f"{name}W"]) for name in ("d", "pad", "dilation"))
    output.copy_(deform_conv2d(image, offset, weight, stride=stride, padding=padding, dilation=dilation))


def _mmcv_modulated_conv(
    image: Any, weight: Any, bias: Any, _ones: Any, offset: Any, mask: Any, output: Any, _columns: Any, **named: int
) -> None:
    """Do the same with a mask over the samples."""
    from torchvision.ops import deform_conv2d

    stride, padding, dilation = ((named[f"{name}_h"], named[f"{name}_w"]) for name in ("stride", "pad", "dilation"))
    own_bias = bias if named["with_bias"] else None
    output.copy_(deform_conv2d(image, offset, weight, own_bias, stride, padding, dilation, mask))


def _mmcv_deform_attention(value: Any, sizes: Any, _starts: Any, locations: Any, attention: Any, **_named: int) -> Any:
    """Attend on a GPU as mmcv itself does on a CPU."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    return multi_scale_deformable_attn_pytorch(value, sizes, locations, attention)
