"""Compute a batch in parts of a fixed size, side by side, so that no sum depends on the number of threads.

Where several threads share one convolution or one sum, its rounding depends on how many they are. Here each operation
runs in one thread, and the threads take different parts of the batch: what comes out is the same for 1 thread and 16.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

PART_SIZE = 16  # crops; on one core a training step takes 1 to 18 % longer than in one piece, with parts of 8 50 %

Part = TypeVar("Part")
Result = TypeVar("Result")


class SideBySide:
    """Threads that compute parts, each by itself; without threads of its own it computes one part after the other."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor

    def compute(self, function: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
        """Give the result of each part, in their order."""
        if self._executor is None:
            return [function(part) for part in parts]
        return list(self._executor.map(function, parts))


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Give as many threads as torch has been set to (`torch.set_num_threads`), and each operation just one."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(n_threads, "parts", torch.set_num_threads, (1,))
    try:
        yield SideBySide(pool)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(n_threads)


def part_size(device: torch.device, batch_size: int) -> int:
    """Give how many crops make a part: a fixed number on a CPU, all of them on a GPU, which shares the work itself."""
    return PART_SIZE if device.type == "cpu" else batch_size


def can_be_split(network: nn.Module, example: Tensor) -> bool:
    """Tell whether the parts of a batch know nothing of each other in this network, as it is set now.

    They do where batch normalisation takes the batch's own statistics, and where chance has one stream, as in dropout.

    Parameters
    ----------
    network : Module
        Left as it is, and so is torch's generator.
    example : Tensor
        An input of it, of a single crop.

    Returns
    -------
    bool
    """
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    if any(layer.training or layer.running_mean is None for layer in norms):
        return False
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        network(example)
        return torch.equal(torch.get_rng_state(), before)
