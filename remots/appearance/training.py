"""Train the encoder on the video itself, in steps that can be interrupted and gone on with at any moment."""

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from remots.appearance.augmentation import augment
from remots.appearance.devices import move, pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.losses import triplet_loss
from remots.appearance.sampling import Batch, BatchSampler
from remots.progress import track

logger = logging.getLogger(__name__)

LOG_COLUMNS = ("step", "loss", "learning_rate", "active_share")
_FIRST_RATE = 0.01  # of the peak
_MILESTONES = (40 / 120, 70 / 120)  # epochs at which Luo et al. divide the learning rate by 10
_AUGMENT, _DROPOUT = 1, 2  # streams of chance beside the sampler's


class CropStore(Protocol):
    """An array of crops, in memory or in a file: ``store[rows]`` gives shape (n_rows, height, width, 4)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_masks, height, width, 4)."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Read rows."""


@dataclass(frozen=True)
class TrainingPlan:
    """How to train; what each setting means is said in ``config/README.md``, section ``train``."""

    steps: int
    learning_rate: float = 3.5e-4
    warmup_fraction: float = 0.1
    decay: Literal["steps", "cosine"] = "steps"
    weight_decay: float = 5e-4
    margin: float = 0.3
    normalise: bool = True
    precision: str = "auto"
    checkpoint_seconds: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class TrainingState:
    """All that a training needs to go on as if it had never stopped.

    Attributes
    ----------
    weights : dict of str to Tensor
        Of the backbone.
    first_moments, second_moments : dict of str to Tensor
        Adam's means of the gradients and of their squares, by parameter.
    log : ndarray of float64, shape (n_steps_done, 4)
        Columns `LOG_COLUMNS`.
    """

    weights: dict[str, Tensor]
    first_moments: dict[str, Tensor]
    second_moments: dict[str, Tensor]
    log: NDArray[np.float64]


class LoadedBatch(NamedTuple):
    """A mini-batch with its crops, altered and ready; `crops` has shape (n, height, width, 4)."""

    batch: Batch
    crops: NDArray[np.uint8]


def train_encoder(
    encoder: Encoder,
    sampler: BatchSampler,
    stores: Sequence[CropStore],
    plan: TrainingPlan,
    state: TrainingState | None = None,
    save: Callable[[TrainingState], None] = lambda state: None,
) -> NDArray[np.float64]:
    """Train the encoder with the triplet loss, in place.

    Parameters
    ----------
    encoder : Encoder
        Starts from its present weights. Moves to the GPU where there is one.
    sampler : BatchSampler
        Which crops meet. Where it `is_empty` nothing is learnt, and a warning says so.
    stores : sequence of CropStore
        The target's crops, then those of each training sequence; all of one height and width.
    plan : TrainingPlan
        How to train.
    state : TrainingState, optional
        Where an interrupted training of the same plan and inputs stopped.
    save : callable
        Is given a `TrainingState` every ``plan.checkpoint_seconds``, and at once when the process is told to stop.

    Returns
    -------
    ndarray of float64, shape (n_steps, 4)
        Columns `LOG_COLUMNS`: step, loss, learning rate, share of the triplets whose loss is above 0.

    Raises
    ------
    ValueError
        If the crops differ in size, or the loss is no longer finite.

    Notes
    -----
    Source: ReMOTS sections 2.2 and 2.4; optimiser, schedule and loss as in Luo et al. 2019. On a CPU two runs with the
    same number of threads give the same bytes, interrupted or not.
    """
    _check_sizes(stores)
    if sampler.is_empty:
        logger.warning("no frame shows two people, and there is no training sequence: the encoder stays as it is")
        return np.zeros((0, len(LOG_COLUMNS)))
    device = pick_device()
    with _reproducible(device):
        training = Training(encoder, plan, device, state)
        batches = _load_batches(sampler, stores, range(training.n_done, plan.steps), plan.seed)
        with closing(batches):
            _run(training, batches, plan, save)
    return training.log


def _run(
    training: "Training", batches: Iterator[LoadedBatch], plan: TrainingPlan, save: Callable[[TrainingState], None]
) -> None:
    last_saved = time.monotonic()
    try:
        for loaded in track(batches, "train", total=plan.steps - training.n_done):
            training.step(loaded)
            if time.monotonic() - last_saved >= plan.checkpoint_seconds and training.n_done < plan.steps:
                save(training.state())
                last_saved = time.monotonic()
    except (SystemExit, KeyboardInterrupt):
        save(training.state())
        raise


