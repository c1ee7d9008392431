"""Files of what was learnt from similarities: ``histograms_{stage}.npz`` and ``threshold_{short,merge}.json``."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from remots.errors import InputError
from remots.statistics.histograms import SimilarityHistogram
from remots.statistics.thresholds import Threshold
from remots.statistics.windows import Window

if TYPE_CHECKING:  # the tracker's solver takes long to import, and most readers of these files do not need it
    from remots.association.short_term_tracker import TrackletSummary

# Pairs of one frame, of adjacent frames where geometry alone decides, and of one short tracklet.
POPULATIONS = ("intra_frame", "sure_link", "intra_tracklet")
_FIELDS = ("bin_edges", "counts", "fine_counts", "n", "mean", "std")
_WINDOW_POPULATIONS = POPULATIONS[:2]
_THRESHOLD_KEYS = {"value", "rule", "fallback", "statistics", "windows"}


def write_histograms(path: Path, histograms: Mapping[str, SimilarityHistogram], windows: Sequence[Window] = ()) -> None:
    """Write histograms as arrays named ``{population}_{field}``, and ``window_{population}_{field}``, a row a window.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    histograms : mapping of str to SimilarityHistogram
        By population, of `POPULATIONS`.
    windows : sequence of Window
        The same for windows of the video.
    """
    arrays = {
        f"{population}_{field}": np.asarray(getattr(histogram, field))
        for population, histogram in sorted(histograms.items())
        for field in _FIELDS
    }
    arrays["window_frames"] = np.array([[each.first_frame, each.last_frame] for each in windows], np.int64).reshape(
        -1, 2
    )
    for population in _WINDOW_POPULATIONS if windows else ():
        found: list[SimilarityHistogram] = [getattr(window, population) for window in windows]
        for field in _FIELDS:
            arrays[f"window_{population}_{field}"] = np.stack([np.asarray(getattr(each, field)) for each in found])
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_histograms(path: Path | str, *populations: str) -> dict[str, SimilarityHistogram]:
    """Read histograms.

    Parameters
    ----------
    path : Path
        A file that `write_histograms` has written.
    *populations : str
        Those that are needed; by default all that the file holds.

    Returns
    -------
    dict of str to SimilarityHistogram
        By population.

    Raises
    ------
    InputError
        If the file is missing, is not such a file, or lacks a population that is needed.
    """
    found = _read_arrays(path)
    present = [name for name in POPULATIONS if f"{name}_n" in found]
    for name in populations or POPULATIONS[:1]:
        if name not in present:
            hint = " --short-tracklets" if name == "intra_tracklet" else ""
            raise InputError(f"{path}: holds no {name} histogram; make it again with `remots histogram{hint}`")
    try:
        return {name: _to_histogram(found, name) for name in populations or present}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: a histogram is broken ({error}); make it again with `remots histogram`") from error


def _read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in arrays.files}
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; make it with `remots histogram`") from error
    except (ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a file of histograms; make it again with `remots histogram`") from error


def read_windows(path: Path | str) -> list[Window]:
    """Read the histograms of the windows of a video.

    Parameters
    ----------
    path : Path
        A file that `write_histograms` has written.

    Returns
    -------
    list of Window
        Empty where the video has no masks.

    Raises
    ------
    InputError
        As `read_histograms`.
    """
    found = _read_arrays(path)
    try:
        return [_to_window(found, row) for row in range(len(found["window_frames"]))]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path}: a window is broken ({error}); make it again with `remots histogram`") from error


def _to_window(arrays: Mapping[str, np.ndarray], row: int) -> Window:
    first, last = arrays["window_frames"][row].tolist()
    of_row = {
        f"{population}_{field}": arrays[f"window_{population}_{field}"][row]
        for population in _WINDOW_POPULATIONS
        for field in _FIELDS
    }
    return Window(first, last, *(_to_histogram(of_row, population) for population in _WINDOW_POPULATIONS))


def _to_histogram(arrays: Mapping[str, np.ndarray], population: str) -> SimilarityHistogram:
    bin_edges, counts, fine_counts, n, mean, std = (arrays[f"{population}_{field}"] for field in _FIELDS)
    if counts.sum() != n or fine_counts.sum() != n or len(bin_edges) != len(counts) + 1:
        raise ValueError("counts do not add up")
    return SimilarityHistogram(bin_edges, counts, fine_counts, int(n), float(mean), float(std))


def write_threshold(path: Path, threshold: Threshold) -> None:
    """Write a threshold as JSON, keys sorted."""
    _write_json(path, asdict(threshold))


def read_threshold(path: Path | str) -> Threshold:
    """Read a threshold.

    Parameters
    ----------
    path : Path
        A file that `write_threshold` has written.

    Returns
    -------
    Threshold

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or its value is not a similarity.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; make it with `remots threshold-short` or `remots threshold-merge`"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}); make this threshold again") from error
    if not isinstance(values, dict) or set(values) != _THRESHOLD_KEYS:
        raise InputError(f"{path}: a threshold has the keys {', '.join(sorted(_THRESHOLD_KEYS))}; make it again")
    value = values["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
        raise InputError(f"{path}: value is {value!r}, but a similarity lies from -1 to 1; make this threshold again")
    try:
        windows = tuple((float(frame), float(theta)) for frame, theta in values["windows"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: windows are no pairs of a frame and a value; make this threshold again") from error
    return Threshold(float(value), values["rule"], values["fallback"], values["statistics"], windows)


def write_summary(path: Path, summary: "TrackletSummary", threshold: Threshold) -> None:
    """Write what the short tracklets look like and the θ_short they come from as JSON, keys sorted."""
    _write_json(path, {**asdict(summary), "theta_short": threshold.value})


def _write_json(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
