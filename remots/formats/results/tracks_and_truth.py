"""The frames of a result with their true masks beside those of the tracks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from remots.evaluation.metrics import LabelledMasks
from remots.formats.footage.every_frame import fill_frames
from remots.formats.results.filled_masks import add_filled_masks
from remots.formats.results.result_folder import ResultFolder
from remots.formats.results.sequence_masks import iterate_sequence_masks
from remots.formats.results.tracks import iterate_tracked_frames
from remots.masks.rle import Rle

_NO_MASKS = LabelledMasks([], [], [])


def iterate_tracks_and_truth(
    folder: ResultFolder, truth: Path, class_id: int
) -> Iterator[tuple[int, LabelledMasks, LabelledMasks]]:
    """Read ground truth and tracks side by side, one frame at a time.

    Parameters
    ----------
    folder : ResultFolder
    truth : Path
        Table of ground truth.
    class_id : int
        Class of the tracks.

    Yields
    ------
    (frame, truth, result)
        Every frame of the sequence, with or without masks. Identities of the result are track ids.

    Raises
    ------
    InputError
        If a table cannot be read, or they do not belong together.
    """
    sequence = folder.sequence
    tables = [folder.file(name) for name in ("masks.parquet", "short_tracklets.parquet", "tracks.parquet")]
    size = (sequence.height_px, sequence.width_px)
    true_masks = fill_frames(_iterate_truth(folder, truth, size), sequence, _NO_MASKS)
    results = fill_frames(_iterate_tracks(folder, tables, size, class_id), sequence, _NO_MASKS)
    yield from zip(sequence.frame_numbers, true_masks, results, strict=True)


def _iterate_truth(folder: ResultFolder, path: Path, size: tuple[int, int]) -> Iterator[tuple[int, LabelledMasks]]:
    for frame, columns in iterate_sequence_masks(folder.sequence, path, "truth"):
        masks = [Rle(size=size, counts=counts) for counts in columns["rle"]]
        yield frame, LabelledMasks(columns["identity"].astype(np.int64), columns["class_id"], masks)


def _iterate_tracks(
    folder: ResultFolder, tables: list[Path], size: tuple[int, int], class_id: int
) -> Iterator[tuple[int, LabelledMasks]]:
    tracked = iterate_tracked_frames(folder.sequence, *tables)
    for frame, columns in add_filled_masks(tracked, folder.sequence, folder.filled):
        masks = [Rle(size=size, counts=counts) for counts in columns["rle"]]
        yield frame, LabelledMasks(columns["track_id"], [class_id] * len(masks), masks)
