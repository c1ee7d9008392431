"""What made a file: a record beside it, ``.provenance/NAME.json`` in its folder, for files of every kind.

A record holds the digest of its file, so that it can be told whether it still is of this file, and found for a copy of
the file that has lost it. Neither dates nor absolute paths of its own stand in it: two runs write the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output

FOLDER = ".provenance"
Record = dict[str, Any]

_KEYS = {"file", "sha256", "n_bytes", "verb", "software", "parameters", "inputs"}


def record_path(file: Path | str) -> Path:
    """Give the path of the record of a file."""
    file = Path(file)
    return file.parent / FOLDER / f"{file.name}.json"


def write_record(file: Path, verb: str, software: Record, parameters: Record, inputs: Record) -> None:
    """Write the record of a file that has just been made.

    Parameters
    ----------
    file : Path
        The file.
    verb : str
        What made it.
    software : dict
        Versions and revision.
    parameters : dict
        Settings of the verb, in effect.
    inputs : dict of str to list of (Path, str)
        Path and digest of each input, by the name of its flag.
    """
    listed = {
        name: [{"path": _as_seen_from(file, path), "sha256": digest} for path, digest in files]
        for name, files in inputs.items()
    }
    record = {"file": file.name, "sha256": digest_file(file), "n_bytes": file.stat().st_size, "verb": verb}
    record |= {"software": software, "parameters": parameters, "inputs": listed}
    text = json.dumps(record, indent=1, ensure_ascii=False)
    with atomic_output(record_path(file)) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_record(file: Path) -> Record | None:
    """Read the record beside a file; None where there is none, InputError where it is broken."""
    path = record_path(file)
    return _read(path) if path.is_file() else None


def find_record(file: Path, digest: str, folder: Path | None = None) -> Record | None:
    """Find the record of a file: beside it, or anywhere in a folder of results, by the digest of what it holds.

    Returns
    -------
    dict or None
        None where there is no record of a file with this digest.
    """
    beside = read_record(file)
    if beside is not None and beside["sha256"] == digest:
        return beside
    return next((record for record in _iterate_records(folder) if record["sha256"] == digest), None)


def _iterate_records(folder: Path | None) -> Iterator[Record]:
    if folder is not None:
        for path in sorted(folder.rglob(f"{FOLDER}/*.json")):
            yield _read(path)


def _read(path: Path) -> Record:
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a record ({error}); make the file again") from error
    if not isinstance(record, dict) or set(record) != _KEYS:
        raise InputError(f"{path}: a record has the keys {', '.join(sorted(_KEYS))}; make the file again")
    return record


def digest_input(path: Path) -> str:
    """Digest an input: from its record where that is newer than the file, else from the file or folder of images.

    Large files are so read once, by whoever makes them.
    """
    if path.is_dir():
        return _digest_folder(path)
    known = read_record(path)
    if known is not None and known["n_bytes"] == path.stat().st_size and _is_newer(record_path(path), path):
        return str(known["sha256"])
    return digest_file(path)


def _is_newer(path: Path, other: Path) -> bool:
    return path.stat().st_mtime_ns >= other.stat().st_mtime_ns


def digest_file(path: Path) -> str:
    """Give the SHA-256 of a file, as `sha256sum` does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_folder(folder: Path) -> str:
    """Digest names and contents of the images of a folder, and of the folders in it."""
    from remots.formats.footage.images import (
        IMAGE_SUFFIXES,  # OpenCV takes long to import, and most verbs read no folder
    )

    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()} {digest_file(path)}\n".encode())
    return digest.hexdigest()


def _as_seen_from(file: Path, path: Path) -> str:
    """Give the path of an input as seen from a file's folder; an absolute one stays so where the file's is not."""
    if path.is_absolute() and not file.is_absolute():
        return path.as_posix()
    return Path(os.path.relpath(path, file.parent)).as_posix()
