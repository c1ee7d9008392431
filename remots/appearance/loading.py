"""Draw, read and alter crops: those of the next mini-batch while the network is busy with the present one."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from remots.appearance.augmentation import STILL, augment
from remots.appearance.sampling import Batch, BatchSampler
from remots.appearance.training_plan import TrainingPlan

_AUGMENT = 1  # stream of chance beside the sampler's
HELD_OUT = 2**31  # in the place of a step


class CropStore(Protocol):
    """An array of crops, in memory or in a file: ``store[rows]`` gives shape (n_rows, height, width, 4)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_masks, height, width, 4)."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Read rows."""


class LoadedBatch(NamedTuple):
    """A mini-batch with its crops, altered and ready; `crops` has shape (n, height, width, 4)."""

    batch: Batch
    crops: NDArray[np.uint8]


def load_batches(
    sampler: BatchSampler, stores: Sequence[CropStore], steps: range, plan: TrainingPlan
) -> Generator[LoadedBatch]:
    """Draw, read and alter the crops of each step, one step ahead of the training, in a thread of its own.

    Parameters
    ----------
    sampler : BatchSampler
        Which crops.
    stores : sequence of CropStore
        Where they are.
    steps : range
        Numbers of the steps; the crops of a step depend on its number and the seed alone.
    plan : TrainingPlan
        Its seed and how far to alter.

    Yields
    ------
    LoadedBatch
        Of each step in turn. Close the generator to end the thread.
    """

    def load(step: int) -> LoadedBatch:
        batch = sampler.draw(step)
        rng = np.random.default_rng((plan.seed, step, _AUGMENT))
        crops = read_crops(batch, stores)
        return LoadedBatch(batch, augment(crops, batch.is_strong, rng, plan.weak, plan.strong, batch.labels))

    with ThreadPoolExecutor(1, thread_name_prefix="crops") as thread:
        ahead = [thread.submit(load, step) for step in steps[:1]]
        for step in steps:
            loaded = ahead.pop().result()
            if step + 1 in steps:
                ahead.append(thread.submit(load, step + 1))
            yield loaded


def load_held_out(sampler: BatchSampler, stores: Sequence[CropStore], plan: TrainingPlan) -> LoadedBatch:
    """Draw and read what a training is judged by; only copies are altered, as all crops are compared as they are."""
    batch = sampler.draw(HELD_OUT)
    rng = np.random.default_rng((plan.seed, HELD_OUT, _AUGMENT))
    return LoadedBatch(
        batch, augment(read_crops(batch, stores), batch.is_strong, rng, STILL, plan.strong, batch.labels)
    )


def read_crops(batch: Batch, stores: Sequence[CropStore]) -> NDArray[np.uint8]:
    """Read the crops of a mini-batch as they are; shape (n, height, width, 4)."""
    crops = np.empty((len(batch), *stores[0].shape[1:]), np.uint8)
    for store in np.unique(batch.stores).tolist():
        crops[batch.stores == store] = stores[store][batch.rows[batch.stores == store]]
    return crops
