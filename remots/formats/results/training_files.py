"""What a training leaves beside the encoder: its checkpoint while it runs, its log when it is done."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from remots.appearance.encoder import Encoder
from remots.appearance.parts import PART_SIZE
from remots.appearance.sampling import BatchSampler, GroupSource
from remots.appearance.training import LOG_COLUMNS, TrainingState, train_encoder
from remots.appearance.training_plan import TrainingPlan
from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.formats.results.encoder_files import read_tensors, write_tensors
from remots.formats.results.training_inputs import TrainingInputs

logger = logging.getLogger(__name__)

_DIGESTED_APART = ("checkpoint_seconds",)  # changes nothing in the result
_N_DIGESTED_CROPS = 64  # of each array: enough to tell one video from another
_N_HELD_OUT_CROPS, _N_HELD_OUT_VIEWS, _MAX_HELD_OUT_PEOPLE = 96, 4, 8
_LOG, _FIRST_AUC = "log", "first_auc"
_PARTS = ("weights", "first_moments", "second_moments", "best")
_LOG_FORMATS = ("%d", "%.6g", "%.6g", "%.4f", "%.4f")


def checkpoint_path(output: Path | str) -> Path:
    """Give the name of the checkpoint of a training: hidden, beside its output."""
    output = Path(output)
    return output.with_name(f".{output.stem}.checkpoint{output.suffix}")


def train_with_checkpoints(
    encoder: Encoder, sampler: BatchSampler, inputs: TrainingInputs, plan: TrainingPlan, output: Path | str
) -> NDArray[np.float64]:
    """Train, and keep a checkpoint beside the output until the training is done, so that it can go on after any stop.

    Parameters
    ----------
    encoder, sampler, plan
        See `remots.appearance.training.train_encoder`.
    inputs : TrainingInputs
        What the sampler was made from.
    output : Path
        Where the encoder will be written; the caller removes the checkpoint (`checkpoint_path`) afterwards.

    Returns
    -------
    ndarray of float64, shape (n_steps, 5)
        The log.

    Raises
    ------
    InputError
        If the loss is no longer finite.
    """
    path = checkpoint_path(output)
    digest = _digest_training(encoder, sampler, inputs, plan)
    state = read_checkpoint(path, digest)
    if state is not None:
        logger.info("goes on from %s, after step %d", path, len(state.log))
    try:
        return train_encoder(
            encoder,
            sampler,
            inputs.stores,
            plan,
            state,
            lambda state: write_checkpoint(path, state, digest),
            _held_out_sampler(inputs.held_out, plan.seed),
        )
    except ValueError as error:
        raise InputError(f"{inputs.stores[0].path}: {error}") from error


def _held_out_sampler(held_out: GroupSource, seed: int) -> BatchSampler:
    return BatchSampler(held_out, [], _N_HELD_OUT_CROPS, _N_HELD_OUT_VIEWS, _MAX_HELD_OUT_PEOPLE, seed)


def write_checkpoint(path: Path, state: TrainingState, digest: str) -> None:
    """Write where a training is; whole, or not at all."""
    tensors = {f"{part}.{name}": tensor for part in _PARTS for name, tensor in getattr(state, part).items()}
    tensors[_LOG] = torch.from_numpy(state.log)
    tensors[_FIRST_AUC] = torch.tensor(state.first_auc, dtype=torch.float64)
    with atomic_output(path) as temporary:
        write_tensors(temporary, tensors, {"digest": digest})


def read_checkpoint(path: Path, digest: str) -> TrainingState | None:
    """Read where a training stopped.

    Parameters
    ----------
    path : Path
        From `checkpoint_path`.
    digest : str
        From `digest_training`, of the training that is to go on.

    Returns
    -------
    TrainingState or None
        None if there is no checkpoint, it cannot be read, or it is of a training with other inputs or settings.
    """
    if not path.is_file():
        return None
    try:
        tensors, metadata = read_tensors(path)
    except InputError as error:
        logger.warning("%s; the training starts anew", error)
        return None
    if metadata.get("digest") != digest:
        logger.info("%s is of other inputs or settings: the training starts anew", path)
        return None
    parts = {
        part: {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
        for part in _PARTS
    }
    return TrainingState(**parts, log=tensors[_LOG].numpy(), first_auc=float(tensors[_FIRST_AUC]))


def write_training_log(path: Path, log: NDArray[np.float64]) -> None:
    """Write the log of a training as CSV: columns `LOG_COLUMNS`; empty where there was no evaluation."""
    lines = [",".join(LOG_COLUMNS)]
    for row in log.tolist():
        cells = [form % value for form, value in zip(_LOG_FORMATS, row, strict=True)]
        lines.append(",".join("" if cell == "nan" else cell for cell in cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _digest_training(encoder: Encoder, sampler: BatchSampler, inputs: TrainingInputs, plan: TrainingPlan) -> str:
    """Digest all that decides how a training goes, so that no other training goes on from its checkpoint."""
    facts = {
        "plan": {name: value for name, value in asdict(plan).items() if name not in _DIGESTED_APART},
        "sampler": [sampler.batch_size, sampler.n_views, sampler.max_people_per_frame, sampler.seed],
        "encoder": asdict(encoder.description),
        "crops": [store.shape for store in inputs.stores],
        "part_size": PART_SIZE,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    samples = [
        store[np.linspace(0, len(store) - 1, min(_N_DIGESTED_CROPS, len(store)), dtype=np.int64)]
        for store in inputs.stores
    ]
    for array in (*samples, *inputs.labels, *(tensor.numpy() for tensor in encoder.state_dict().values())):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
