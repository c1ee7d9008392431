"""The detections tables of one sequence, pooled: all masks of a frame, from all detectors, checked."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence as FrameSequence
from remots.formats.results.tables import iterate_frames, read_metadata
from remots.masks.counts import MalformedCountsError
from remots.masks.rle import check_rles

Columns = dict[str, NDArray[Any]]


def iterate_pooled_frames(
    paths: Sequence[Path], sequence: FrameSequence, min_score: float = 0.0
) -> Iterator[tuple[int, Columns]]:
    """Read several detections tables side by side, frame by frame, in bounded memory.

    Parameters
    ----------
    paths : sequence of Path
        Tables of detections of one sequence, each sorted by frame.
    sequence : FrameSequence
        The sequence they belong to.
    min_score : float
        Detections with a lower score are left out; compared as float32, as scores are stored.

    Yields
    ------
    frame : int
        1-based, ascending; only frames that a table has rows of.
    columns : dict of str to ndarray
        The detections of the frame by column, sorted by class. ``mask`` takes the place of ``rle``: an object array of
        checked `Rle`.

    Raises
    ------
    InputError
        If a table is of frames of another size, has a frame outside the sequence, or a mask that is not well-formed;
        names the file, and the frame.
    """
    for path in paths:
        _check_size(path, sequence)
    streams = [_iterate_checked(path, sequence, min_score) for path in paths]
    for frame, parts in groupby(heapq.merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        tables = [columns for _, columns in parts]
        pooled = {name: np.concatenate([columns[name] for columns in tables]) for name in tables[0]}
        by_class = np.argsort(pooled["class_id"], kind="stable")
        yield frame, {name: column[by_class] for name, column in pooled.items()}


def _iterate_checked(path: Path, sequence: FrameSequence, min_score: float) -> Iterator[tuple[int, Columns]]:
    for frame, columns in iterate_frames(path, "detections"):
        if not sequence.first_frame <= frame <= sequence.last_frame:
            raise InputError(
                f"{path}: frame {frame} lies outside sequence {sequence.sequence} (frames {sequence.first_frame} to "
                f"{sequence.last_frame}); import the detections of this sequence"
            )
        chosen = columns["score"] >= np.float32(min_score)
        yield frame, _with_masks(path, frame, {name: column[chosen] for name, column in columns.items()}, sequence)


def _with_masks(path: Path, frame: int, columns: Columns, sequence: FrameSequence) -> Columns:
    """Replace the bytes of the column ``rle`` by masks that are safe to hand to pycocotools."""
    size = (sequence.height_px, sequence.width_px)
    masks = np.empty(len(columns["rle"]), object)
    try:
        masks[:] = check_rles([{"size": size, "counts": counts} for counts in columns.pop("rle")])
    except MalformedCountsError as error:
        raise InputError(f"{path}: frame {frame}: {error.fault}; make this table again") from None
    return {**columns, "mask": masks}


def _check_size(path: Path, sequence: FrameSequence) -> None:
    facts = read_metadata(path, "detections")
    size = (facts.get("height_px"), facts.get("width_px"))
    if size != (sequence.height_px, sequence.width_px):
        raise InputError(
            f"{path}: the masks are of frames of {size[0]} x {size[1]}, but those of sequence {sequence.sequence} have "
            f"{sequence.height_px} x {sequence.width_px} px (height x width); import the detections of this sequence"
        )
