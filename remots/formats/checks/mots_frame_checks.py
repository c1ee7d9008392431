"""Looks at the masks of each frame of a MOTS text: ids that stand there twice, pixels that are claimed twice."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from remots.formats.checks.findings import Findings
from remots.formats.checks.mots_line_checks import Expected, check_lines, look_over
from remots.formats.exchange.mask_source import IGNORE_CLASS_ID
from remots.formats.exchange.mask_store import FrameMasks, MaskStore
from remots.formats.exchange.mots_text import MotsTextWriter
from remots.masks.disjoint import give_shared_pixels
from remots.masks.overlap import intersections_px
from remots.masks.rle import Rle, areas


def check_mots_text(path: Path, expected: Expected, findings: Findings, mended: Path | None = None) -> None:
    """Find everything that is wrong with a MOTS text, and write what can be kept of it.

    Parameters
    ----------
    path : Path
        MOTS text.
    expected : Expected
        What is known about the sequence from elsewhere.
    findings : Findings
        Takes what is wrong.
    mended : Path, optional
        A file to write (a temporary name: see `remots.formats.files.atomic`): every line without faults, or with
        faults that were mended, by frame; the others are left out.

    Raises
    ------
    InputError
        If there is no such file.
    """
    findings.n_files += 1
    overview = look_over(path, expected, findings)
    with MaskStore(*overview.size) as store:
        for mask in check_lines(path, expected, overview, findings):
            store.add(mask)
        shown_shift = overview.first_number - 1 - overview.shift
        frames = _check_frames(path, store.iterate_frames(), shown_shift, findings)
        if mended is None:
            for _ in frames:
                pass
        else:
            _write(mended, frames, overview.size, overview.first_number)


def _write(path: Path, frames: Iterable[FrameMasks], size: tuple[int, int], first_number: int) -> None:
    with MotsTextWriter(path, *size, first_number) as writer:
        for found in frames:
            for object_id, class_id, mask in zip(found.object_ids, found.class_ids, found.masks, strict=True):
                writer.append(found.frame, [int(object_id)], int(class_id), [mask["counts"]])


def _check_frames(
    path: Path, frames: Iterable[FrameMasks], shown_shift: int, findings: Findings
) -> Iterator[FrameMasks]:
    for found in frames:
        shown = found.frame + shown_shift
        unique = _join_ignored(path, _drop_repeats(path, found, shown, findings), shown, findings)
        yield _part_overlaps(path, unique, shown, findings)


def _take(found: FrameMasks, rows: list[int], masks: list[Rle] | None = None) -> FrameMasks:
    columns = (found.numbers[rows], found.class_ids[rows], found.object_ids[rows], found.scores[rows])
    return FrameMasks(found.frame, *columns, [(masks or found.masks)[row] for row in rows])


def _drop_repeats(path: Path, found: FrameMasks, shown: int, findings: Findings) -> FrameMasks:
    """Keep the first of several masks with one id; ignore regions may share theirs."""
    first_of: dict[int, int] = {}
    kept = []
    for row, (object_id, class_id) in enumerate(zip(found.object_ids.tolist(), found.class_ids.tolist(), strict=True)):
        before = None if class_id == IGNORE_CLASS_ID else first_of.setdefault(object_id, row)
        if before in (None, row):
            kept.append(row)
            continue
        line = int(found.numbers[row])
        is_same = found.masks[before] == found.masks[row] and found.class_ids[before] == class_id
        what = f"the same mask of id {object_id}" if is_same else f"another mask of id {object_id}"
        message = f"{what} stands in line {found.numbers[before]}; an id stands once in a frame"
        remedy = "mend" if is_same else "leave out"
        findings.add("error", "duplicate", path, message, line, shown, remedy)  # type: ignore[arg-type]
    return _take(found, kept)


def _join_ignored(path: Path, found: FrameMasks, shown: int, findings: Findings) -> FrameMasks:
    """Make one mask of several ignore regions of a frame."""
    ignored = np.flatnonzero(found.class_ids == IGNORE_CLASS_ID).tolist()
    if len(ignored) < 2:
        return found
    line = int(found.numbers[ignored[1]])
    message = f"{len(ignored)} ignore regions in one frame; the official tools want one in results"
    findings.add("warning", "ignore region", path, message, line, shown, remedy="mend")
    masks = list(found.masks)
    union = coco_mask.merge([masks[row] for row in ignored])
    masks[ignored[0]] = Rle(size=masks[ignored[0]]["size"], counts=union["counts"])
    return _take(found, [row for row in range(len(masks)) if row not in ignored[1:]], masks)


def _part_overlaps(path: Path, found: FrameMasks, shown: int, findings: Findings) -> FrameMasks:
    """Name each pair of masks that share pixels; the smaller one gets them, ignore regions get none."""
    areas_px = areas(found.masks)
    shared = np.triu(intersections_px(found.masks, areas_px, found.masks, areas_px), k=1)
    for a, b in np.argwhere(shared > 0).tolist():
        message = (
            f"the masks of ids {found.object_ids[a]} and {found.object_ids[b]} (lines {found.numbers[a]} and "
            f"{found.numbers[b]}) share {shared[a, b]} px; a pixel belongs to one of them"
        )
        line = int(max(found.numbers[a], found.numbers[b]))
        findings.add("error", "overlap", path, message, line, shown, remedy="mend")
    if not shared.any():
        return found
    claims = np.where(found.class_ids == IGNORE_CLASS_ID, -1.0, 0.0)
    masks, _ = give_shared_pixels(found.masks, claims)
    return _take(found, np.flatnonzero(areas(masks)).tolist(), masks)
