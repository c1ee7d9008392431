"""The appearance encoder: a timm backbone, or a graph from an ONNX file, and what it sees around a mask."""

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import timm
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from remots.appearance.last_stride import set_last_stride_to_one
from remots.errors import one_line

logger = logging.getLogger(__name__)

Background = Literal["kept", "blanked", "blurred"]
ONNX = "onnx"  # in the place of a timm name
ANY_CROP = (256, 128)  # the size at which a backbone is tried out where none is given
_BLUR_SHARE = 16  # a blurred background keeps one colour per 1/16 of the height and width
_UNUSUAL_CROP = (160, 96)  # that no graph is exported for
_N_NAMED = 3


@dataclass(frozen=True)
class EncoderDescription:
    """What an encoder is, beside its weights; enough to build it again.

    Attributes
    ----------
    backbone : str
        Name of a timm model, or ``"onnx"``.
    last_stride : int
        Stride of the backbone's last stage, 1 or 2; 2 where the backbone is left as it is.
    background : str
        What the encoder sees around a mask: ``"kept"``, ``"blanked"`` (the mean colour) or ``"blurred"``.
    crop_height_px, crop_width_px : int or None
        The size of the crops it is made for; None before it has been trained, where any size will do.
    n_dimensions : int
        Length of a feature.
    stage : str
        ``"pretrained"``, ``"intra"`` or ``"inter"``: what it was trained with last.
    weights : str
        Where its first weights came from.
    """

    backbone: str
    last_stride: int
    background: Background
    crop_height_px: int | None
    crop_width_px: int | None
    n_dimensions: int
    stage: str
    weights: str


class Encoder(nn.Module):
    """Turn crops into features.

    Parameters
    ----------
    backbone : str
        Name of a timm model; it is built without its classifier, with global average pooling.
    last_stride : int
        1 doubles the height and width of the last feature map (Luo et al. 2019). A backbone that allows no such change,
        such as a vision transformer, stays as it is, with a warning; `description` then says 2.
    background : {"kept", "blanked", "blurred"}
        What the encoder sees around a mask.
    crop_size : (int, int), optional
        Height and width of all crops in px, for backbones that must know it. By default crops of any size do.
    pretrained : bool
        Take timm's own weights from its hub; random weights otherwise, from torch's global generator.
    graph : bytes, optional
        A graph from an ONNX file, mended (`remots.appearance.onnx_graph.mend_graph`), in the place of a timm model; it
        is used as it is, its last stride and batch normalisation too. It must take images in ImageNet's normalisation.

    Attributes
    ----------
    description : EncoderDescription
        What it is.
    graph : bytes or None
        The graph, where it is of an ONNX file.
    neck : BatchNorm1d or None
        What standardises each dimension of a feature, where a training has added it.

    Raises
    ------
    ValueError
        If there is no such backbone (names the closest), if timm has no weights for it or cannot fetch them, or if it
        cannot take crops of that size.

    Notes
    -----
    Source: ReMOTS section 2.2: SE-ResNeXt50, whose global-average-pooling output is the feature.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        backbone: str,
        last_stride: int = 1,
        background: Background = "blanked",
        crop_size: tuple[int, int] | None = None,
        pretrained: bool = False,
        graph: bytes | None = None,
    ) -> None:
        super().__init__()
        if graph is not None:
            backbone, last_stride, network = ONNX, 2, _build_graph(graph)
            crop_size = crop_size or _only_crop_size(graph, network)
        else:
            network = _create_backbone(backbone, crop_size, pretrained)
        example = torch.zeros(1, 3, *(crop_size or ANY_CROP))
        n_dimensions = _try_out(network, backbone, example)
        if last_stride == 1 and not set_last_stride_to_one(network, example):
            logger.warning("%s has no last stride that can be set to 1; it is used as it is", backbone)
            last_stride = 2
        self.backbone = network
        self.neck: nn.BatchNorm1d | None = None
        self.graph = graph
        height, width = crop_size or (None, None)
        self.description = EncoderDescription(
            backbone,
            last_stride,
            background,
            height,
            width,
            n_dimensions,
            "pretrained",
            "timm" if pretrained else "random",
        )
        for name, values in (("mean", IMAGENET_DEFAULT_MEAN), ("deviation", IMAGENET_DEFAULT_STD)):
            self.register_buffer(name, 255 * torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Compute the features of crops.

        Parameters
        ----------
        crops : Tensor of uint8, shape (n, height, width, 4)
            RGB, and the mask as fourth channel (0 or 255).

        Returns
        -------
        Tensor of float, shape (n, n_dimensions)
            Not normalised.
        """
        features = self.features_before_neck(crops)
        return features if self.neck is None else self.neck(features)

    def features_before_neck(self, crops: Tensor) -> Tensor:
        """Compute what the backbone makes of crops; where there is no neck, `forward` gives the same."""
        features: Tensor = self.backbone(self.preprocess(crops))
        return features

    def add_neck(self) -> None:
        """Add a BNNeck: a batch normalisation behind the backbone, without a bias that is trained (Luo et al. 2019)."""
        self.neck = nn.BatchNorm1d(self.description.n_dimensions)
        self.neck.bias.requires_grad_(False)

    def preprocess(self, crops: Tensor) -> Tensor:
        """Normalise the colours of crops and replace what lies around the masks; gives shape (n, 3, height, width)."""
        colours = crops[..., :3].permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
        colours.sub_(self.mean).div_(self.deviation)
        if self.description.background == "kept":
            return colours
        inside = crops[..., 3:].permute(0, 3, 1, 2) >= 128
        if self.description.background == "blanked":
            return colours.mul_(inside)
        return torch.where(inside, colours, _blur(colours))


