"""`remots convert`: masks with identities from one format into another, frame by frame, and what is lost on the way."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from remots.formats.exchange.coco_video import TrackStore, describe_video
from remots.formats.exchange.conversion_sources import TrackedSequence
from remots.formats.exchange.cvat import CvatWriter
from remots.formats.exchange.identities import (
    Identity,
    Numbering,
    number_for_davis,
    number_for_png,
    number_for_text,
)
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID, select_masks
from remots.formats.exchange.mask_store import FrameMasks, MaskStore, check_unique_ids
from remots.formats.exchange.mot_boxes import BoxWriter
from remots.formats.exchange.mots_png import write_mots_png
from remots.formats.exchange.mots_text import CLASS_NAMES, MotsTextWriter
from remots.formats.exchange.numbered_images import write_davis_png
from remots.formats.files.archives import write_zip
from remots.formats.files.atomic import atomic_output
from remots.formats.files.atomic_folder import atomic_folder
from remots.formats.footage.every_frame import fill_frames
from remots.formats.footage.sequence import Sequence
from remots.masks.disjoint import give_shared_pixels
from remots.masks.rle import Rle, areas
from remots.progress import track


class LabelledFrame(NamedTuple):
    """The masks of one frame (1-based): ids of the target, classes as in MOTS, scores; lists of length n."""

    frame: int
    ids: list[int]
    class_ids: list[int]
    scores: list[float]
    masks: list[Rle]


class Target(NamedTuple):
    """What a format can hold.

    Attributes
    ----------
    is_disjoint : bool
        A pixel belongs to one mask only.
    keeps_classes, keeps_scores, keeps_masks : bool
    suffix : str
        Of the file of a sequence; empty for a folder of images.
    is_one_file : bool
        All sequences go into one file.
    """

    is_disjoint: bool = True
    keeps_classes: bool = True
    keeps_scores: bool = False
    keeps_masks: bool = True
    suffix: str = ""
    is_one_file: bool = False


TARGETS: dict[str, Target] = {
    "mots": Target(suffix=".txt"),
    "mots-zip": Target(suffix=".zip", is_one_file=True),
    "mots-png": Target(),
    "kitti": Target(suffix=".txt"),
    "kitti-png": Target(),
    "coco-video": Target(is_disjoint=False, keeps_scores=True, suffix=".json", is_one_file=True),
    "davis": Target(keeps_classes=False),
    "cvat": Target(is_disjoint=False, suffix=".xml"),
    "boxes": Target(is_disjoint=False, keeps_scores=True, keeps_masks=False, suffix=".csv"),
}


class Converted(NamedTuple):
    """What `convert` has done.

    Attributes
    ----------
    n_sequences, n_masks, n_objects : int
    losses : list of str
        What is not in the target as it was in the source, in words; empty where nothing is lost.
    """

    n_sequences: int
    n_masks: int
    n_objects: int
    losses: list[str]


def convert(sequences: list[TrackedSequence], target: str, out: Path) -> Converted:
    """Write sequences in a format.

    Parameters
    ----------
    sequences : list of TrackedSequence
    target : str
        A key of `TARGETS`.
    out : Path
        The file or, for images, the folder of a sequence. Several sequences go into a folder, under their names, unless
        the format has one file for all.

    Returns
    -------
    Converted

    Raises
    ------
    InputError
        If a source is malformed or does not fit into the format, or `out` is a folder that is not empty.
    """
    facts = TARGETS[target]
    if facts.is_one_file:
        with atomic_output(out) as path:
            done = (_write_coco_video if target == "coco-video" else _write_zip)(path, sequences)
    elif len(sequences) == 1 and facts.suffix:
        with atomic_output(out) as path:
            done = [_write_one(path, sequences[0], target)]
    else:
        with atomic_folder(out) as folder:
            places = [folder / f"{one.sequence.sequence}{facts.suffix}" for one in sequences]
            places = places if len(sequences) > 1 else [folder]
            for place in places if not facts.suffix else []:
                place.mkdir(exist_ok=True)
            done = [_write_one(path, one, target) for path, one in zip(places, sequences, strict=True)]
    losses = [
        f"{one.sequence.sequence}: {loss}" for one, (_, lost) in zip(sequences, done, strict=True) for loss in lost
    ]
    n_masks = sum(count["masks"] for count, _ in done)
    return Converted(len(sequences), n_masks, sum(count["objects"] for count, _ in done), losses)


Done = tuple[Counter[str], list[str]]
Frames = Iterator[LabelledFrame]


def _write_one(path: Path, one: TrackedSequence, target: str) -> Done:
    """Write one sequence into a file or folder; give the counts and the losses."""

    def write(frames: Frames, class_ids: list[int]) -> None:
        _WRITERS[target](path, one.sequence, frames, class_ids)

    return _pass_on(one, target, write)


def _pass_on(one: TrackedSequence, target: str, write: Callable[[Frames, list[int]], None]) -> Done:
    """Read one sequence and hand its frames to a writer, with the ids that the target has for them."""
    with MaskStore(one.sequence.height_px, one.sequence.width_px) as store:
        identities = _fill(store, one)
        numbering = _number(target, identities, one.sequence.sequence)
        counts: Counter[str] = Counter()
        frames = _label(one, store, numbering, TARGETS[target].is_disjoint, counts)
        class_ids = sorted({identity.class_id for identity in identities})
        write(track(frames, f"convert {one.sequence.sequence}"), class_ids)
    counts["objects"] = len(set(numbering.ids.values()))
    return counts, _describe_losses(one, target, identities, numbering, counts)


def _fill(store: MaskStore, one: TrackedSequence) -> list[Identity]:
    """Read all masks into the store; give the identities as they appear."""
    identities: dict[Identity, None] = {}
    for mask in track(select_masks(one.source, one.sequence), f"read {one.source.path.name}"):
        store.add(mask)
        identities[Identity(mask.class_id, mask.object_id)] = None
    return list(identities)


def _number(target: str, identities: list[Identity], name: str) -> Numbering:
    if target == "davis":
        return number_for_davis(identities, name)
    if target in ("mots-png", "kitti-png"):
        return number_for_png(identities, name)
    return number_for_text(identities)


def _label(
    one: TrackedSequence, store: MaskStore, numbering: Numbering, is_disjoint: bool, counts: Counter[str]
) -> Frames:
    for found in store.iterate_frames():
        check_unique_ids(one.source, found)
        frame = _join_ignore_regions(found, numbering)
        if is_disjoint:
            # An ignore region claims only what nobody else does.
            claims = np.where(np.array(frame.class_ids) == IGNORE_CLASS_ID, -1.0, frame.scores)
            masks, n_shared_px = give_shared_pixels(frame.masks, claims)
            counts["shared_px"] += n_shared_px
            frame = _without_empty(frame._replace(masks=masks))
            counts["vanished"] += len(masks) - len(frame.masks)
        counts["masks"] += len(frame.masks)
        yield frame


def _join_ignore_regions(found: FrameMasks, numbering: Numbering) -> LabelledFrame:
    """Give masks their ids; all ignore regions of a frame become one mask, the last."""
    is_ignored = found.class_ids == IGNORE_CLASS_ID
    rows = [*np.flatnonzero(~is_ignored).tolist(), *np.flatnonzero(is_ignored)[:1].tolist()]
    masks = [found.masks[row] for row in rows]
    if is_ignored.sum() > 1:
        union = coco_mask.merge([mask for mask, ignored in zip(found.masks, is_ignored, strict=True) if ignored])
        masks[-1] = Rle(size=masks[-1]["size"], counts=union["counts"])
    class_ids = found.class_ids[rows].tolist()
    keys = map(Identity, class_ids, found.object_ids[rows].tolist())
    return LabelledFrame(
        found.frame, [numbering.ids[key] for key in keys], class_ids, found.scores[rows].tolist(), masks
    )


def _without_empty(frame: LabelledFrame) -> LabelledFrame:
    kept = np.flatnonzero(areas(frame.masks)).tolist()
    return LabelledFrame(
        frame.frame,
        [frame.ids[row] for row in kept],
        [frame.class_ids[row] for row in kept],
        [frame.scores[row] for row in kept],
        [frame.masks[row] for row in kept],
    )


def _describe_losses(
    one: TrackedSequence, target: str, identities: list[Identity], numbering: Numbering, counts: Counter[str]
) -> list[str]:
    facts = TARGETS[target]
    losses = list(one.notes)
    losses += [f"{n} of class {name!r} are left out" for name, n in one.left_out.items()]
    if not facts.keeps_masks:
        losses.append("only the boxes around the masks are kept")
    if not facts.keeps_classes and identities:
        losses.append(f"classes are not kept ({', '.join(sorted({CLASS_NAMES[one.class_id] for one in identities}))})")
    if one.has_scores and not facts.keeps_scores:
        losses.append("scores are not kept")
    if facts.keeps_scores and not one.has_scores:
        losses.append("there are no scores: all are 1")
    if target == "coco-video" and one.has_scores:
        losses.append("scores are kept as the mean of each track")
    if numbering.is_renumbered:
        losses.append("ids are new ones")
    if counts["shared_px"]:
        losses.append(
            f"{counts['shared_px']} px claimed twice went to the higher score, of equal ones the smaller mask"
        )
    if counts["vanished"]:
        losses.append(f"{counts['vanished']} masks had no pixel left and are gone")
    return losses


def _write_text(path: Path, sequence: Sequence, frames: Frames, _class_ids: list[int], first_number: int) -> None:
    with MotsTextWriter(path, sequence.height_px, sequence.width_px, first_number) as writer:
        for frame in frames:
            for object_id, class_id, mask in zip(frame.ids, frame.class_ids, frame.masks, strict=True):
                writer.append(frame.frame, [object_id], class_id, [mask["counts"]])


def _write_mots_png(path: Path, sequence: Sequence, frames: Frames, _class_ids: list[int], first_number: int) -> None:
    for frame in _every_frame(frames, sequence):
        size = (sequence.height_px, sequence.width_px)
        write_mots_png(path / f"{frame.frame + first_number - 1:06d}.png", frame.ids, frame.masks, size)


def _write_davis(path: Path, sequence: Sequence, frames: Frames, _class_ids: list[int]) -> None:
    for frame in _every_frame(frames, sequence):
        size = (sequence.height_px, sequence.width_px)
        write_davis_png(path / f"{frame.frame - 1:05d}.png", frame.ids, frame.masks, size)


def _every_frame(frames: Frames, sequence: Sequence) -> Frames:
    nothing = LabelledFrame(0, [], [], [], [])
    filled = fill_frames(((frame.frame, frame) for frame in frames), sequence, nothing)
    for number, frame in enumerate(filled, start=sequence.first_frame):
        yield frame._replace(frame=number)


def _write_cvat(path: Path, sequence: Sequence, frames: Frames, class_ids: list[int]) -> None:
    with CvatWriter(path, sequence, class_ids) as writer:
        for frame in frames:
            writer.append(frame.frame, frame.ids, frame.class_ids, frame.masks)


def _write_boxes(path: Path, _sequence: Sequence, frames: Frames, _class_ids: list[int]) -> None:
    with BoxWriter(path) as writer:
        for frame in frames:
            writer.append(frame.frame, frame.ids, frame.class_ids, frame.scores, frame.masks)


_WRITERS: dict[str, Callable[[Path, Sequence, Frames, list[int]], None]] = {
    "mots": partial(_write_text, first_number=1),
    "mots-zip": partial(_write_text, first_number=1),
    "mots-png": partial(_write_mots_png, first_number=1),
    "kitti": partial(_write_text, first_number=0),
    "kitti-png": partial(_write_mots_png, first_number=0),
    "davis": _write_davis,
    "cvat": _write_cvat,
    "boxes": _write_boxes,
}


def _write_zip(path: Path, sequences: list[TrackedSequence]) -> list[Done]:
    """Write a file of each sequence, then all of them into one archive."""
    with atomic_folder(path.with_suffix(".texts"), is_kept=False) as folder:
        files = {f"{one.sequence.sequence}.txt": folder / f"{one.sequence.sequence}.txt" for one in sequences}
        done = [_write_one(file, one, "mots-zip") for file, one in zip(files.values(), sequences, strict=True)]
        write_zip(path, files)
    return done


def _write_coco_video(path: Path, sequences: list[TrackedSequence]) -> list[Done]:
    """Write all sequences into one file, each with annotations of its own."""
    done: list[Done] = []
    used: set[int] = set()
    n_annotations = 0
    with path.open("w", encoding="ascii") as file:
        videos = [_describe_video(one.sequence, number) for number, one in enumerate(sequences, start=1)]
        file.write(json.dumps({"videos": videos})[:-1] + ', "annotations": [')
        for video_id, one in enumerate(sequences, start=1):
            with closing(TrackStore(one.sequence)) as store:
                done.append(_pass_on(one, "coco-video", partial(_store_tracks, store, used)))
                for annotation in store.annotate(video_id, n_annotations + 1, IGNORE_CLASS_ID, is_compressed=False):
                    file.write(("," if n_annotations else "") + "\n" + json.dumps(annotation))
                    n_annotations += 1
        categories = [{"id": class_id, "name": CLASS_NAMES[class_id]} for class_id in sorted(used)]
        file.write(f'\n], "categories": {json.dumps(categories)}}}\n')
    return done


def _describe_video(sequence: Sequence, video_id: int) -> dict[str, Any]:
    """Describe a video; YouTube-VIS takes its name and length from the names of its images."""
    frames = range(sequence.first_frame - 1, sequence.last_frame)
    return describe_video(sequence, video_id) | {
        "file_names": [f"{sequence.sequence}/{frame:05d}.jpg" for frame in frames]
    }


def _store_tracks(store: TrackStore, used: set[int], frames: Frames, class_ids: list[int]) -> None:
    used.update(class_ids)
    for frame in frames:
        for row, mask in enumerate(frame.masks):
            store.add(frame.frame, frame.ids[row], frame.class_ids[row], frame.scores[row], mask["counts"])
