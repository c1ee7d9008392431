"""From the record of a file back to those of its inputs, and of theirs."""

import json
from pathlib import Path
from typing import NamedTuple

from remots.errors import InputError
from remots.formats.results.records import Record, digest_file, digest_input, find_record, record_path


class Ancestor(NamedTuple):
    """A file behind another one, or the file itself.

    Attributes
    ----------
    path : Path
        Where it is, or was when it was read.
    sha256 : str
        Digest of what it held then.
    record : dict or None
        What made it; None for what came from outside.
    """

    path: Path
    sha256: str
    record: Record | None


def trace(file: Path, folder: Path | None = None) -> list[Ancestor]:
    """Trace a file back to where nothing is recorded any more.

    Parameters
    ----------
    file : Path
        A result.
    folder : Path, optional
        A folder of results whose records are searched, too, for files that lie elsewhere now.

    Returns
    -------
    list of Ancestor
        The file first, then its inputs, then theirs; each content once.

    Raises
    ------
    InputError
        If there is no such file, or no record of it as it is now.
    """
    if not file.is_file():
        raise InputError(f"{file}: no such file; name a result")
    digest = digest_file(file)
    record = find_record(file, digest, folder)
    if record is None:
        state = "the record beside it is of another content" if record_path(file).is_file() else "no record beside it"
        raise InputError(f"{file}: {state}; make it again, or name the folder of its run with --results")
    found = {digest: Ancestor(file, digest, record)}
    waiting = [found[digest]]
    while waiting:
        child = waiting.pop(0)
        for path, digest in _inputs(child):
            if digest not in found:
                found[digest] = Ancestor(path, digest, find_record(path, digest, folder))
                waiting.append(found[digest])
    return list(found.values())


def _inputs(child: Ancestor) -> list[tuple[Path, str]]:
    listed = (child.record or {}).get("inputs", {})
    return [(child.path.parent / one["path"], one["sha256"]) for files in listed.values() for one in files]


def describe_as_json(ancestors: list[Ancestor]) -> str:
    """Write ancestors as JSON: `files`, a list of path, sha256 and record (null for what came from outside)."""
    rows = [{"path": path.as_posix(), "sha256": digest, "record": record} for path, digest, record in ancestors]
    return json.dumps({"files": rows}, indent=1, ensure_ascii=False) + "\n"


def describe_as_text(ancestors: list[Ancestor]) -> str:
    """Write the first one's record in full, then a line for each of the others, and whether it is still the same."""
    file, *others = ancestors
    record = file.record or {}
    software = record["software"]
    packages = ", ".join(f"{name} {version}" for name, version in software["packages"].items())
    lines = [
        f"{file.path}",
        f"  sha256      {file.sha256}",
        f"  made by     remots {record['verb']}, version {software['remots']}, code {software['code']}, "
        f"revision {software['revision'] or 'unknown'}",
        f"  run with    Python {software['python']}, {software['machine']}, {packages}",
        f"  parameters  {_describe_parameters(record) or 'none'}",
        "made from, all the way back:" if others else "made from no file",
    ]
    return "\n".join([*lines, *map(_describe, others)]) + "\n"


def _describe(one: Ancestor) -> str:
    origin = "from outside"
    if one.record is not None:
        origin = f"remots {one.record['verb']} {_describe_parameters(one.record)}".rstrip()
    return f"  {one.sha256[:12]}  {_resolve(one.path)}{_state(one)}: {origin}"


def _describe_parameters(record: Record) -> str:
    return ", ".join(f"{name}={value}" for name, value in record["parameters"].items())


def _resolve(path: Path) -> str:
    """Write a path without the detours over ``..`` that it has from one folder of the results to another."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] not in ("..", "/"):
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts).as_posix()


def _state(one: Ancestor) -> str:
    if not one.path.exists():
        return " (not there any more)"
    return "" if digest_input(one.path) == one.sha256 else " (has changed since)"
