"""What a training reads: crops, and who on them is known to be the same or different."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.appearance.crops import CROP_CHANNELS
from remots.appearance.encoder import Encoder
from remots.appearance.held_out import hold_out_frames
from remots.appearance.sampling import GroupSource, InterShortTracklet, IntraFrame, TrueIdentities
from remots.association.sure_links import MAX_RIVAL_IOU_TO_LEARN, chain_links, find_sure_links
from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader
from remots.formats.results.tables import read_table
from remots.formats.results.tracking_files import read_warped_pairs


class TrainingInputs(NamedTuple):
    """The inputs of a training.

    Attributes
    ----------
    stores : list of ArrayReader
        The target's crops, then those of each training sequence.
    target : GroupSource
        Of the target.
    training : list of GroupSource
        Of each training sequence.
    labels : list of ndarray of int
        All that the sources were made from.
    held_out : GroupSource
        Pseudo labels of the target that are not in `target`.
    """

    stores: list[ArrayReader]
    target: GroupSource
    training: list[GroupSource]
    labels: list[NDArray[np.int64]]
    held_out: GroupSource


def read_training_inputs(
    crops: Path,
    masks: Path,
    short_tracklets: Path | None,
    training_crops: Sequence[Path] = (),
    training_truth: Sequence[Path] = (),
    warped_iou: Path | None = None,
    held_out_share: float = 0.0,
    seed: int = 0,
) -> TrainingInputs:
    """Read the inputs of a training and see that they belong together.

    Parameters
    ----------
    crops, masks : Path
        Of the target.
    short_tracklets : Path or None
        Of the target; given for inter-short-tracklet training, None for intra-frame training.
    training_crops, training_truth : sequences of Path
        Crops and ground truth of each training sequence, in one order.
    warped_iou : Path, optional
        Of the target. For intra-frame training it adds the sure links between adjacent frames, as positives beside the
        altered copies (`remots.association.sure_links`).
    held_out_share : float
        Share of the target's frames that is kept from the training, to judge it by.
    seed : int
        Which frames these are.

    Returns
    -------
    TrainingInputs

    Raises
    ------
    InputError
        If a file is missing or malformed, or two do not belong together.
    """
    if len(training_crops) != len(training_truth):
        raise InputError(
            f"--training-crops names {len(training_crops)} files, --training-truth {len(training_truth)}; "
            "give both of each training sequence, in one order"
        )
    stores = [open_crops(path) for path in (crops, *training_crops)]
    frames = _read_labels(masks, "masks", "frame", stores[0])
    pseudo_labels, source = _read_pseudo_labels(len(frames), short_tracklets, warped_iou)
    is_held_out = hold_out_frames(frames, held_out_share, seed)
    identities = [
        _read_labels(truth, "truth", "identity", store) for truth, store in zip(training_truth, stores[1:], strict=True)
    ]
    return TrainingInputs(
        stores,
        _target(source, frames, np.where(is_held_out, -1, pseudo_labels)),
        [TrueIdentities(ids) for ids in identities],
        [frames, pseudo_labels, is_held_out.astype(np.int64), *identities],
        _target(source, frames, np.where(is_held_out, pseudo_labels, -1)),
    )


def open_crops(path: Path | str) -> ArrayReader:
    """Open an array of crops; raises InputError if it is none."""
    return ArrayReader(path, (None, None, CROP_CHANNELS), np.uint8)


def check_crop_size(encoder: Encoder, encoder_path: Path | str, crops: Sequence[ArrayReader]) -> None:
    """Raise InputError where crops have not the size that the encoder was made for, or differ in size."""
    first = crops[0]
    wanted = (encoder.description.crop_height_px, encoder.description.crop_width_px)
    source = f"{encoder_path} is for"
    if wanted == (None, None):
        wanted, source = (first.shape[1], first.shape[2]), f"{first.path} has"
    for store in crops:
        if store.shape[1:3] != wanted:
            raise InputError(
                f"{store.path}: crops of {store.shape[1]}x{store.shape[2]} px (height x width), but {source} crops of "
                f"{wanted[0]}x{wanted[1]}; cut all at one size"
            )


def _read_labels(path: Path, kind: str, column: str, store: ArrayReader) -> NDArray[np.int64]:
    labels = read_table(path, kind, columns=[column])[column].to_numpy(np.int64)
    if len(labels) != len(store):
        raise InputError(f"{store.path}: {len(store)} crops of {len(labels)} masks in {path}; run `remots crop` again")
    return labels


def _read_tracklet_ids(path: Path, n_masks: int) -> NDArray[np.int64]:
    table = read_table(path, "short_tracklets", columns=["mask_id", "tracklet_id"])
    mask_ids = table["mask_id"].to_numpy(np.int64)
    if len(mask_ids) and not 0 <= mask_ids.min() <= mask_ids.max() < n_masks:
        raise InputError(f"{path}: mask_id up to {mask_ids.max()}, but there are {n_masks} masks; associate them again")
    tracklet_ids = np.full(n_masks, -1, np.int64)
    tracklet_ids[mask_ids] = table["tracklet_id"].to_numpy(np.int64)
    return tracklet_ids


def _read_pseudo_labels(
    n_masks: int, short_tracklets: Path | None, warped_iou: Path | None
) -> tuple[NDArray[np.int64], Path | None]:
    """Give who is who, as far as it is known, and the file that says so; other masks are each on their own."""
    if short_tracklets is not None:
        return _read_tracklet_ids(short_tracklets, n_masks), short_tracklets
    if warped_iou is not None:
        pairs, ious = read_warped_pairs(warped_iou, n_masks)
        sure = find_sure_links(pairs, ious, max_rival_iou=MAX_RIVAL_IOU_TO_LEARN)
        return chain_links(n_masks, pairs[sure]), warped_iou
    return np.arange(n_masks), None


def _target(source: Path | None, frames: NDArray[np.int64], pseudo_labels: NDArray[np.int64]) -> GroupSource:
    if source is None:
        return IntraFrame(frames, pseudo_labels < 0)
    try:
        return InterShortTracklet(frames, pseudo_labels)
    except ValueError as error:
        raise InputError(f"{source}: {error}; associate the masks again") from error
