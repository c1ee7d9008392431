"""Images a second of the real training and embedding, against the bare network on random numbers in the same process.

The difference is what sampling, reading, alteration, mining, loss, Adam, log and evaluations cost; the evaluations
count as cost in full, as the bare network has none. Embedding may be the faster one: it folds batch normalisation. Both
keep their memory as the verbs do. Rounds of both alternate, and the middle one counts. On one core of a CPU it is
processor time that is measured, so that other work on the machine weighs little; on all cores it is time by the clock.

On a GPU three more rows a network say how near the training comes to the GPU's peak, which is taken from large products
of matrices in the same process, and what half precision brings; without a GPU one row says that there is none.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from remots.appearance.batch_norm import freeze_statistics
from remots.appearance.devices import keep_memory, pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.sampling import BatchSampler, IntraFrame
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan
from remots.formats.files.arrays import ArrayReader
from tests.appearance.drawn_people import draw_people


class Load(NamedTuple):
    """A network at a size of crops, and how much of it fits into a benchmark."""

    backbone: str
    height_px: int
    width_px: int
    n_steps: int  # of a round
    n_embedded: int  # crops of a round
    n_rounds: int

    @property
    def name(self) -> str:
        return f"{self.backbone}, {self.height_px}x{self.width_px} px"


LOADS = [
    Load("tf_efficientnet_lite0", 128, 64, n_steps=25, n_embedded=1024, n_rounds=3),
    Load("seresnext50_32x4d", 256, 128, n_steps=2, n_embedded=64, n_rounds=3),  # the default
]
BATCH_SIZE, N_PEOPLE, N_FRAMES = 64, 8, 32
STEPS_AN_EVALUATION, N_EVALUATED = 25, 96  # as the settings have it
GOAL = 0.95
_PRODUCT, _N_PRODUCTS = 8192, 20  # side of the matrices by which a GPU's peak is taken


def measure() -> list[dict[str, Any]]:
    """Measure all; each row's ratio is ours over the bare network's images a second, unless it says otherwise."""
    keep_memory()
    has_gpu, n_cores = pick_device().type == "cuda", len(os.sched_getaffinity(0))
    rows = []
    for n_threads in sorted({1, 1 if has_gpu else n_cores}):
        torch.set_num_threads(n_threads)
        rows += [row for load in LOADS for row in _measure_load(load)]
    if not has_gpu:
        rows.append({"what": "share of a GPU's peak, full against half precision", "ours": "no GPU here: not measured"})
    return rows


def _measure_load(load: Load) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        crops, frames, _ = draw_people(N_PEOPLE, N_FRAMES, load.height_px, load.width_px)
        np.save(Path(folder) / "crops.npy", crops)
        store = ArrayReader(Path(folder) / "crops.npy", (None, None, 4), np.uint8)
        rows = [_measure_training(load, store, frames), _measure_embedding(load, store)]
        return rows + (_measure_gpu(load, store, frames) if pick_device().type == "cuda" else [])


def _measure_training(load: Load, store: ArrayReader, frames: np.ndarray) -> dict[str, Any]:
    encoder = Encoder(load.backbone)
    evaluated = store[np.arange(round(N_EVALUATED * min(load.n_steps / STEPS_AN_EVALUATION, 1)))]
    bare, images = _bare_network(load)

    def train() -> None:
        _train(load, encoder, store, frames)
        list(embed_crops(encoder, evaluated, BATCH_SIZE))

    def train_bare() -> None:
        _train_bare(bare, images, load.n_steps)

    return _row(f"training of {load.name}", train, train_bare, load.n_steps * BATCH_SIZE, load.n_rounds)


def _train(load: Load, encoder: Encoder, store: ArrayReader, frames: np.ndarray, precision: str = "auto") -> None:
    plan = TrainingPlan(steps=load.n_steps, batch_norm="frozen", precision=precision)
    train_encoder(encoder, BatchSampler(IntraFrame(frames), [], BATCH_SIZE, 2, 8, 0), [store], plan)


def _train_bare(network: torch.nn.Module, images: torch.Tensor, n_steps: int) -> None:
    network.train()
    freeze_statistics(network)  # as ours has it: cheaper than the statistics of each mini-batch
    for _ in range(n_steps):
        network.zero_grad(set_to_none=True)
        _forward(network, images).float().square().mean().backward()
    _wait()


def _measure_embedding(load: Load, store: ArrayReader) -> dict[str, Any]:
    encoder = Encoder(load.backbone)
    bare, images = _bare_network(load)
    crops = _Repeated(store, load.n_embedded)

    def embed() -> None:
        for _ in embed_crops(encoder, crops, BATCH_SIZE):
            pass

    def embed_bare() -> None:
        bare.eval()
        with torch.inference_mode():
            for _ in range(load.n_embedded // BATCH_SIZE):
                _forward(bare, images)
        _wait()

    return _row(f"embedding with {load.name}", embed, embed_bare, load.n_embedded, load.n_rounds)


class _Repeated:
    """So many rows, read from the file of an array, again from the start where it has fewer."""

    def __init__(self, store: ArrayReader, n_rows: int) -> None:
        self._store = store
        self.shape = (n_rows, *store.shape[1:])

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        return self._store[rows % len(self._store)]


def _measure_gpu(load: Load, store: ArrayReader, frames: np.ndarray) -> list[dict[str, Any]]:
    """Training in both precisions: in images a second, and each as a share of the peak of that precision."""
    n_images = load.n_steps * BATCH_SIZE
    network, images = _bare_network(load)
    with FlopCounterMode(display=False) as counter:
        _train_bare(network, images, 1)
    flop_an_image = counter.get_total_flops() / BATCH_SIZE
    rates, rows = {}, []
    for precision in ("float32", "bfloat16"):
        train = partial(_train, load, Encoder(load.backbone), store, frames, precision)
        train()
        seconds = [_seconds(train) for _ in range(load.n_rounds)]
        rates[precision] = n_images / statistics.median(seconds)
        peak = _peak_flop_per_second(getattr(torch, precision))
        ours = rates[precision] * flop_an_image
        rows.append(
            {
                "what": f"training of {load.name}, {precision}: teraflop/s, {rates[precision]:.0f} images/s",
                "ours": ours / 1e12,
                "peer": f"{_device_name()}, products of {_PRODUCT}x{_PRODUCT} matrices",
                "peer_value": peak / 1e12,
                "ratio": ours / peak,
            }
        )
    half = {"what": f"training of {load.name}, images/s of {_device_name()}, bfloat16", "ours": rates["bfloat16"]}
    half |= {"peer": "float32", "peer_value": rates["float32"], "ratio": rates["bfloat16"] / rates["float32"]}
    return [*rows, half]


def _peak_flop_per_second(dtype: torch.dtype) -> float:
    torch.set_float32_matmul_precision("high")  # of float32 the GPU's shorter kind, as convolutions have it by default
    matrix = torch.randn(_PRODUCT, _PRODUCT, device=pick_device(), dtype=dtype)

    def multiply() -> None:
        for _ in range(_N_PRODUCTS):
            matrix @ matrix
        _wait()

    multiply()
    return 2 * _PRODUCT**3 * _N_PRODUCTS / _seconds(multiply)


def _bare_network(load: Load) -> tuple[torch.nn.Module, torch.Tensor]:
    device = pick_device()
    network = Encoder(load.backbone).backbone.to(device, memory_format=torch.channels_last)
    images = torch.randn(BATCH_SIZE, 3, load.height_px, load.width_px, device=device)
    return network, images.to(memory_format=torch.channels_last)


def _forward(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    precision = pick_precision("auto", network, images.device)
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        return network(images)


def _row(
    name: str, ours: Callable[[], object], bare: Callable[[], object], n_images: int, n_rounds: int
) -> dict[str, Any]:
    ours(), bare()  # the first run of either sets things up
    rounds = [(_seconds(ours), _seconds(bare)) for _ in range(n_rounds)]
    our_rate, bare_rate = (n_images / statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    return {
        "what": f"{name}, images/s of {_device_name()}",
        "ours": our_rate,
        "peer": "the bare network on random tensors",
        "peer_value": bare_rate,
        "ratio": our_rate / bare_rate,
        "goal": f">= {GOAL}",
    }


def _device_name() -> str:
    if pick_device().type == "cuda":
        return torch.cuda.get_device_name()
    return "one CPU core" if torch.get_num_threads() == 1 else f"{torch.get_num_threads()} CPU cores"


def _wait() -> None:
    """Let a GPU finish; `train_encoder` and `embed_crops` wait by themselves, for the loss and the features."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _seconds(work: Callable[[], object]) -> float:
    on_one_core = pick_device().type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if on_one_core else time.perf_counter
    started = clock()
    work()
    return clock() - started
