"""The result of a sequence: which track each mask belongs to."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.formats.results.sequence_masks import iterate_sequence_masks
from remots.formats.results.tables import count_rows, read_metadata, read_table
from remots.merging.corrections import split_tracklets

logger = logging.getLogger(__name__)

NO_TRACK = -1


def read_track_of_mask(short_tracklets: Path | str, tracks: Path | str, n_masks: int) -> NDArray[np.int64]:
    """Join masks to tracks.

    Parameters
    ----------
    short_tracklets : Path
        Table of mask_id and tracklet_id.
    tracks : Path
        Table of tracklet_id and track_id.
    n_masks : int
        Number of rows of the table of masks.

    Returns
    -------
    ndarray of int64, shape (n_masks,)
        track_id by mask_id, from 1; -1 for a mask without tracklet or a tracklet without track. Where corrections split
        a tracklet, its parts have tracks of their own.

    Raises
    ------
    InputError
        If the tables do not belong together: a mask_id out of range, or twice; a tracklet twice; a track_id below 1.
    """
    masks, members = read_table(short_tracklets, "short_tracklets"), read_table(tracks, "tracks")
    mask_ids = masks["mask_id"].to_numpy(np.int64)
    if len(mask_ids) and not 0 <= mask_ids.min() <= mask_ids.max() < n_masks:
        raise InputError(f"{short_tracklets}: mask_id {mask_ids.max()}, but there are {n_masks} masks; make it again")
    _refuse_repeats(short_tracklets, masks["mask_id"])
    _refuse_repeats(tracks, members["tracklet_id"])
    if len(members) and members["track_id"].min() < 1:
        raise InputError(f"{tracks}: track_id {members['track_id'].min()}; tracks are numbered from 1; make it again")
    track_of_tracklet = members.set_index("tracklet_id")["track_id"]
    track_of_mask = np.full(n_masks, NO_TRACK, np.int64)
    parts = split_tracklets(masks["tracklet_id"].to_numpy(), masks["frame"].to_numpy(), read_splits(tracks))
    track_of_mask[mask_ids] = track_of_tracklet.reindex(parts, fill_value=NO_TRACK).to_numpy(np.int64)
    return track_of_mask


def read_splits(tracks: Path | str) -> NDArray[np.int64]:
    """Read which tracklets were split before they were merged, for `remots.merging.corrections.split_tracklets`.

    Parameters
    ----------
    tracks : Path
        Table of tracks.

    Returns
    -------
    ndarray of int64, shape (n_splits, 2), sorted
        Tracklet, and first frame of its next part; none where nobody asked for corrections.
    """
    return np.array(read_metadata(tracks, "tracks").get("splits", []), np.int64).reshape(-1, 2)


def iterate_tracked_frames(
    sequence: Sequence, masks: Path | str, short_tracklets: Path | str, tracks: Path | str
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Read the masks of a result frame by frame, each with its track.

    Parameters
    ----------
    sequence : Sequence
        The sequence of the result.
    masks, short_tracklets, tracks : Path
        Its tables.

    Yields
    ------
    frame : int
        1-based; only frames that have masks.
    columns : dict of str to ndarray
        The frame's rows by column, and ``track_id``. Masks without track are left out.

    Raises
    ------
    InputError
        If the tables do not belong together or to the sequence, or if a track has two masks in a frame.
    """
    track_of_mask = read_track_of_mask(short_tracklets, tracks, count_rows(masks, "masks"))
    if n_lost := np.count_nonzero(track_of_mask == NO_TRACK):
        logger.warning("%s: %d masks are in no track and left out", masks, n_lost)
    for frame, columns in iterate_sequence_masks(sequence, masks, "masks"):
        columns["track_id"] = track_of_mask[columns["mask_id"]]
        columns = {name: column[columns["track_id"] != NO_TRACK] for name, column in columns.items()}
        _check_one_mask_per_track(tracks, frame, columns["track_id"])
        yield frame, columns


def _check_one_mask_per_track(tracks: Path | str, frame: int, track_ids: NDArray[np.int64]) -> None:
    unique, n_times = np.unique(track_ids, return_counts=True)
    if np.any(n_times > 1):
        raise InputError(f"{tracks}: track {unique[n_times > 1][0]} has two masks in frame {frame}; make it again")


def _refuse_repeats(path: Path | str, column: "pd.Series[int]") -> None:
    if not column.is_unique:
        raise InputError(
            f"{path}: {column.name} {column[column.duplicated()].iloc[0]} stands there twice; make it again"
        )
