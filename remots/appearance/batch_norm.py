"""Batch normalisation in a training whose mini-batches are few, small and all of one video."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """Give the layers of batch normalisation that keep running statistics."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.running_mean is not None]


def freeze_statistics(network: nn.Module) -> None:
    """Let batch normalisation use its running statistics, and leave them alone; its weights can still be trained."""
    for layer in batch_norms(network):
        layer.eval()


@torch.no_grad()
def adapt_statistics(network: nn.Module, layers: Iterable[_BatchNorm], batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of some layers by those of the given inputs.

    Parameters
    ----------
    network : Module
        Left in evaluation mode.
    layers : iterable of batch normalisation layers
        Layers of it; all others use the statistics that they have.
    batches : iterable of Tensor
        Inputs of the network. Statistics are the mean of those of the batches.
    """
    network.eval()
    layers = list(layers)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # all batches count alike
        layer.train()
    for batch in batches:
        network(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()