def _create_backbone(name: str, crop_size: tuple[int, int] | None, pretrained: bool) -> nn.Module:
    """Build a backbone for crops of that size; most take any, transformers are told so or are told the size."""
    if not timm.is_model(name):
        close = _closest_names(name)
        hint = f"; did you mean {' or '.join(close)}?" if close else "; timm.list_models() names them all"
        raise ValueError(f"timm has no backbone {name!r}{hint}")
    sizing = {"img_size": crop_size} if crop_size else {"dynamic_img_size": True}
    try:
        try:
            return timm.create_model(name, pretrained=pretrained, num_classes=0, global_pool="avg", **sizing)
        except TypeError:  # a backbone that has no such option, as convolutional ones
            return timm.create_model(name, pretrained=pretrained, num_classes=0, global_pool="avg")
    except Exception as error:  # whatever the hub's client raises; offline there are a dozen kinds
        if not pretrained:
            raise ValueError(f"timm cannot build the backbone {name!r}: {one_line(error)}") from error
        raise ValueError(
            f"timm's weights of {name!r} could not be fetched ({one_line(error)}); "
            "where there is no network, give the path of a .pth or .safetensors file, or `lite0`"
        ) from error


def _build_graph(graph: bytes) -> nn.Module:
    try:
        from remots.appearance.onnx_graph import build_network
    except ImportError as error:
        raise ValueError(f"needs the packages onnx and onnx2torch: pip install onnx onnx2torch ({error})") from error
    return build_network(graph)


def _only_crop_size(graph: bytes, network: nn.Module) -> tuple[int, int] | None:
    """Give the one size of crops that a graph takes; None where it takes others beside the one it was exported for."""
    from remots.appearance.onnx_graph import declared_size

    size = declared_size(graph)
    if size is None:
        return None
    try:
        _try_out(network, ONNX, torch.zeros(1, 3, *(_UNUSUAL_CROP if size != _UNUSUAL_CROP else ANY_CROP)))
    except ValueError:
        return size
    return None


