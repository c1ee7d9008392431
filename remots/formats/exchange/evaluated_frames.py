"""The frames of a sequence with their true and their result masks, for evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from remots.errors import InputError
from remots.evaluation.metrics import LabelledMasks
from remots.formats.exchange.mask_source import select_masks
from remots.formats.exchange.mask_store import MaskStore
from remots.formats.exchange.mots_text import open_mots_text
from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.sequence import Sequence
from remots.formats.results.tables import iterate_frames, read_metadata
from remots.masks.rle import Rle

NO_MASKS = LabelledMasks([], [], [])


@contextmanager
def open_evaluated_frames(
    sequence: Sequence, truth: Path | str, mots: Path | str
) -> Iterator[Iterator[tuple[int, LabelledMasks, LabelledMasks]]]:
    """Read ground truth and results side by side, in bounded memory.

    Parameters
    ----------
    sequence : Sequence
        Whose frames are evaluated.
    truth : Path
        The table of ground truth.
    mots : Path
        Results as MOTSChallenge text, whose frames count from 1; its lines may stand in any order.

    Yields
    ------
    iterator of (frame, truth, result)
        Every frame of the sequence, with or without masks.

    Raises
    ------
    InputError
        If a file is missing or malformed, or its masks are of another size than the frames.
    """
    size = (sequence.height_px, sequence.width_px)
    facts = read_metadata(truth, "truth")
    if (found := (facts.get("height_px", size[0]), facts.get("width_px", size[1]))) != size:
        raise InputError(
            f"{truth}: masks of frames of {found[1]}x{found[0]} px, but {sequence.sequence} has "
            f"{size[1]}x{size[0]} px; import the truth of this video"
        )
    with MaskStore(*size) as store:
        for mask in select_masks(open_mots_text(mots, first_frame_number=1), sequence):
            store.add(mask)
        true_masks = fill_frames(_iterate_truth(truth, size), sequence, NO_MASKS)
        results = fill_frames(_iterate_results(store), sequence, NO_MASKS)
        yield zip(sequence.frame_numbers, true_masks, results, strict=True)


def _iterate_truth(path: Path | str, size: tuple[int, int]) -> Iterator[tuple[int, LabelledMasks]]:
    for frame, columns in iterate_frames(path, "truth"):
        masks = [Rle(size=size, counts=counts) for counts in columns["rle"]]
        yield frame, LabelledMasks(columns["identity"].astype(np.int64), columns["class_id"], masks)


def _iterate_results(store: MaskStore) -> Iterator[tuple[int, LabelledMasks]]:
    for found in store.iterate_frames():
        yield found.frame, LabelledMasks(found.object_ids, found.class_ids, found.masks)
