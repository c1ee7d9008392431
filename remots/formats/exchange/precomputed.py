"""The masks of a detector that has already run, as rows of a table of detections."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from remots.formats.exchange.mask_formats import open_detections
from remots.formats.exchange.mask_source import select_masks
from remots.formats.exchange.mask_store import MaskStore, check_frames, tabulate_masks
from remots.formats.footage.sequence import Sequence
from remots.progress import track


def iterate_precomputed(
    path: Path,
    sequence: Sequence,
    category: int,
    class_id: int,
    min_score: float,
    scores: Path | None = None,
    first_frame_number: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Read masks that were found elsewhere, sorted by frame, in bounded memory.

    Parameters
    ----------
    path : Path
        COCO results (.json), MOTS text (.txt), or a folder of MOTS PNG.
    sequence : Sequence
        The sequence whose masks they are; masks of other frames are left out.
    category : int
        Class to read from COCO results, which count their classes on their own.
    class_id : int
        Class to read from MOTS files, and the class id of all rows.
    min_score : float, in [0, 1]
        Masks with a lower score are left out.
    scores : Path, optional
        Scores for MOTS files, which have none (see `remots.formats.exchange.detection_scores`).
    first_frame_number : {0, 1}, optional
        Of MOTS text; by default the file shows it.

    Yields
    ------
    dict of str to array or list
        Columns of a table of detections, for some frames at a time.

    Raises
    ------
    InputError
        If the file cannot be read; names it, the line or frame, and what to do.
    """
    source = open_detections(path, sequence, first_frame_number, scores)
    wanted = category if source.unit == "record" else class_id
    with MaskStore(sequence.height_px, sequence.width_px) as store:
        for mask in track(select_masks(source, sequence, wanted, min_score), f"read {path.name}"):
            store.add(mask)
        for rows in tabulate_masks(check_frames(source, store.iterate_frames(), disjoint=False)):
            yield rows | {"class_id": np.full(len(rows["rle"]), class_id)}
