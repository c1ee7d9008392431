"""What the detectors that are networks have in common: their options, and classes by name."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from remots.detectors.interface import PEDESTRIAN

Precision = Literal["float32", "bfloat16", "float16"]
ZOO = "zoo"
_N_NAMED = 3


@dataclass(frozen=True)
class NetworkOptions:
    """How a network finds masks.

    Attributes
    ----------
    model : str or None
        A config of the framework's zoo by name, or a path; None for the paper's network.
    weights : str
        Path of a checkpoint, or ``"zoo"``: the framework fetches what its zoo has for the model.
    classes : tuple of str
        Classes to find, by the names that the network has for them.
    class_id : int
        Class id of all instances found, as in MOTS text.
    min_score : float, in [0, 1]
        Instances with a lower score are left out.
    short_side_px, long_side_px : int or None
        Images are scaled to the short side, and less where the long side would exceed its limit; None: as the model has
        it.
    device : str
        ``"auto"`` (the first GPU, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"float32", "bfloat16", "float16"}
        Arithmetic of the network; the two halves by torch's autocast.
    overrides : tuple of str
        ``KEY=VALUE`` in the framework's own config language.
    """

    model: str | None = None
    weights: str = ZOO
    classes: tuple[str, ...] = ("person",)
    class_id: int = PEDESTRIAN
    min_score: float = 0.1
    short_side_px: int | None = None
    long_side_px: int | None = None
    device: str = "auto"
    precision: Precision = "float32"
    overrides: tuple[str, ...] = ()


def class_indices(wanted: Sequence[str], known: Sequence[str], model: str) -> frozenset[int]:
    """Find the indices of classes by their names.

    Parameters
    ----------
    wanted : sequence of str
        Names, compared without regard to case.
    known : sequence of str
        The network's classes, in the order of their indices.
    model : str
        The network's name, for the message.

    Returns
    -------
    frozenset of int

    Raises
    ------
    ValueError
        If the network knows no such class; names those that come closest.
    """
    index_of = {name.casefold(): index for index, name in enumerate(known)}
    for name in wanted:
        if name.casefold() not in index_of:
            close = difflib.get_close_matches(name, known, _N_NAMED, 0.0) or list(known[:_N_NAMED])
            raise ValueError(
                f"{model} knows no class {name!r}; it has {len(known)}, the closest are {', '.join(map(repr, close))}"
            )
    return frozenset(index_of[name.casefold()] for name in wanted)
