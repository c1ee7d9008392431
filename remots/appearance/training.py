"""Train the encoder on the video itself, in steps that can be interrupted and gone on with at any moment."""

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from remots.appearance.batch_norm import adapt_statistics, batch_norms, freeze_statistics
from remots.appearance.devices import move, pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.folding import Pair, fold, foldable_pairs, folded
from remots.appearance.loading import CropStore, LoadedBatch, load_batches, load_held_out
from remots.appearance.losses import IdentityLosses, triplet_loss
from remots.appearance.parts import SideBySide, can_be_split, part_size, side_by_side
from remots.appearance.sampling import BatchSampler
from remots.appearance.training_plan import TrainingPlan, learning_rate
from remots.appearance.validation import TIE, batch_area_under_curve, has_settled
from remots.progress import track

logger = logging.getLogger(__name__)

LOG_COLUMNS = ("step", "loss", "learning_rate", "active_share", "auc")
NOT_EVALUATED = float("nan")
_AUC = LOG_COLUMNS.index("auc")
_DROPOUT, _CALIBRATION = 2, 3  # streams of chance beside the sampler's
_N_CALIBRATION_CROPS = 512
_BATCH_SIZE = 64  # where nothing is learnt


@dataclass(frozen=True)
class TrainingState:
    """All that a training needs to go on as if it had never stopped.

    Attributes
    ----------
    weights : dict of str to Tensor
        Of the encoder, and of what is trained beside it.
    first_moments, second_moments : dict of str to Tensor
        Adam's means of the gradients and of their squares, by parameter.
    best : dict of str to Tensor
        The encoder's weights at the last evaluation as good as the best; empty where nothing is held out.
    log : ndarray of float64, shape (n_steps_done, 5)
        Columns `LOG_COLUMNS`.
    first_auc : float
        The area under the curve before the first step; NaN where nothing is held out.
    """

    weights: dict[str, Tensor]
    first_moments: dict[str, Tensor]
    second_moments: dict[str, Tensor]
    best: dict[str, Tensor]
    log: NDArray[np.float64]
    first_auc: float = NOT_EVALUATED


def train_encoder(
    encoder: Encoder,
    sampler: BatchSampler,
    stores: Sequence[CropStore],
    plan: TrainingPlan,
    state: TrainingState | None = None,
    save: Callable[[TrainingState], None] = lambda state: None,
    held_out: BatchSampler | None = None,
) -> NDArray[np.float64]:
    """Train the encoder with the triplet loss, in place.

    Parameters
    ----------
    encoder : Encoder
        Starts from its present weights. Moves to the GPU where there is one. Where something is held out it ends with
        the weights of the last evaluation that is as good as the best, which may be those that it started with.
    sampler : BatchSampler
        Which crops meet. Where it `is_empty` nothing is learnt, and a warning says so.
    stores : sequence of CropStore
        The target's crops, then those of each training sequence; all of one height and width.
    plan : TrainingPlan
        How to train.
    state : TrainingState, optional
        Where an interrupted training of the same plan and inputs stopped.
    save : callable
        Is given a `TrainingState` every ``plan.checkpoint_seconds``, at the end, and at once when the process is told
        to stop.
    held_out : BatchSampler, optional
        Pseudo labels that `sampler` never draws. One mini-batch of it is what the encoder is evaluated on every
        ``plan.evaluate_every`` steps; after ``plan.patience`` evaluations without a gain the training ends.

    Returns
    -------
    ndarray of float64, shape (n_steps, 5)
        Columns `LOG_COLUMNS`: step, loss, learning rate, share of the triplets that violate the margin, area under the
        curve on what is held out after the step (NaN where it was not evaluated).

    Raises
    ------
    ValueError
        If the crops differ in size, or the loss is no longer finite.

    Notes
    -----
    Source: ReMOTS sections 2.2 and 2.4; optimiser, schedule and losses as in Luo et al. 2019. On a CPU two runs give
    the same bytes, interrupted or not, with any number of threads (`remots.appearance.parts`).
    """
    _check_sizes(stores)
    if sampler.is_empty:
        logger.warning("no frame shows two people, and there is no training sequence: the encoder stays as it is")
        return np.zeros((0, len(LOG_COLUMNS)))
    device = pick_device()
    with _reproducible(device), side_by_side() as threads:
        evaluated = None
        if held_out is not None and not held_out.is_empty and plan.steps:
            evaluated = load_held_out(held_out, stores, plan)
        training = Training(encoder, plan, device, sampler.n_identities, state, evaluated, threads)
        if state is None and plan.steps:
            training.begin(stores[0])
        with closing(load_batches(sampler, stores, range(training.n_done, plan.steps), plan)) as batches:
            _run(training, batches, plan, save)
        training.keep_the_best()
    return training.log