def _closest_names(name: str) -> list[str]:
    """Give names that go on as this one begins, then names that look alike."""
    names = timm.list_models()
    begun = [known for known in names if known.startswith(name)]
    alike = difflib.get_close_matches(name, names, n=_N_NAMED, cutoff=0.5)
    return list(dict.fromkeys([*begun, *alike]))[:_N_NAMED]


def _try_out(network: nn.Module, name: str, example: Tensor) -> int:
    """Give the length of a feature; raise ValueError where crops of that size do not go through."""
    try:
        with torch.no_grad():
            features = network.eval()(example)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        height, width = example.shape[2:]
        raise ValueError(
            f"the backbone {name!r} cannot take crops of {height}x{width} px ({one_line(error)}); "
            "give it another crop size, or take another backbone"
        ) from error
    if features.ndim != 2:
        raise ValueError(f"the backbone {name!r} gives no feature vector, but shape {tuple(features.shape)}")
    return int(features.shape[1])


def load_weights(encoder: Encoder, weights: Mapping[str, Tensor]) -> None:
    """Fill the backbone with weights of the same architecture.

    Parameters
    ----------
    encoder : Encoder
        Changed in place.
    weights : mapping of str to Tensor
        By timm's names. A classifier's weights are left out; anything else must fit.

    Raises
    ------
    ValueError
        If tensors are missing, left over or of other shapes: how many, and the first of them.
    """
    expected = encoder.backbone.state_dict()
    classifiers = _classifier_names(encoder.backbone)
    given = {name: tensor for name, tensor in weights.items() if not name.startswith(classifiers)}
    differing = [
        _difference(name, expected.get(name), given.get(name))
        for name in [*expected, *(name for name in given if name not in expected)]
        if name not in expected or name not in given or expected[name].shape != given[name].shape
    ]
    if differing:
        named = "; ".join(differing[:_N_NAMED])
        raise ValueError(
            f"not of a {encoder.description.backbone}: {len(differing)} of {len(expected)} tensors differ: {named}"
        )
    encoder.backbone.load_state_dict(given)


def rename_in_order(weights: Mapping[str, Tensor], encoder: Encoder) -> dict[str, Tensor]:
    """Give weights of the same architecture but other names the names of the encoder's backbone, one after the other.

    Parameters
    ----------
    weights : mapping of str to Tensor
        In the order of the layers, the classifier's last.
    encoder : Encoder
        Whose names to take.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    ValueError
        If the numbers of tensors, or the shapes of two at one place, differ.
    """
    expected = encoder.backbone.state_dict()
    if not len(expected) <= len(weights) <= len(expected) + 2:  # a classifier's weight and bias
        raise ValueError(f"{len(weights)} tensors do not fit {encoder.description.backbone}, which has {len(expected)}")
    renamed: dict[str, Tensor] = {}
    for (name, tensor), (old_name, given) in zip(expected.items(), weights.items(), strict=False):
        if tensor.shape != given.shape:
            shapes = f"{tuple(given.shape)}, not {tuple(tensor.shape)}"
            raise ValueError(f"{old_name} does not fit {name} of {encoder.description.backbone}: its shape is {shapes}")
        renamed[name] = given
    return renamed


def _classifier_names(backbone: nn.Module) -> tuple[str, ...]:
    named = getattr(backbone, "pretrained_cfg", {}).get("classifier") or "classifier"
    return tuple(f"{name}." for name in ([named] if isinstance(named, str) else named))


def _difference(name: str, expected: Tensor | None, given: Tensor | None) -> str:
    if given is None:
        return f"{name} is missing"
    if expected is None:
        return f"{name} is not part of it"
    return f"{name} has shape {tuple(given.shape)}, not {tuple(expected.shape)}"


def _blur(colours: Tensor) -> Tensor:
    height, width = colours.shape[2:]
    coarse = nn.functional.adaptive_avg_pool2d(colours, (max(height // _BLUR_SHARE, 1), max(width // _BLUR_SHARE, 1)))
    return nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
