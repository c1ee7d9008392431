"""``evaluation.json``: the metrics of one sequence, and the raw counts from which sequences are combined."""

import json
from pathlib import Path
from typing import Any

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output


def write_evaluation(path: Path | str, sequence: str, metrics: dict[str, Any], raw: dict[str, dict[str, Any]]) -> None:
    """Write an ``evaluation.json``; whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    sequence : str
        Name of the sequence.
    metrics : dict
        Its row of the table, for people.
    raw : dict
        Raw results by metric family; floats keep every digit.
    """
    with atomic_output(path) as temporary:
        text = json.dumps({"sequence": sequence, "metrics": metrics, "raw": raw}, indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_evaluation(path: Path | str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Read an ``evaluation.json``.

    Parameters
    ----------
    path : Path
        A file that `write_evaluation` has written.

    Returns
    -------
    sequence : str
        Name of the sequence.
    raw : dict
        Raw results by metric family.

    Raises
    ------
    InputError
        If the file is missing or is no evaluation.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return str(content["sequence"]), dict(content["raw"])
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; make it with `remots evaluate`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not an evaluation.json; make it again with `remots evaluate`") from error
