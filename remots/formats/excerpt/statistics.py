"""The parts of an excerpt that show numbers: the two thresholds with their figures, the trainings, and counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from remots.errors import InputError
from remots.formats.excerpt.data_uris import to_uri
from remots.formats.results.filled_masks import FILLED_MASKS
from remots.formats.results.result_folder import ResultFolder
from remots.formats.results.statistics_files import read_histograms, read_threshold
from remots.formats.results.tables import count_rows
from remots.report.figures import Kind, draw_threshold, populations_of
from remots.report.themed_svg import to_themed_svg
from remots.report.threshold_words import describe_threshold
from remots.report.training_figure import STAGES, describe_training, draw_training

_SVG = "image/svg+xml"
_THRESHOLDS: dict[Kind, str] = {"short": "histograms_intra.npz", "merge": "histograms_inter.npz"}
_CURVE = ("step", "loss", "auc")


def describe_thresholds(folder: ResultFolder) -> list[dict[str, Any]]:
    """Describe the thresholds of a sequence, as far as they are there.

    Parameters
    ----------
    folder : ResultFolder

    Returns
    -------
    list of dict
        ``kind``, ``figure`` (a data URI), and what `describe_threshold` says.
    """
    described = []
    for kind, file in _THRESHOLDS.items():
        if folder.has(file, f"threshold_{kind}.json"):
            histograms = read_histograms(folder.file(file), *populations_of(kind))
            threshold = read_threshold(folder.file(f"threshold_{kind}.json"))
            figure = to_uri(to_themed_svg(draw_threshold(kind, histograms, threshold)), _SVG)
            described.append({"kind": kind, "figure": figure} | describe_threshold(kind, histograms, threshold))
    return described


def describe_trainings(folder: ResultFolder) -> dict[str, Any] | None:
    """Describe the trainings of a sequence.

    Parameters
    ----------
    folder : ResultFolder

    Returns
    -------
    dict or None
        ``words``, a sentence each; ``figure``, a data URI, or None where no step was made. None where there was none.
    """
    stages = [stage for stage in STAGES if folder.has(f"training_{stage}.csv")]
    if not stages:
        return None
    curves = {stage: _read_curve(folder.file(f"training_{stage}.csv")) for stage in stages}
    is_empty = not any(map(len, curves.values()))
    figure = None if is_empty else to_uri(to_themed_svg(draw_training(curves)), _SVG)
    return {"words": describe_training(curves), "figure": figure}


def _read_curve(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)[list(_CURVE)].astype(float)
    except (KeyError, ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not the log of a training ({error}); run `remots train` again") from error


def describe_counts(folder: ResultFolder) -> dict[str, int]:
    """Count masks, short tracklets and tracks of a sequence, masks without a track, and filled masks."""
    masks = folder.masks
    return {
        "masks": len(masks.frames),
        "tracklets": len(np.unique(masks.tracklet_ids)),
        "tracks": len(np.unique(masks.track_ids[masks.track_ids >= 0])),
        "without_track": int(np.count_nonzero(masks.track_ids < 0)),
        "filled": count_rows(folder.filled, FILLED_MASKS) if folder.filled else 0,
    }
