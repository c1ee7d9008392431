"""Images a second of the real training and embedding, against the bare network on random numbers in the same process.

The difference is what sampling, reading, alteration, mining, loss, Adam, log and evaluations cost.
Rounds of both alternate, the middle one counts, and on a CPU it is processor time that is measured, so that other work
on the machine weighs little.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from remots.appearance.batch_norm import freeze_statistics
from remots.appearance.devices import pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.sampling import BatchSampler, IntraFrame
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan
from remots.formats.arrays import ArrayReader
from tests.appearance.drawn_people import draw_people

BACKBONE = "tf_efficientnet_lite0"
SIZE = (128, 64)
BATCH_SIZE, N_PEOPLE, N_FRAMES = 64, 8, 32
STEPS_A_ROUND, N_ROUNDS = 25, 3
STEPS_AN_EVALUATION, N_EVALUATED = 25, 96  # as the settings have it
GOAL = 0.95


def measure() -> list[dict[str, Any]]:
    """Measure both; each row's ratio is ours over the bare network's images a second."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        crops, frames, _ = draw_people(N_PEOPLE, N_FRAMES, *SIZE)
        np.save(Path(folder) / "crops.npy", crops)
        store = ArrayReader(Path(folder) / "crops.npy", (None, None, 4), np.uint8)
        return [_measure_training(store, frames), _measure_embedding(store)]


def _measure_training(store: ArrayReader, frames: np.ndarray) -> dict[str, Any]:
    encoder, plan = Encoder(BACKBONE), TrainingPlan(steps=STEPS_A_ROUND, batch_norm="frozen")
    evaluated = store[np.arange(N_EVALUATED)]
    sampler = BatchSampler(IntraFrame(frames), [], BATCH_SIZE, 2, 8, 0)
    bare, images = _bare_network()

    def train() -> None:
        train_encoder(encoder, sampler, [store], plan)
        for _ in range(STEPS_A_ROUND // STEPS_AN_EVALUATION):
            list(embed_crops(encoder, evaluated, BATCH_SIZE))

    def train_bare() -> None:
        bare.train()
        freeze_statistics(bare)  # as ours has it: cheaper than the statistics of each mini-batch
        for _ in range(STEPS_A_ROUND):
            bare.zero_grad(set_to_none=True)
            _forward(bare, images).float().square().mean().backward()
        _wait()

    n_images = STEPS_A_ROUND * BATCH_SIZE
    return _row("training", train, train_bare, n_images)


def _measure_embedding(store: ArrayReader) -> dict[str, Any]:
    encoder = Encoder(BACKBONE)
    bare, images = _bare_network()

    def embed() -> None:
        for _ in embed_crops(encoder, store, BATCH_SIZE):
            pass

    def embed_bare() -> None:
        bare.eval()
        with torch.inference_mode():
            for _ in range(len(store) // BATCH_SIZE):
                _forward(bare, images)
        _wait()

    return _row("embedding", embed, embed_bare, len(store))


def _bare_network() -> tuple[torch.nn.Module, torch.Tensor]:
    device = pick_device()
    network = Encoder(BACKBONE).backbone.to(device, memory_format=torch.channels_last)
    images = torch.randn(BATCH_SIZE, 3, *SIZE, device=device).to(memory_format=torch.channels_last)
    return network, images


def _forward(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    precision = pick_precision("auto", network, images.device)
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        return network(images)


def _row(name: str, ours: Callable[[], object], bare: Callable[[], object], n_images: int) -> dict[str, Any]:
    ours(), bare()  # the first run of either sets things up
    rounds = [(_seconds(ours), _seconds(bare)) for _ in range(N_ROUNDS)]
    our_rate, bare_rate = (n_images / statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    return {
        "what": f"{name} of {BACKBONE}, {SIZE[0]}x{SIZE[1]} px, images/s of one core",
        "ours": our_rate,
        "peer": "the bare network on random tensors",
        "peer_value": bare_rate,
        "ratio": our_rate / bare_rate,
        "goal": f">= {GOAL}",
    }


def _wait() -> None:
    """Let a GPU finish; `train_encoder` and `embed_crops` wait by themselves, for the loss and the features."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _seconds(work: Callable[[], object]) -> float:
    clock = time.perf_counter if pick_device().type == "cuda" else time.process_time
    started = clock()
    work()
    return clock() - started
