"""Checkpoints of networks: read without running what may be in them, and compared with the network they are for."""

import collections
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from remots.errors import first_line

# The number that the first pickle of torch's old format (before 1.6) consists of.
_OLD_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_ZIP, _PICKLE = b"PK", b"\x80"
# Records of a training that stand beside the weights; their data is read and left alone.
_RECORDS = (
    "argparse.Namespace",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmengine.logging.HistoryBuffer",
)
_WEIGHT_KEYS = ("model", "state_dict", "model_state", "blobs")
_NUMBER = re.compile(r"\d+")
_FOREIGN = re.compile(r"GLOBAL ([\w.]+)")
Shape = tuple[int, ...]


class _Record:
    """Takes the place of a class that is not needed, and has none of its code."""


def _get_nothing(*_names: Any) -> None:
    """Take the place of the `getattr` by which mmengine's records name their own methods."""


class Comparison(NamedTuple):
    """How the weights of a checkpoint and of a network differ.

    Attributes
    ----------
    missing : sequence of str
        Weights of the network that the checkpoint has not.
    unused : sequence of str
        Weights of the checkpoint that the network has not.
    reshaped : sequence of (str, shape, shape)
        Weights of other shapes: name, shape in the checkpoint, in the network.
    """

    missing: Sequence[str]
    unused: Sequence[str]
    reshaped: Sequence[tuple[str, Shape, Shape]]


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of PyTorch, safetensors, or Detectron2's zoo; nothing that it holds is run.

    Parameters
    ----------
    path : str or Path
        What kind of file it is, its first bytes tell, whatever it is called.

    Returns
    -------
    dict
        As it was saved; weights are tensors on the CPU or, from a plain pickle, numpy arrays.

    Raises
    ------
    ValueError
        If there is no such file, it is cut off, holds other objects than tensors, arrays and plain values, or is no
        checkpoint.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            start = stream.read(len(_OLD_TORCH))
    except OSError as error:
        raise ValueError(f"no checkpoint can be read at {file} ({error.strerror})") from None
    if start.startswith(_ZIP) or start == _OLD_TORCH:
        content = _read_torch(file, is_zip=start.startswith(_ZIP))
    elif start.startswith(_PICKLE) or file.suffix == ".pkl":  # protocols 0 and 1 have no mark of their own
        content = _read_pickle(file)
    elif file.suffix == ".safetensors":
        content = _read_safetensors(file)
    else:
        raise ValueError(f"{file} is no checkpoint: neither PyTorch's, nor safetensors, nor a pickle of arrays")
    if not isinstance(content, dict):
        raise ValueError(f"{file} is no checkpoint: it holds a {type(content).__name__}, not weights by name")
    return content


