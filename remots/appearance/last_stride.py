"""Set the last stride of a backbone to 1, so that its last feature map is twice as high and wide."""

from typing import Any, cast

import torch
from torch import Tensor, nn

_STRIDED = (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d)


def set_last_stride_to_one(backbone: nn.Module, example: Tensor) -> bool:
    """Let the last stage of a convolutional backbone keep the resolution of the stage before.

    Parameters
    ----------
    backbone : Module
        A timm model; changed in place. Its weights keep their shapes.
    example : Tensor of float, shape (1, 3, height, width)
        Images of the size that it is for.

    Returns
    -------
    bool
        Whether the last feature map is now twice as high and wide; else the backbone is as it was.

    Notes
    -----
    Source: Luo et al. 2019, "last stride". No dilation takes the stride's place. Where the last strides are, a trial
    run tells: they are the layers of stride 2 that see the smallest map (in a ResNet a convolution and the shortcut
    beside it).
    """
    before = _map_size(backbone, example)
    if before is None:
        return False
    undo = [_set_stride(backbone, name, layer) for name, layer in _last_strided_layers(backbone, example)]
    after = _map_size(backbone, example)
    if undo and after is not None and all(a in (2 * b - 1, 2 * b) for a, b in zip(after, before, strict=True)):
        return True
    for module, attribute, value in undo:
        setattr(module, attribute, value)
    return False


def _last_strided_layers(backbone: nn.Module, example: Tensor) -> list[tuple[str, nn.Module]]:
    seen: dict[str, int] = {}

    def note(name: str) -> Any:
        return lambda _layer, inputs, _output: seen.update({name: inputs[0].shape[2]})

    layers = {
        name: layer
        for name, layer in backbone.named_modules()
        if isinstance(layer, _STRIDED) and layer.stride in (2, (2, 2))
    }
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    try:
        _map_size(backbone, example)
    finally:
        for hook in hooks:
            hook.remove()
    smallest = min(seen.values(), default=0)
    return [(name, layers[name]) for name, height in seen.items() if height == smallest]


def _set_stride(backbone: nn.Module, name: str, layer: nn.Module) -> tuple[nn.Module, str, Any]:
    """Set one layer's stride to 1; gives what to set to undo it."""
    if isinstance(layer, nn.Conv2d):
        before = layer.stride
        layer.stride = (1, 1)
        return layer, "stride", before
    # Pooling exists for its stride; without it the layer lets everything through.
    parent_name, _, own_name = name.rpartition(".")
    parent = backbone.get_submodule(parent_name)
    setattr(parent, own_name, nn.Identity())
    return parent, own_name, layer


def _map_size(backbone: nn.Module, example: Tensor) -> tuple[int, int] | None:
    """Give height and width of the last feature map; None where there is no such thing."""
    try:
        with torch.no_grad():
            last_map = cast(Any, backbone.eval()).forward_features(example)
    except (RuntimeError, AttributeError):
        return None
    if not isinstance(last_map, Tensor) or last_map.ndim != 4:
        return None
    return int(last_map.shape[2]), int(last_map.shape[3])
