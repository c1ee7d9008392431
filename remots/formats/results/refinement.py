"""The tracklets of another tracker, as `remots refine` reads and describes them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.results.tracking_files import read_short_tracklets

if TYPE_CHECKING:
    from remots.association.refining import Refinement


def read_given_tracklets(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read a table of `remots import-tracklets`.

    Parameters
    ----------
    path : Path
        A table of short tracklets.

    Returns
    -------
    tracklet_ids, frames : ndarray of int64, shape (n_masks,)
        The place is the mask id.

    Raises
    ------
    InputError
        As `read_short_tracklets`, and if the masks are not in the order of frames, or a tracklet has two in one frame.
    """
    tracklet_ids, frames = read_short_tracklets(path)
    if np.any(np.diff(frames) < 0):
        raise InputError(f"{path}: rows are not sorted by frame; run `remots import-tracklets` again")
    order = np.lexsort((frames, tracklet_ids))
    twice = np.flatnonzero((np.diff(tracklet_ids[order]) == 0) & (np.diff(frames[order]) == 0))
    if len(twice):
        mask = order[twice[0]]
        raise InputError(f"{path}: tracklet {tracklet_ids[mask]} has two masks in frame {frames[mask]}; take one out")
    return tracklet_ids, frames


def write_refinement(path: Path, refinement: "Refinement") -> None:
    """Write what became of given tracklets as JSON, keys sorted."""
    path.write_text(json.dumps(asdict(refinement), indent=2, sort_keys=True) + "\n", encoding="utf-8")