def _run(
    training: "Training", batches: Iterator[LoadedBatch], plan: TrainingPlan, save: Callable[[TrainingState], None]
) -> None:
    last_saved = time.monotonic()
    try:
        training.evaluate_if_due()  # it may have been interrupted just then
        if training.is_done:
            return
        for loaded in track(batches, "train", total=plan.steps - training.n_done):
            training.step(loaded)
            training.evaluate_if_due()
            if training.is_done:
                break
            if time.monotonic() - last_saved >= plan.checkpoint_seconds and training.n_done < plan.steps:
                save(training.state())
                last_saved = time.monotonic()
        save(training.state())  # what is left to be done, to write the encoder, may be interrupted too
    except (SystemExit, KeyboardInterrupt):
        with _signals_held_back():
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
    n_identities : int
        People of the training sequences.
    state : TrainingState, optional
        Where to go on; without it, `begin` comes first.
    evaluated : LoadedBatch, optional
        What the training is judged by.
    threads : SideBySide, optional
        What computes the parts of a batch.
    """

    def __init__(
        self,
        encoder: Encoder,
        plan: TrainingPlan,
        device: torch.device,
        n_identities: int = 0,
        state: TrainingState | None = None,
        evaluated: LoadedBatch | None = None,
        threads: SideBySide | None = None,
    ) -> None:
        self._plan = plan
        self._device = device
        self._threads = threads or SideBySide()
        self._can_be_split: bool | None = None  # not known before the first step
        self._evaluated = evaluated
        self._has_new_neck = plan.neck != "none" and encoder.neck is None and plan.steps > 0
        if self._has_new_neck:
            encoder.add_neck()
        self._is_random = encoder.description.stage == "pretrained" and encoder.description.weights.startswith("random")
        self._encoder = move(encoder, device)
        self._precision = pick_precision(plan.precision, encoder, device)
        self._pairs: list[Pair] = []
        if evaluated is not None:
            self._pairs = foldable_pairs(encoder.backbone, *evaluated.crops.shape[1:3])
        self._learner = nn.ModuleDict({"encoder": encoder})
        if n_identities and (plan.identity_weight or plan.centre_weight):
            torch.manual_seed(_torch_seed(plan.seed, 0))
            self._learner["identity"] = IdentityLosses(
                n_identities,
                encoder.description.n_dimensions,
                plan.identity_weight,
                plan.centre_weight,
                plan.label_smoothing,
            ).to(device)
        self._parameters = {name: tensor for name, tensor in self._learner.named_parameters() if tensor.requires_grad}
        self._optimiser = torch.optim.Adam(
            self._parameters.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self._log: list[tuple[float, ...]] = []
        self._first_auc = NOT_EVALUATED
        self._best: dict[str, Tensor] = {}
        if state is not None:
            self._restore(state)
        self._buffers_before = [buffer.clone() for buffer in self._learner.buffers()]
        self._set_training_mode()

    def begin(self, crops: CropStore) -> None:
        """Do what comes before the first step: see how good the encoder is, then let it get to know the video.

        Parameters
        ----------
        crops : CropStore
            The target's; from some of them come the statistics of batch normalisation, where the plan says so.
        """
        auc = self._evaluate()
        self._keep_if_good(auc)
        self._first_auc = auc
        layers: list[_BatchNorm] = [self._encoder.neck] if self._has_new_neck and self._encoder.neck is not None else []
        if self._plan.batch_norm == "video" or (self._plan.batch_norm == "auto" and self._is_random):
            layers += batch_norms(self._encoder.backbone)
        if layers:
            adapt_statistics(self._encoder, layers, self._calibration_batches(crops))
        self._note_buffers()
        self._set_training_mode()

    def _note_buffers(self) -> None:
        """Keep the buffers after a whole step: the next one may be given up after it has changed them."""
        torch._foreach_copy_(self._buffers_before, list(self._learner.buffers()))

    def _calibration_batches(self, crops: CropStore) -> Iterator[Tensor]:
        rng = np.random.default_rng((self._plan.seed, 0, _CALIBRATION))
        rows = rng.permutation(crops.shape[0])[:_N_CALIBRATION_CROPS]
        for part in np.array_split(rows, math.ceil(len(rows) / _BATCH_SIZE)):
            yield torch.from_numpy(crops[np.sort(part)]).to(self._device)

    def _set_training_mode(self) -> None:
        self._learner.train()
        if self._plan.batch_norm != "batch":
            freeze_statistics(self._encoder.backbone)
        if self._encoder.neck is not None and self._plan.neck != "behind_triplet":
            freeze_statistics(self._encoder.neck)

    @property
    def n_done(self) -> int:
        """Steps done."""
        return len(self._log)

    @property
    def log(self) -> NDArray[np.float64]:
        """One row a step done, columns `LOG_COLUMNS`."""
        return np.array(self._log, np.float64).reshape(-1, len(LOG_COLUMNS))

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to learn, as far as what is held out can tell."""
        return self.n_done >= self._plan.steps or has_settled(self._aucs(), self._plan.patience)

    def _aucs(self) -> NDArray[np.float64]:
        aucs = np.array([self._first_auc, *(row[_AUC] for row in self._log)])
        evaluated: NDArray[np.float64] = aucs[np.isfinite(aucs)]
        return evaluated

    def step(self, loaded: LoadedBatch) -> None:
        """Do one step of the optimiser, or none of it: a signal that comes meanwhile leaves a whole state behind."""
        rate = learning_rate(self.n_done, self._plan)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss, active_share = self._differentiate(loaded)
        if not math.isfinite(loss):
            raise ValueError(f"the loss is {loss} in step {self.n_done}; take a lower learning rate")
        with _signals_held_back():
            self._optimiser.step()
            self._note_buffers()
            self._log.append((self.n_done, loss, rate, active_share, NOT_EVALUATED))

    def evaluate_if_due(self) -> None:
        """Evaluate the encoder after the last step, if it is time to and that has not been done; all of it, or none."""
        is_due = self.n_done and (self.n_done % self._plan.evaluate_every == 0 or self.n_done == self._plan.steps)
        if is_due and math.isnan(self._log[-1][_AUC]):
            auc = self._evaluate()
            with _signals_held_back():
                self._keep_if_good(auc)
                self._log[-1] = (*self._log[-1][:_AUC], auc)

    def _in_its_precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, self._precision, enabled=self._precision != torch.float32)

    def _differentiate(self, loaded: LoadedBatch) -> tuple[float, float]:
        """Compute the gradients; gives the loss and the share of active triplets."""
        crops, labels, groups, identities = (
            torch.from_numpy(values).to(self._device, non_blocking=True)
            for values in (loaded.crops, loaded.batch.labels, loaded.batch.groups, loaded.batch.identities)
        )
        torch.manual_seed(_torch_seed(self._plan.seed, self.n_done))  # for backbones with dropout
        made = self._threads.compute(self._embed_to_learn, torch.split(crops, self._part_size(crops)))
        features = torch.cat([part.detach() for part in made]).requires_grad_()
        self._optimiser.zero_grad(set_to_none=True)
        loss, active_share = self._loss(features, labels, groups, identities)
        loss.backward()  # type: ignore[no-untyped-call]
        self._differentiate_backbone(made, features.grad)
        return float(loss.detach()), float(active_share)

    def _part_size(self, crops: Tensor) -> int:
        if self._can_be_split is None:
            example = self._encoder.preprocess(crops[:1])
            self._can_be_split = can_be_split(self._encoder.backbone, example)
        return part_size(self._device, len(crops)) if self._can_be_split else len(crops)

    def _embed_to_learn(self, crops: Tensor) -> Tensor:
        with self._in_its_precision():
            features = self._encoder.features_before_neck(crops)
        return features.float()

    def _loss(self, features: Tensor, labels: Tensor, groups: Tensor, identities: Tensor) -> tuple[Tensor, Tensor]:
        compared = features if self._encoder.neck is None else self._encoder.neck(features)
        drawn = features if self._plan.neck == "behind_triplet" else compared
        plan = self._plan
        loss, active_share = triplet_loss(drawn, labels, groups, plan.margin, plan.normalise, plan.triplet == "soft")
        if "identity" in self._learner:
            loss = loss + self._learner["identity"](features, compared, identities)
        return loss, active_share

    def _differentiate_backbone(self, made: Sequence[Tensor], gradient: Tensor | None) -> None:
        """Carry the gradient of the features on to the backbone's weights: part by part, added up in their order."""
        if gradient is None:  # nothing was learnt from these crops
            return
        weights = [weight for weight in self._encoder.backbone.parameters() if weight.requires_grad]

        def differentiate(part: tuple[Tensor, Tensor]) -> tuple[Tensor | None, ...]:
            return torch.autograd.grad(part[0], weights, part[1], allow_unused=True)

        gradients = self._threads.compute(
            differentiate, zip(made, torch.split(gradient, [len(part) for part in made]), strict=True)
        )
        for weight, *parts in zip(weights, *gradients, strict=True):
            if parts[0] is not None:  # a weight that is used by one part is used by all
                weight.grad = reduce(torch.add, parts)

    def _evaluate(self) -> float:
        """Judge the encoder by what is held out."""
        if self._evaluated is None:
            return NOT_EVALUATED
        self._encoder.eval()
        crops = torch.from_numpy(self._evaluated.crops)
        try:
            with folded(fold(self._pairs)):
                parts = torch.split(crops, part_size(self._device, _BATCH_SIZE))
                features = torch.cat(self._threads.compute(self._embed_to_judge, parts))
        finally:
            self._set_training_mode()
        return batch_area_under_curve(features.numpy().astype(np.float64), self._evaluated.batch)

    def _embed_to_judge(self, crops: Tensor) -> Tensor:
        with torch.inference_mode(), self._in_its_precision():
            features: Tensor = self._encoder(crops.to(self._device)).float()
        return features.cpu()

    def _keep_if_good(self, auc: float) -> None:
        """Keep the encoder's weights if it was never better, by more than chance."""
        if self._evaluated is not None and (not self._best or auc > self._aucs().max(initial=-1.0) - TIE):
            self._best = {name: tensor.clone() for name, tensor in self._encoder.state_dict().items()}

    def keep_the_best(self) -> None:
        """Give the encoder the weights of the last evaluation as good as the best, if there was any."""
        if self._best:
            self._encoder.load_state_dict(self._best)
            aucs = self._aucs()
            logger.info("area under the curve on held-out pseudo labels: %.4f -> %.4f", aucs[0], aucs.max())

    def state(self) -> TrainingState:
        """Take down where the training is: after the last whole step, whatever has been begun since."""
        weights = dict(self._learner.state_dict())
        for (name, _), before in zip(self._learner.named_buffers(), self._buffers_before, strict=True):
            if name in weights:
                weights[name] = before
        moments = {name: self._optimiser.state.get(parameter, {}) for name, parameter in self._parameters.items()}
        return TrainingState(
            weights=weights,
            first_moments={name: moment["exp_avg"] for name, moment in moments.items() if moment},
            second_moments={name: moment["exp_avg_sq"] for name, moment in moments.items() if moment},
            best=dict(self._best),
            log=self.log,
            first_auc=self._first_auc,
        )

    def _restore(self, state: TrainingState) -> None:
        self._learner.load_state_dict(state.weights)
        self._log = [tuple(row) for row in state.log.tolist()]
        self._first_auc = state.first_auc
        self._best = {name: tensor.to(self._device) for name, tensor in state.best.items()}
        for name in state.first_moments:
            parameter = self._parameters[name]
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(self.n_done), device=self._device),
                # Copied into the parameter's layout of memory, in which Adam runs through both.
                "exp_avg": torch.zeros_like(parameter).copy_(state.first_moments[name]),
                "exp_avg_sq": torch.zeros_like(parameter).copy_(state.second_moments[name]),
            }


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
