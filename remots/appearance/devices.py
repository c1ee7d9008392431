"""Where the encoder computes, in which arithmetic, with how many threads, and what becomes of its memory.

On a GPU torch keeps what it has once had, for its own next layers (its caching allocator): a job's share of the GPU's
memory is its peak, from the first step to its end, and several jobs fit on one GPU where their peaks do together.
"""

import ctypes
import os
import platform
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from remots.appearance.encoder import Encoder

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # of mallopt(3)
_NEVER = 2**31 - 1
_TOP_PAD_BYTES = 64 * 2**20
_MALLOC_VARIABLES = (
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
)
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
    """Compute so many parts at once (`remots.appearance.parts`); None leaves torch's choice, which is one a core."""
    if n_threads is not None:
        torch.set_num_threads(max(n_threads, 1))


def keep_memory() -> bool:
    """Let the C library keep memory that was given back, for whoever asks next, as torch does on a GPU.

    The outputs of layers are so large that glibc asks the system for each and returns it at once; the system then
    clears every page anew. Call it before anything large is computed.

    Returns
    -------
    bool
        Whether it was done. It is left undone where the C library is not glibc, and where the environment says how
        ``malloc`` should behave (``MALLOC_MMAP_MAX_`` and the like, or ``glibc.malloc`` in ``GLIBC_TUNABLES``).

    Notes
    -----
    Measured on one core, processor seconds of a forward and backward pass of 64 crops of 256x128 px, before and after:
    tf_efficientnet_lite0 7.7 and 2.4 (5.0 of which the system's, then 0.15), seresnext50_32x4d 10.2 and 7.1, resnet18
    2.2 and 2.0. Peak memory grew by 4 to 19 %, in one run of a forward pass by 37 %. Only to raise the size from which
    memory is mapped does not do: glibc allows 32 MiB, layers are larger.
    """
    if platform.libc_ver()[0] != "glibc" or _malloc_is_set_by_hand():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # One arena for all threads: another thread's own holds nothing larger than 64 MiB, and gives back what it can.
    options = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD_BYTES), (_M_ARENA_MAX, 1))
    return all(mallopt(option, value) == 1 for option, value in options)


def _malloc_is_set_by_hand() -> bool:
    return any(name in os.environ for name in _MALLOC_VARIABLES) or "glibc.malloc" in os.environ.get(
        "GLIBC_TUNABLES", ""
    )
