"""Where a network computes, and in which arithmetic."""

from contextlib import AbstractContextManager, nullcontext

import torch

from remots.detectors.network import Precision


def pick_device(requested: str) -> torch.device:
    """Find the device that is asked for.

    Parameters
    ----------
    requested : str
        ``"auto"`` (the first GPU, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If there is no such device here.
    """
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(requested)
    except RuntimeError:
        raise ValueError(f"unknown device {requested!r}; give auto, cpu, cuda or cuda:1") from None
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= n_gpus:
        raise ValueError(
            f"device {requested} is not there: torch sees {n_gpus} GPUs here; device auto takes what there is"
        )
    return device


def arithmetic(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Let a network compute in the precision asked for: torch's autocast, which leaves what needs it in float32.

    Parameters
    ----------
    device : torch.device
    precision : {"float32", "bfloat16", "float16"}

    Returns
    -------
    context manager
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))
