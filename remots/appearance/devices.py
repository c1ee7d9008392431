"""Where the encoder computes, and in which arithmetic."""

import platform
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from remots.appearance.encoder import Encoder

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86-64 and 64-bit Arm


def pick_device() -> torch.device:
    """Give the first GPU that is visible, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def move(encoder: Encoder, device: torch.device) -> Encoder:
    """Move an encoder to a device, in the layout of memory (channels last) in which convolutions are fastest."""
    moved: Encoder = cast(Any, encoder).to(device, memory_format=torch.channels_last)
    return moved


def pick_precision(requested: str, network: nn.Module, device: torch.device) -> torch.dtype:
    """Choose the arithmetic of convolutions and products; weights and losses always stay float32.

    Parameters
    ----------
    requested : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where it saves time: on a GPU that has it, and on a CPU that has it unless the network
        has depthwise convolutions.
    network : Module
        The encoder.
    device : torch.device
        Where it runs.

    Returns
    -------
    torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.

    Notes
    -----
    Measured on one core with AVX512-BF16, 128x64 px, crops a second in training, float32 and bfloat16: resnet18 77 and
    143, tf_efficientnet_lite0, whose convolutions are depthwise, 107 and 57.
    """
    if requested != "auto":
        return torch.bfloat16 if requested == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_has_bfloat16() and not _has_depthwise(network) else torch.float32


def _cpu_has_bfloat16() -> bool:
    if platform.system() != "Linux":
        return False
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("flags", "Features")):
            return bool(_BFLOAT16_FLAGS & set(line.split()))
    return False


def _has_depthwise(network: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1 for layer in network.modules())


def use_threads(n_threads: int | None) -> None:
    """Compute with so many threads; None leaves torch's choice, which is one a core."""
    if n_threads is not None:
        torch.set_num_threads(max(n_threads, 1))
