"""Masks from outside, whatever their file: what a reader finds, and the checks that all of them share."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.masks.counts import MalformedCountsError
from remots.masks.rle import areas, check_rles

logger = logging.getLogger(__name__)

NO_OBJECT_ID = -1
IGNORE_CLASS_ID = 10
_BATCH = 2048


class FoundMask(NamedTuple):
    """A mask as it stands in a file.

    Attributes
    ----------
    number : int
        Of its line, record or image.
    frame : int
        1-based.
    class_id : int
        MOTS class, or category of COCO.
    object_id : int
        Id within its file; -1 where the format has none.
    score : float
        The detector's, in [0, 1]; 1 where the format has none.
    rle : object
        The mask as the file has it: `MaskSource.read_mask` makes an `Rle` of it.
    """

    number: int
    frame: int
    class_id: int
    object_id: int
    score: float
    rle: Any


def _unchanged(rle: Any) -> Mapping[str, Any]:
    return rle  # type: ignore[no-any-return]


@dataclass(frozen=True)
class MaskSource:
    """A file or folder of masks.

    Attributes
    ----------
    path : Path
        Where it is.
    unit : str
        What `FoundMask.number` counts, for messages: ``"line"``, ``"record"`` or ``"image"``.
    class_name : str
        What the format calls a class, for messages.
    find_masks : callable
        Gives its masks one by one, in the order of the file.
    read_mask : callable
        Makes an `Rle`, not yet checked, of the mask as the file has it; raises ValueError where it cannot.
    """

    path: Path
    unit: str
    class_name: str
    find_masks: Callable[[], Iterator[FoundMask]]
    read_mask: Callable[[Any], Mapping[str, Any]] = _unchanged

    def place(self, mask: FoundMask) -> str:
        """Say where a mask stands, for messages."""
        return f"{self.path}: {self.unit} {mask.number} (frame {mask.frame})"


@dataclass
class _Tally:
    """What was found and what was left out."""

    n_found: int = 0
    n_of_class: int = 0
    n_in_part: int = 0
    n_low_score: int = 0
    n_empty: int = 0


def select_masks(
    source: MaskSource, sequence: Sequence, class_id: int | None = None, min_score: float = 0.0
) -> Iterator[FoundMask]:
    """Give the checked masks that belong to a sequence; say at the end what was left out.

    Parameters
    ----------
    source : MaskSource
        Where the masks come from.
    sequence : Sequence
        Its size is the size that masks must have; masks of frames outside it are left out.
    class_id : int, optional
        Masks of other classes are left out; by default every class is kept.
    min_score : float, in [0, 1]
        Masks with a lower score are left out.

    Yields
    ------
    FoundMask
        In the order of the file; `rle` is a well-formed `Rle` of at least one pixel.

    Raises
    ------
    InputError
        At the first malformed mask, score or frame; if no mask is of the class; if all lie outside the sequence.
    """
    tally = _Tally()
    classes: Counter[int] = Counter()
    wanted = _filter(source, sequence, class_id, min_score, tally, classes)
    while batch := list(islice(wanted, _BATCH)):
        checked = _check_masks(source, sequence, batch)
        areas_px = areas([mask.rle for mask in checked])
        tally.n_empty += int(np.count_nonzero(areas_px == 0))
        yield from (mask for mask, area_px in zip(checked, areas_px, strict=True) if area_px)
    _report(source, sequence, class_id, tally, classes)


def _filter(
    source: MaskSource,
    sequence: Sequence,
    class_id: int | None,
    min_score: float,
    tally: _Tally,
    classes: Counter[int],
) -> Iterator[FoundMask]:
    for mask in source.find_masks():
        if mask.frame < 1:
            raise InputError(f"{source.place(mask)}: frames are numbered from 1; add what is missing")
        tally.n_found += 1
        classes[mask.class_id] += 1
        if class_id not in (None, mask.class_id):
            continue
        tally.n_of_class += 1
        if not 0 <= mask.score <= 1:  # also refuses NaN
            raise InputError(f"{source.place(mask)}: the score is {mask.score:g}; scores lie in [0, 1]")
        if not sequence.first_frame <= mask.frame <= sequence.last_frame:
            continue
        tally.n_in_part += 1
        if mask.score < min_score:
            tally.n_low_score += 1
            continue
        yield mask


def _check_masks(source: MaskSource, sequence: Sequence, batch: list[FoundMask]) -> list[FoundMask]:
    expected = (sequence.height_px, sequence.width_px)
    try:
        checked = check_rles([_read_mask(source, mask) for mask in batch])
    except MalformedCountsError as error:
        raise InputError(f"{source.place(batch[error.index])}: malformed mask: {error.fault}") from error
    for mask, rle in zip(batch, checked, strict=True):
        if rle["size"] != expected:
            raise InputError(
                f"{source.place(mask)}: the mask is of a frame of {rle['size'][1]}x{rle['size'][0]} px, "
                f"but {sequence.sequence} has frames of {expected[1]}x{expected[0]} px"
            )
    return [mask._replace(rle=rle) for mask, rle in zip(batch, checked, strict=True)]


def _read_mask(source: MaskSource, mask: FoundMask) -> Mapping[str, Any]:
    try:
        return source.read_mask(mask.rle)
    except ValueError as error:
        raise InputError(f"{source.place(mask)}: malformed mask: {error}") from error


def _report(source: MaskSource, sequence: Sequence, class_id: int | None, tally: _Tally, classes: Counter[int]) -> None:
    part = f"frames {sequence.first_frame} to {sequence.last_frame} of {sequence.sequence}"
    if not tally.n_found:
        logger.warning("%s: holds no masks", source.path)
        return
    if not tally.n_of_class:
        found = ", ".join(f"{number} ({count} times)" for number, count in sorted(classes.items()))
        raise InputError(f"{source.path}: no mask has {source.class_name} {class_id}; it has {found}")
    if not tally.n_in_part:
        raise InputError(f"{source.path}: none of its {tally.n_of_class} masks lies in {part}; are they of this video?")
    if n_outside := tally.n_of_class - tally.n_in_part:
        logger.warning("%s: %d masks are outside %s and left out", source.path, n_outside, part)
    if tally.n_empty:
        logger.warning("%s: %d masks without a pixel are left out", source.path, tally.n_empty)
    if n_of_other_class := tally.n_found - tally.n_of_class:
        logger.info("%s: %d masks of other classes are left out", source.path, n_of_other_class)
    if tally.n_low_score:
        logger.info("%s: %d masks of low score are left out", source.path, tally.n_low_score)
