"""The parts of an excerpt that show people: the tracks, the close calls of the merging, the identity switches."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.evaluation.identity_switches import IdentitySwitch, find_identity_switches
from remots.evaluation.metrics import match_frames
from remots.formats.excerpt.data_uris import Thumbnails
from remots.formats.results.filled_masks import read_filled_frames
from remots.formats.results.merging_files import Tracklets, read_tracklets
from remots.formats.results.result_folder import ResultFolder
from remots.formats.results.statistics_files import read_threshold
from remots.formats.results.tables import read_table
from remots.formats.results.tracks_and_truth import iterate_tracks_and_truth
from remots.merging.evidence import Evidence
from remots.report.close_calls import CloseCall, find_apart_calls, find_merged_calls
from remots.report.timeline import draw_timeline, find_runs
from remots.report.tracked_masks import TrackedMasks, choose_masks, choose_tracks
from remots.settings import Merge
from remots.statistics.displacements import PlaceBonus
from remots.statistics.mixture import place_weight, sized_looks
from remots.statistics.thresholds import Threshold

NO_FRAMES = np.zeros(0, np.int64)
MAX_SWITCHES = 200
MAX_SWITCHES_WITH_PICTURES = 12
_MERGING = ("features_inter.npy", "threshold_merge.json", "merges.parquet")


def describe_tracks(folder: ResultFolder, thumbnails: Thumbnails, n_tracks: int, n_pictures: int) -> dict[str, Any]:
    """Describe the longest tracks of a sequence.

    Parameters
    ----------
    folder : ResultFolder
    thumbnails : Thumbnails
    n_tracks, n_pictures : int
        How many tracks, and how many pictures of each, at most.

    Returns
    -------
    dict
        ``tracks``, a dictionary each: ``id``, ``first``, ``last``, ``n_masks``, ``runs``, ``joins``, ``tracklets`` (in
        the order of time), ``pictures``, and ``filled``, the stretches of frames with a filled mask.
        ``n_tracks_left_out``, how many further tracks there are.
    """
    masks = folder.masks
    chosen = choose_tracks(masks, n_tracks)
    filled = read_filled_frames(folder.filled)
    described = []
    for row in draw_timeline(masks, chosen, folder.sequence.n_frames):
        own = masks.of_track(row.track_id)
        found = {
            "id": row.track_id,
            "first": row.runs[0][0],
            "last": row.runs[-1][1],
            "n_masks": row.n_masks,
            "runs": row.runs,
            "joins": row.joins,
            "filled": find_runs(filled.get(row.track_id, NO_FRAMES), folder.sequence.n_frames),
            "tracklets": list(dict.fromkeys(map(folder.name_tracklet, masks.tracklet_ids[own].tolist()))),
            "pictures": thumbnails.of(choose_masks(masks, own, n_pictures)),
        }
        described.append(found)
    n_all = len(np.unique(masks.track_ids[masks.track_ids >= 0]))
    return {"tracks": described, "n_tracks_left_out": n_all - len(chosen)}


def describe_close_calls(
    folder: ResultFolder, corrections: Path | None, thumbnails: Thumbnails, limits: Merge, n_each: int
) -> dict[str, list[dict[str, Any]]]:
    """Describe the decisions of the merging that were close.

    Parameters
    ----------
    folder : ResultFolder
        Where it lacks a file of the merging, nothing is known.
    corrections : Path or None
        What the merging obeyed. What was asked for there is no close call.
    thumbnails : Thumbnails
    limits : Merge
        The settings of the merging.
    n_each : int
        How many on each side of θ_merge, at most.

    Returns
    -------
    dict
        ``merged`` and ``apart``, lists of dictionaries, the closest first: ``similarity``, ``gap_frames``, and for the
        ``earlier`` and the ``later`` side ``tracklet``, ``track``, ``first``, ``last``, ``n_masks``, ``pictures``,
        ``others`` (pictures of the rest of its cluster).
    """
    if not folder.has(*_MERGING) or not len(folder.masks.frames):
        return {"merged": [], "apart": []}
    features, masks = folder.file("features_inter.npy"), folder.file("masks.parquet")
    tracklets = read_tracklets(folder.file("short_tracklets.parquet"), features, masks, corrections)
    threshold = read_threshold(folder.file("threshold_merge.json"))
    evidence = _evidence(tracklets, threshold)
    merged = find_merged_calls(
        _read_merges(folder, tracklets.ranges.n_tracklets),
        tracklets.sizes,
        tracklets.ranges,
        threshold.value,
        evidence,
        n_each,
        n_by_hand=len(tracklets.corrections.must_links),
    )
    apart = find_apart_calls(
        _track_of_tracklet(folder.masks, tracklets.ranges.n_tracklets),
        tracklets.sums,
        tracklets.sizes,
        tracklets.ranges,
        threshold.value,
        limits.max_gap_frames,
        evidence,
        tracklets.sight(folder.sequence, limits),
        n_each,
        tracklets.corrections.cannot_links,
    )
    sides = {"merged": merged, "apart": apart}
    return {name: [_describe_call(call, folder, thumbnails) for call in side] for name, side in sides.items()}


def _evidence(tracklets: Tracklets, threshold: Threshold) -> Evidence:
    weight = place_weight(threshold)
    return Evidence(sized_looks(threshold), PlaceBonus(tracklets.places, *weight) if weight else None)


def _read_merges(
    folder: ResultFolder, n_tracklets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    path = folder.file("merges.parquet")
    table = read_table(path, "merges")
    a, b = (table[f"tracklet_id_{side}"].to_numpy(np.int64) for side in "ab")
    if len(a) and max(a.max(), b.max()) >= n_tracklets:
        raise InputError(f"{path}: names tracklet {max(a.max(), b.max())}, but there are {n_tracklets}; merge again")
    return a, b, table["distance"].to_numpy(np.float64)


def _track_of_tracklet(masks: TrackedMasks, n_tracklets: int) -> NDArray[np.int64]:
    track_ids = np.full(n_tracklets, -1, np.int64)
    track_ids[masks.tracklet_ids] = masks.track_ids
    return track_ids


def _describe_call(call: CloseCall, folder: ResultFolder, thumbnails: Thumbnails) -> dict[str, Any]:
    return {
        "similarity": call.similarity,
        "gap_frames": call.gap_frames,
        "earlier": _describe_side(call.earlier, call.earlier_members, folder, thumbnails),
        "later": _describe_side(call.later, call.later_members, folder, thumbnails),
    }


def _describe_side(
    tracklet_id: int, members: list[int], folder: ResultFolder, thumbnails: Thumbnails
) -> dict[str, Any]:
    masks = folder.masks
    own = np.flatnonzero(masks.tracklet_ids == tracklet_id)
    others = np.flatnonzero(np.isin(masks.tracklet_ids, [member for member in members if member != tracklet_id]))
    return {
        "tracklet": folder.name_tracklet(tracklet_id),
        "track": int(masks.track_ids[own[0]]),
        "first": int(masks.frames[own[0]]),
        "last": int(masks.frames[own[-1]]),
        "n_masks": len(own),
        "pictures": thumbnails.of(choose_masks(masks, own, 2)),
        "others": thumbnails.of(choose_masks(masks, others, 2)),
    }


def describe_switches(
    folder: ResultFolder,
    truth: Path | None,
    thumbnails: Thumbnails,
    class_id: int,
    unlabelled: Literal["count", "drop"],
) -> dict[str, Any] | None:
    """Describe the identity switches of a sequence.

    Parameters
    ----------
    folder : ResultFolder
    truth : Path or None
        Table of ground truth.
    thumbnails : Thumbnails
    class_id, unlabelled
        The settings of the evaluation.

    Returns
    -------
    dict or None
        ``n``, how many there are, and ``shown``, the first of them: ``frame``, ``identity``, ``track_before``,
        ``track_after``, ``last_frame``, ``pictures`` (before and after; of the first few alone). None without truth.

    Raises
    ------
    InputError
        If the truth does not belong to the tracks.
    """
    if truth is None:
        return None
    try:
        found = find_identity_switches(
            match_frames(iterate_tracks_and_truth(folder, truth, class_id), class_id, unlabelled)
        )
    except ValueError as error:
        raise InputError(f"{truth} against {folder.file('tracks.parquet')}: {error}") from error
    shown = [switch._asdict() | {"pictures": []} for switch in found[:MAX_SWITCHES]]
    for switch, row in zip(found[:MAX_SWITCHES_WITH_PICTURES], shown, strict=False):
        row["pictures"] = thumbnails.of(_masks_of_switch(switch, folder.masks))
    return {"n": len(found), "shown": shown}


def _masks_of_switch(switch: IdentitySwitch, masks: TrackedMasks) -> list[int]:
    places = ((switch.last_frame, switch.track_before), (switch.frame, switch.track_after))
    return [_nearest_mask(masks, track_id, frame) for frame, track_id in places]


def _nearest_mask(masks: TrackedMasks, track_id: int, frame: int) -> int:
    """Give a track's mask in a frame, or the one nearest in time: of a filled mask there is no picture."""
    own = masks.of_track(track_id)
    return int(own[np.argmin(np.abs(masks.frames[own] - frame))])
