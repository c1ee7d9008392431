"""The tracks of another tracker: masks, or boxes that take the masks of detectors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.exchange.conversion_sources import open_tracked_sequences
from remots.formats.exchange.mask_source import select_masks
from remots.formats.exchange.mask_store import FrameMasks, MaskStore, check_frames
from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.sequence import Sequence as FrameSequence
from remots.formats.results.pooled_detections import Columns, iterate_pooled_frames
from remots.formats.results.tables import geometry_columns
from remots.masks.boxed import NO_MASK, are_boxes, match_boxes
from remots.masks.disjoint import give_shared_pixels
from remots.masks.rle import Rle, areas, boxes
from remots.progress import track
from remots.settings import ImportTracklets


class GivenFrame(NamedTuple):
    """What another tracker found in a frame.

    Attributes
    ----------
    frame : int
        1-based.
    object_ids : ndarray of int64, shape (n_masks,)
        As they stand in its file.
    columns : dict of str to array or list, each of length n_masks
        Columns of a table of masks, but for mask_id and frame; the masks are disjoint.
    n_boxes : int
        How many of the masks are boxes, for want of a detector's mask.
    n_lost : int
        How many were left out, as others in front of them cover them.
    """

    frame: int
    object_ids: NDArray[np.int64]
    columns: dict[str, Any]
    n_boxes: int
    n_lost: int


@contextmanager
def open_given_frames(
    path: Path, sequence: FrameSequence, detections: Sequence[Path], settings: ImportTracklets
) -> Iterator[Iterator[GivenFrame]]:
    """Open the tracks of another tracker, frame by frame.

    Parameters
    ----------
    path : Path
        What `remots.formats.exchange.conversion_sources` opens: MOT text of boxes, MOTS text or PNG, COCO video, ….
    sequence : FrameSequence
        What they are of.
    detections : sequence of Path
        Tables of detections of the sequence; a box takes the mask that overlaps it best, if that is enough.
    settings : ImportTracklets

    Yields
    ------
    iterator of GivenFrame
        Only frames that have masks. Of masks that overlap, a real one is in front of a box, then the one of higher
        score, and of boxes the one that reaches further down.

    Raises
    ------
    InputError
        If a file cannot be read, holds several videos, has no object of the class, an id twice in a frame, or masks of
        another size; names it and the place.
    """
    with (
        open_tracked_sequences([path], None, sequence) as found,
        MaskStore(sequence.height_px, sequence.width_px) as store,
    ):
        if len(found) != 1:
            raise InputError(f"{path}: holds {len(found)} videos; give a file of {sequence.sequence} alone")
        source = found[0].source
        for mask in track(select_masks(source, sequence, settings.class_id), f"read {path.name}"):
            store.add(mask)
        given = ((each.frame, each) for each in check_frames(source, store.iterate_frames(), disjoint=False))
        pooled = iterate_pooled_frames(detections, sequence) if detections else iter(())
        pairs = zip(fill_frames(given, sequence, None), fill_frames(pooled, sequence, None), strict=True)
        yield (_make_frame(own, seen, settings) for own, seen in pairs if own is not None)


def _make_frame(given: FrameMasks, seen: Columns | None, settings: ImportTracklets) -> GivenFrame:
    masks, scores = list(given.masks), given.scores.astype(np.float64)
    is_box = are_boxes(masks)
    if seen is not None:
        _take_masks(masks, scores, is_box, seen, settings.min_box_iou)
    disjoint, _ = give_shared_pixels(masks, _claims(masks, scores, is_box))
    kept = np.flatnonzero(areas(disjoint) >= settings.min_area_px)
    columns = {"class_id": np.full(len(kept), settings.class_id), "score": scores[kept]}
    columns |= geometry_columns([disjoint[index] for index in kept])
    return GivenFrame(given.frame, given.object_ids[kept], columns, int(is_box[kept].sum()), len(masks) - len(kept))


def _take_masks(
    masks: list[Rle], scores: NDArray[np.float64], is_box: NDArray[np.bool_], seen: Columns, min_iou: float
) -> None:
    """Put the masks and scores of detections in the place of boxes."""
    places = np.flatnonzero(is_box)
    chosen = match_boxes(boxes([masks[place] for place in places]), boxes(list(seen["mask"])), min_iou)
    for place, own in zip(places.tolist(), chosen.tolist(), strict=True):
        if own != NO_MASK:
            masks[place], scores[place], is_box[place] = seen["mask"][own], seen["score"][own], False


def _claims(masks: list[Rle], scores: NDArray[np.float64], is_box: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Tell how strong each mask's claim to a pixel is: boxes of people further down are nearer to the camera."""
    bottoms = boxes(masks)[:, [1, 3]].sum(axis=1)
    return np.where(is_box, -1.0 / (1 + bottoms), scores)