def find_weights(checkpoint: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Find the weights in a checkpoint: it may be them, or hold them beside other things.

    Parameters
    ----------
    checkpoint : mapping
        From `read_checkpoint`.
    path : str or Path
        Where it is from, for the message.

    Returns
    -------
    dict
        Tensors or arrays by name.

    Raises
    ------
    ValueError
        If there are none.
    """
    inner = next((checkpoint[key] for key in _WEIGHT_KEYS if isinstance(checkpoint.get(key), Mapping)), checkpoint)
    weights = {str(name): value for name, value in inner.items() if isinstance(value, Tensor | np.ndarray)}
    if not weights:
        raise ValueError(f"{path} holds no weights, only {', '.join(map(str, list(checkpoint)[:5])) or 'nothing'}")
    return weights


def compare_weights(weights: Mapping[str, Any], network: Mapping[str, Any]) -> Comparison:
    """Compare names and shapes.

    Parameters
    ----------
    weights, network : mapping of str to tensor or array
        What a checkpoint holds, and the network's own ``state_dict()``.

    Returns
    -------
    Comparison
    """
    missing = [name for name in network if name not in weights]
    unused = [name for name in weights if name not in network]
    shapes = ((name, tuple(weights[name].shape), tuple(network[name].shape)) for name in network if name in weights)
    return Comparison(missing, unused, [(name, ours, theirs) for name, ours, theirs in shapes if ours != theirs])


def check_fits(comparison: Comparison, network_names: Iterable[str], path: str | Path, model: str) -> None:
    """Make sure that a checkpoint is of the network's architecture.

    Parameters
    ----------
    comparison : Comparison
        Without what the framework fills in itself.
    network_names : iterable of str
        Names of all weights of the network.
    path : str or Path
        The checkpoint, for the message.
    model : str
        The network's name, for the message.

    Raises
    ------
    ValueError
        If weights are missing, have another shape, or belong to layers like the network's of which it has fewer: a
        deeper network's checkpoint would fill a shallower one, to give nonsense. Says how many, and names one of each.

    Notes
    -----
    Weights of parts that the network does not have at all (a head for key points, the anchors that older versions of
    Detectron2 stored) do no harm.
    """
    names = list(network_names)
    kinds = {_NUMBER.sub("#", name) for name in names}
    deeper = [name for name in comparison.unused if _NUMBER.sub("#", name) in kinds]
    faults = []
    if comparison.missing:
        faults.append(f"{len(comparison.missing)} are missing, such as {comparison.missing[0]}")
    if comparison.reshaped:
        name, in_file, in_network = comparison.reshaped[0]
        faults.append(
            f"{len(comparison.reshaped)} have another shape, such as {name} ({_join(in_file)}, not {_join(in_network)})"
        )
    if deeper:
        faults.append(f"{len(deeper)} more are of layers that it has not, such as {deeper[0]}")
    if faults:
        raise ValueError(
            f"{path} is of another architecture than {model}: of the {len(names)} weights of the network "
            f"{'; '.join(faults)}; give the config that this checkpoint was trained with"
        )


def _join(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _read_torch(file: Path, is_zip: bool) -> Any:
    try:
        with torch.serialization.safe_globals(_harmless()):
            return torch.load(file, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        named = _FOREIGN.search(str(error))
        raise _holds_code(file, named[1]) if named else _is_damaged(file, error) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _is_damaged(file, error) from None


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, OSError, ValueError) as error:
        raise _is_damaged(file, error) from None


def _read_pickle(file: Path) -> Any:
    try:
        with file.open("rb") as stream:
            return _ArraysOnly(stream, encoding="latin1").load()
    except _ForeignObjectError as error:
        raise _holds_code(file, str(error)) from None
    except Exception as error:  # a damaged pickle raises almost anything
        raise _is_damaged(file, error) from None


class _ForeignObjectError(Exception):
    """A pickle asks for something that is not among what arrays are made of; carries its name."""


class _ArraysOnly(pickle.Unpickler):
    """Unpickles dictionaries of numpy arrays, and refuses all else before it is made."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = _ARRAY_PARTS.get(f"{module}.{name}")
        if allowed is None:
            raise _ForeignObjectError(f"{module}.{name}")
        return allowed


def _encode(text: str, encoding: str) -> bytes:
    """Undo how Python 2's pickles store bytes; no other codec than the one that they use."""
    if encoding not in ("latin1", "latin-1"):
        raise _ForeignObjectError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _multiarray_parts() -> dict[str, Any]:
    core = np._core  # type: ignore[attr-defined]
    parts = {"multiarray._reconstruct": core.multiarray._reconstruct, "multiarray.scalar": core.multiarray.scalar}
    parts["numeric._frombuffer"] = core.numeric._frombuffer
    # numpy 1 and numpy 2 call the folder by different names.
    return {f"numpy.{folder}.{name}": part for folder in ("core", "_core") for name, part in parts.items()}


_ARRAY_PARTS: dict[str, Any] = {
    **_multiarray_parts(),
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "collections.OrderedDict": collections.OrderedDict,
    "_codecs.encode": _encode,
}


def _harmless() -> list[Any]:
    """List what torch may find beside tensors: numpy's numbers and arrays, and records of a training."""
    types = {type(np.dtype(code)) for code in np.typecodes["All"]}
    arrays = [(part, name) for name, part in _ARRAY_PARTS.items() if name.startswith("numpy.")]
    return [*arrays, *types, *((_Record, name) for name in _RECORDS), (_get_nothing, "builtins.getattr")]


def _holds_code(file: Path, name: str) -> ValueError:
    return ValueError(
        f"{file} holds {name}, not only tensors and plain values; nothing of it was run: take the checkpoint from its "
        "makers, or save the weights alone, as safetensors for instance"
    )


def _is_damaged(file: Path, error: Exception) -> ValueError:
    size_mb = file.stat().st_size / 1e6
    reason = first_line(error)
    return ValueError(
        f"{file} ({size_mb:.1f} MB) is cut off, or no checkpoint: fetch it again and compare its size ({reason[:120]})"
    )
