"""What filling reads of a result, and the rows that it writes."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.filling.filling import FilledFrame
from remots.filling.gaps import Gap, find_gaps
from remots.formats.results.tables import count_rows, geometry_columns, read_table
from remots.formats.results.tracks import read_track_of_mask


class TrackGaps(NamedTuple):
    """The short gaps of the tracks of a sequence.

    Attributes
    ----------
    gaps : list of Gap
    track_ids, class_ids : ndarray of int, shape (n_masks,)
        Of every mask; -1 where a mask is in no track.
    scores : ndarray of float32, shape (n_masks,)
    """

    gaps: list[Gap]
    track_ids: NDArray[np.int64]
    class_ids: NDArray[np.int16]
    scores: NDArray[np.float32]


def read_track_gaps(masks: Path, short_tracklets: Path, tracks: Path, max_gap_frames: int) -> TrackGaps:
    """Read where tracks have gaps.

    Parameters
    ----------
    masks, short_tracklets, tracks : Path
        The tables of a result.
    max_gap_frames : int
        See `find_gaps`.

    Returns
    -------
    TrackGaps

    Raises
    ------
    InputError
        If a table cannot be read, or they do not belong together.
    """
    track_ids = read_track_of_mask(short_tracklets, tracks, count_rows(masks, "masks"))
    table = read_table(masks, "masks", ["frame", "class_id", "score"])
    frames = table["frame"].to_numpy(np.int64)
    try:
        gaps = find_gaps(track_ids, frames, max_gap_frames)
    except ValueError as error:
        raise InputError(f"{tracks}: {error}; make it again") from error
    return TrackGaps(gaps, track_ids, table["class_id"].to_numpy(np.int16), table["score"].to_numpy(np.float32))


def columns_of_filled(filled: FilledFrame, tracked: TrackGaps) -> dict[str, Any]:
    """Give the rows of a table of filled masks for one frame; a score is the lower one of the two ends."""
    before = np.array([gap.mask_before for gap in filled.gaps], np.int64)
    after = np.array([gap.mask_after for gap in filled.gaps], np.int64)
    return {
        "frame": [filled.frame] * len(filled.masks),
        "class_id": tracked.class_ids[before],
        "score": np.minimum(tracked.scores[before], tracked.scores[after]),
        **geometry_columns(filled.masks),
        "track_id": tracked.track_ids[before],
        "mask_id_before": before,
        "mask_id_after": after,
    }
