"""What each step took: the benchmark files that Snakemake leaves beside the results."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from remots.errors import InputError


class StepCost(NamedTuple):
    """What a step took; of several repetitions the mean.

    Attributes
    ----------
    step : str
        Name of the file, and so of the rule.
    seconds : float
        From its start to its end.
    memory_mb : float or None
        The most memory at a time; None where the step was too short to be looked at.
    """

    step: str
    seconds: float
    memory_mb: float | None


def read_benchmarks(folder: Path) -> list[StepCost]:
    """Read all benchmark files of a folder, in the order in which they were written.

    Parameters
    ----------
    folder : Path
        Such as ``results/street/benchmarks``; where it is missing, nothing is known.

    Returns
    -------
    list of StepCost

    Raises
    ------
    InputError
        If a file is no benchmark.
    """
    files = sorted(folder.rglob("*.tsv"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [_read_benchmark(path, str(path.relative_to(folder).with_suffix(""))) for path in files]


def _read_benchmark(path: Path, step: str) -> StepCost:
    try:
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        seconds, memory = table["s"].astype(float).mean(), table["max_rss"].astype(float).mean()
    except (KeyError, ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a benchmark of Snakemake ({error}); delete it") from error
    return StepCost(step, float(seconds), None if pd.isna(memory) else float(memory))