class Training:
    """A training under way: the encoder, Adam's moments and the log, which only ever change together.

    Parameters
    ----------
    encoder : Encoder
        Changed in place.
    plan : TrainingPlan
        How to train.
    device : torch.device
        Where.
    state : TrainingState, optional
        Where to go on.
    """

    def __init__(
        self, encoder: Encoder, plan: TrainingPlan, device: torch.device, state: TrainingState | None = None
    ) -> None:
        self._plan = plan
        self._device = device
        self._encoder = move(encoder, device)
        self._precision = pick_precision(plan.precision, encoder, device)
        self._parameters = dict(encoder.backbone.named_parameters())
        self._optimiser = torch.optim.Adam(
            self._parameters.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self._log: list[tuple[float, float, float, float]] = []
        if state is not None:
            self._restore(state)
        self._buffers_before = [buffer.clone() for buffer in encoder.buffers()]
        self._encoder.train()

    @property
    def n_done(self) -> int:
        """Steps done."""
        return len(self._log)

    @property
    def log(self) -> NDArray[np.float64]:
        """One row a step done, columns `LOG_COLUMNS`."""
        return np.array(self._log, np.float64).reshape(-1, len(LOG_COLUMNS))

    def step(self, loaded: LoadedBatch) -> None:
        """Do one step of the optimiser, or none of it: a signal that comes meanwhile leaves a whole state behind."""
        for before, buffer in zip(self._buffers_before, self._encoder.buffers(), strict=True):
            before.copy_(buffer)
        rate = learning_rate(self.n_done, self._plan)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss, active_share = self._differentiate(loaded)
        if not math.isfinite(loss):
            raise ValueError(f"the loss is {loss} in step {self.n_done}; take a lower learning rate")
        with _signals_held_back():
            self._optimiser.step()
            for before, buffer in zip(self._buffers_before, self._encoder.buffers(), strict=True):
                before.copy_(buffer)
            self._log.append((self.n_done, loss, rate, active_share))

    def _differentiate(self, loaded: LoadedBatch) -> tuple[float, float]:
        """Compute the gradients; gives the loss and the share of active triplets."""
        crops, labels, groups = (
            torch.from_numpy(values).to(self._device, non_blocking=True)
            for values in (loaded.crops, loaded.batch.labels, loaded.batch.groups)
        )
        torch.manual_seed(_torch_seed(self._plan.seed, self.n_done))  # for backbones with dropout
        with torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32):
            features = self._encoder(crops)
        loss, active_share = triplet_loss(features.float(), labels, groups, self._plan.margin, self._plan.normalise)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), float(active_share)

    def state(self) -> TrainingState:
        """Take down where the training is: after the last whole step, whatever has been begun since."""
        for before, buffer in zip(self._buffers_before, self._encoder.buffers(), strict=True):
            buffer.copy_(before)
        moments = {name: self._optimiser.state.get(parameter, {}) for name, parameter in self._parameters.items()}
        return TrainingState(
            weights=dict(self._encoder.backbone.state_dict()),
            first_moments={name: moment["exp_avg"] for name, moment in moments.items() if moment},
            second_moments={name: moment["exp_avg_sq"] for name, moment in moments.items() if moment},
            log=self.log,
        )

    def _restore(self, state: TrainingState) -> None:
        self._encoder.backbone.load_state_dict(state.weights)
        self._log = [(row[0], row[1], row[2], row[3]) for row in state.log.tolist()]
        for name in state.first_moments:
            parameter = self._parameters[name]
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(self.n_done), device=self._device),
                # Copied into the parameter's layout of memory, in which Adam runs through both.
                "exp_avg": torch.zeros_like(parameter).copy_(state.first_moments[name]),
                "exp_avg_sq": torch.zeros_like(parameter).copy_(state.second_moments[name]),
            }


def learning_rate(step: int, plan: TrainingPlan) -> float:
    """Give the learning rate of a step.

    Parameters
    ----------
    step : int
        From 0.
    plan : TrainingPlan
        Its peak, warm-up and decay.

    Returns
    -------
    float
        Rises in a line from a hundredth of the peak; then falls to a tenth at 40 and again at 70 of 120 parts of the
        training (``"steps"``), or along half a cosine to 0 (``"cosine"``).

    Notes
    -----
    Source: Luo et al. 2019, warm-up over 10 of 120 epochs, for ``"steps"``.
    """
    n_warmup = plan.warmup_fraction * plan.steps
    warmth = min((step + 1) / n_warmup, 1.0) if n_warmup else 1.0
    rate = plan.learning_rate * (_FIRST_RATE + (1 - _FIRST_RATE) * warmth)
    if plan.decay == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return rate * 0.1 ** sum(step >= milestone * plan.steps for milestone in _MILESTONES)


def _load_batches(
    sampler: BatchSampler, stores: Sequence[CropStore], steps: range, seed: int
) -> Generator[LoadedBatch]:
    """Draw, read and alter the crops of each step, one step ahead of the training, in a thread of its own."""

    def load(step: int) -> LoadedBatch:
        batch = sampler.draw(step)
        rng = np.random.default_rng((seed, step, _AUGMENT))
        return LoadedBatch(batch, augment(_read_crops(batch, stores), batch.is_strong, rng))

    with ThreadPoolExecutor(1, thread_name_prefix="crops") as thread:
        ahead = [thread.submit(load, step) for step in steps[:1]]
        for step in steps:
            loaded = ahead.pop().result()
            if step + 1 in steps:
                ahead.append(thread.submit(load, step + 1))
            yield loaded


def _read_crops(batch: Batch, stores: Sequence[CropStore]) -> NDArray[np.uint8]:
    crops = np.empty((len(batch), *stores[0].shape[1:]), np.uint8)
    for store in np.unique(batch.stores).tolist():
        crops[batch.stores == store] = stores[store][batch.rows[batch.stores == store]]
    return crops


def _check_sizes(stores: Sequence[CropStore]) -> None:
    sizes = {tuple(store.shape[1:]) for store in stores}
    if len(sizes) > 1:
        raise ValueError(f"the crops of all sequences must have one size; they have {sorted(sizes)}")


def _torch_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step, _DROPOUT)).generate_state(1)[0])


@contextmanager
def _reproducible(device: torch.device) -> Iterator[None]:
    """Give the same bytes in every run on a CPU, and leave torch as it was."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.use_deterministic_algorithms(device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let SIGTERM and SIGINT wait until the block is done; in threads, which never get signals, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = [
        (number, signal.signal(number, lambda number, _frame: came.append(number)))
        for number in (signal.SIGTERM, signal.SIGINT)
    ]
    try:
        yield
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    for number_that_came in came[:1]:
        signal.raise_signal(number_that_came)
