"""Which format a file or folder of masks has."""

from pathlib import Path

from remots.errors import InputError
from remots.formats.exchange.coco import open_coco_results
from remots.formats.exchange.detection_scores import with_scores
from remots.formats.exchange.mask_source import MaskSource
from remots.formats.exchange.mots_png import open_mots_png
from remots.formats.exchange.mots_text import find_first_frame_number, open_mots_text
from remots.formats.footage.sequence import Sequence


def open_detections(
    path: Path, sequence: Sequence, first_frame_number: int | None = None, scores: Path | None = None
) -> MaskSource:
    """Open the masks of a detector: COCO results (.json), or what `open_truth` opens.

    Parameters
    ----------
    path : Path
        A file or folder.
    sequence : Sequence
        The sequence whose masks they are.
    first_frame_number : int, optional
        Of MOTS text: 1 (MOTSChallenge) or 0 (KITTI); by default the file shows it.
    scores : Path, optional
        Scores for MOTS text or PNG, which have none (see `with_scores`).

    Returns
    -------
    MaskSource

    Raises
    ------
    InputError
        If there is no such file, or no format has its suffix.
    """
    if path.suffix.lower() == ".json":
        source = open_coco_results(path, sequence.height_px, sequence.width_px)
    else:
        source = open_truth(path, first_frame_number)
    if scores is None:
        return source
    if source.unit == "line" and first_frame_number is None:
        first_frame_number = find_first_frame_number(path)
    return with_scores(source, scores, 1 if first_frame_number is None else first_frame_number)


def open_truth(path: Path, first_frame_number: int | None = None) -> MaskSource:
    """Open masks with ids: MOTS text (.txt), or a folder of MOTS PNG; see `open_detections`."""
    if path.is_dir():
        return open_mots_png(path)
    if path.suffix.lower() == ".txt":
        return open_mots_text(path, first_frame_number)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    raise InputError(
        f"{path}: unknown format; masks come as MOTS .txt or a folder of MOTS PNG, detections also as .json"
    )
