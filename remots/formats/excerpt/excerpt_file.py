"""``excerpt.json``: what the report shows of one sequence, pictures and small video included."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remots.errors import InputError

FORMAT = 1
SECTIONS = (
    *("sequence", "counts", "video", "tracks", "n_tracks_left_out", "merged", "apart", "switches"),
    *("thresholds", "training", "corrections", "tracklets_digest"),
)


def write_excerpt(path: Path, sections: dict[str, Any]) -> None:
    """Write an excerpt as JSON.

    Parameters
    ----------
    path : Path
        The file (a temporary name: see `remots.formats.files.atomic`).
    sections : dict
        A value for each of `SECTIONS`.
    """
    text = json.dumps({"excerpt": FORMAT, **sections}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


def read_excerpt(path: Path | str) -> dict[str, Any]:
    """Read an excerpt.

    Parameters
    ----------
    path : Path
        A file that `write_excerpt` has written.

    Returns
    -------
    dict
        A value for each of `SECTIONS`.

    Raises
    ------
    InputError
        If the file is missing, or is no excerpt of this version.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; make it with `remots excerpt`") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not JSON; make it again with `remots excerpt`") from error
    if not isinstance(content, dict) or content.pop("excerpt", None) != FORMAT or set(content) != set(SECTIONS):
        raise InputError(f"{path}: not an excerpt of this version of remots; make it again with `remots excerpt`")
    return content


def read_excerpts(paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Read the excerpts of a run, by their paths; InputError where a sequence stands there twice."""
    excerpts = {path: read_excerpt(path) for path in paths}
    seen: dict[str, Path] = {}
    for path, excerpt in excerpts.items():
        name = excerpt["sequence"]["sequence"]
        if name in seen:
            raise InputError(f"{path}: sequence {name} has an excerpt already, {seen[name]}; give each sequence once")
        seen[name] = path
    return excerpts
