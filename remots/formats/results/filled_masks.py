"""The table of filled masks: what stands in short gaps of tracks, where no detector found a mask.

They are kept apart from the masks that were found, so that nothing is ever trained on them, and are put beside them
only where a result is written or drawn.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.formats.results.sequence_masks import iterate_sequence_masks
from remots.formats.results.tables import SCHEMAS, read_table

FILLED_MASKS = "filled_masks"
NO_MASK_ID = -1
# Declared here and not in `tables`, which every verb reads: an edit there would train every encoder again.
SCHEMAS[FILLED_MASKS] = pa.schema(
    [
        *SCHEMAS["detections"],
        ("track_id", pa.int32()),
        ("mask_id_before", pa.int32()),  # the ends of the gap: the track's last mask before it, and its next
        ("mask_id_after", pa.int32()),
    ]
)

Rows = dict[str, NDArray[Any]]


def add_filled_masks(
    found: Iterator[tuple[int, Rows]], sequence: Sequence, filled: Path | None
) -> Iterator[tuple[int, Rows]]:
    """Put filled masks beside those that were found, frame by frame.

    Parameters
    ----------
    found : iterator of (int, dict of str to ndarray)
        Frames by rising number, and the rows of each by column; the columns of a table of masks, and track_id.
    sequence : Sequence
        Whose masks they are.
    filled : Path or None
        Table of filled masks; without one, everything stays as it is.

    Yields
    ------
    frame : int
        1-based; frames with masks of either kind.
    columns : dict of str to ndarray
        The columns of `found`; filled masks come last, and their mask_id is -1.

    Raises
    ------
    InputError
        If the filled masks are not of this sequence, or one stands in a frame where its track is seen.
    """
    if filled is None:
        yield from found
        return
    added = iterate_sequence_masks(sequence, filled, FILLED_MASKS)
    next_found, next_added = next(found, None), next(added, None)
    while next_found is not None or next_added is not None:
        frame = min(upcoming[0] for upcoming in (next_found, next_added) if upcoming is not None)
        parts = []
        if next_found is not None and next_found[0] == frame:
            parts.append(next_found[1])
            next_found = next(found, None)
        if next_added is not None and next_added[0] == frame:
            n_added = len(next_added[1]["frame"])
            _check_gaps(filled, frame, next_added[1]["track_id"], parts)
            parts.append(next_added[1] | {"mask_id": np.full(n_added, NO_MASK_ID, np.int32)})
            next_added = next(added, None)
        yield frame, {name: np.concatenate([part[name] for part in parts]) for name in _columns(parts)}


def iterate_masks_with_tracks(
    sequence: Sequence, masks: Path | str, track_of_mask: NDArray[np.int64]
) -> Iterator[tuple[int, Rows]]:
    """Read masks as `iterate_sequence_masks` does, with the column ``track_id``, -1 where a mask is in none."""
    for frame, columns in iterate_sequence_masks(sequence, masks, "masks"):
        yield frame, columns | {"track_id": track_of_mask[columns["mask_id"]]}


def read_filled_frames(filled: Path | None) -> dict[int, NDArray[np.int64]]:
    """Read in which frames each track has a filled mask.

    Parameters
    ----------
    filled : Path or None
        Table of filled masks.

    Returns
    -------
    dict of int to ndarray of int64
        Rising frames, by track_id; empty without a table.
    """
    if filled is None:
        return {}
    rows = read_table(filled, FILLED_MASKS, ["frame", "track_id"])
    track_ids, frames = rows["track_id"].to_numpy(np.int64), rows["frame"].to_numpy(np.int64)
    return {track_id: frames[track_ids == track_id] for track_id in np.unique(track_ids).tolist()}


def _check_gaps(filled: Path, frame: int, track_ids: NDArray[np.int32], found: list[Rows]) -> None:
    seen = [*track_ids.tolist(), *(track_id for part in found for track_id in part["track_id"].tolist())]
    twice = [track_id for track_id in track_ids.tolist() if seen.count(track_id) > 1]
    if twice:
        raise InputError(f"{filled}: track {twice[0]} is seen in frame {frame} already; run `remots fill` again")


def _columns(parts: list[Rows]) -> list[str]:
    return [name for name in parts[0] if all(name in part for part in parts)]
