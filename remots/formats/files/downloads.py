"""Files from the web: fetched or resumed, checked against their sha256, with plain advice where they cannot be had."""

import hashlib
import http.client
import json
import logging
import re
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from remots.errors import InputError
from remots.formats.files.archives import check_space
from remots.progress import track

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_PAUSES_SECONDS = (1.0, 4.0, 15.0)
_PARTIAL, _RANGE_PAST_END, _SERVER_FAULT = 206, 416, 500
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class WebFile(NamedTuple):
    """A file on the web.

    Attributes
    ----------
    url : str
        http or https.
    page : str
        Where a person finds it.
    sha256 : str or None
        None where nobody publishes it: then that of the first copy counts (`note_digest`).
    """

    url: str
    page: str
    sha256: str | None = None


class _BrokenOffError(Exception):
    """The connection broke; what has come is kept."""


def fetch(file: WebFile, path: Path, pauses_seconds: tuple[float, ...] = _PAUSES_SECONDS) -> None:
    """Fetch a file, or go on with one that was begun; one that is there already is only checked.

    Parameters
    ----------
    file : WebFile
    path : Path
        Where it goes. What has come so far lies beside it, under the name with ``.part``.
    pauses_seconds : tuple of float
        How long to wait before each new attempt after a broken connection that brought nothing more.

    Raises
    ------
    InputError
        If the server refuses, cannot be reached, or breaks off again and again; if the disk has no room; if the sha256
        is not the right one. Says where to get the file by hand, and where to put it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        _fetch_persistently(file, path, pauses_seconds)
    check_digest(path, file.sha256)


def check_digest(path: Path, sha256: str | None) -> None:
    """Compare a file with the sha256 that it should have, or had when it was first seen; remove it where it differs."""
    noted = _noted(path)
    expected = sha256 or noted
    if expected is None:
        return
    found = digest_of(path)
    if found != expected:
        path.unlink()
        hint = "" if sha256 else f" (of the first copy; remove {_beside(path).name} if you trust this one)"
        raise InputError(
            f"{path}: its sha256 is {found}, but should be {expected}{hint}: damaged on the way, or another file; it "
            "was removed, run the same command again"
        )


def note_digest(path: Path, sha256: str | None) -> None:
    """Note the sha256 of a file whose right one nobody publishes: beside it, in NAME.sha256, as ``sha256sum`` does."""
    if sha256 is None and _noted(path) is None:
        found = digest_of(path)
        _beside(path).write_text(f"{found}  {path.name}\n", encoding="ascii")
        logger.warning(
            "%s: sha256 %s; none is published to compare it with, noted in %s for later",
            path,
            found,
            _beside(path).name,
        )


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _noted(path: Path) -> str | None:
    beside = _beside(path)
    words = beside.read_text(encoding="ascii", errors="replace").split() if beside.is_file() else []
    return words[0] if words else None


def digest_of(path: Path) -> str:
    """Compute the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_persistently(file: WebFile, path: Path, pauses_seconds: tuple[float, ...]) -> None:
    """Try until it is there; give up only after several attempts in a row that brought nothing."""
    part = path.with_name(f"{path.name}.part")
    n_vain = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _fetch_rest(file, path, part)
        except _BrokenOffError as error:
            now = part.stat().st_size if part.is_file() else 0
            n_vain = 0 if now > before else n_vain + 1
            if n_vain > len(pauses_seconds):
                raise InputError(
                    f"{file.url}: {error}; {now} bytes are there, run the same command again to go on. "
                    f"{_advice(file, path)}"
                ) from error
            logger.warning("%s: %s; trying again", file.url, error)
            time.sleep(pauses_seconds[n_vain - 1] if n_vain else 0)
        else:
            return


def _fetch_rest(file: WebFile, path: Path, part: Path) -> None:
    """Fetch what is missing and give the file its name."""
    state = _read_state(part, file.url)
    n_there = part.stat().st_size if state else 0
    if state and n_there == state["total"]:
        _finish(file, path, part)
        return
    with _open(file, path, state, n_there) as answer:
        if answer.status == _RANGE_PAST_END:
            part.unlink()
            raise _BrokenOffError("the file has changed on the server")
        if answer.status != _PARTIAL or not _goes_on(answer, n_there, state):
            n_there = 0  # the server begins anew: it knows no ranges, or has another file now
        n_total = _length(answer, n_there)
        check_space(part.parent, (n_total or 0) - n_there, f"fetch {path.name}")
        _write_state(part, file.url, answer, n_total)
        with part.open("ab" if n_there else "wb") as target:
            for chunk in _chunks(answer, path.name, n_total, n_there):
                target.write(chunk)
    n_now = part.stat().st_size
    if n_total is not None and n_now != n_total:
        raise _BrokenOffError(f"the connection broke at {n_now} of {n_total} bytes")
    _finish(file, path, part)


def _finish(file: WebFile, path: Path, part: Path) -> None:
    """Give the file its name, unless the server sent something else, such as a page that asks to log in."""
    _state_path(part).unlink(missing_ok=True)
    if path.suffix == ".zip" and not zipfile.is_zipfile(part):
        part.unlink()
        raise InputError(f"{file.url}: what came is no zip archive (a web page?). {_advice(file, path)}")
    part.replace(path)


def _chunks(answer: Any, name: str, n_total: int | None, n_there: int) -> Iterator[bytes]:
    n_chunks = None if n_total is None else -(-(n_total - n_there) // _CHUNK)
    try:
        yield from track(iter(lambda: answer.read(_CHUNK), b""), f"fetch {name} (MB)", n_chunks)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"the connection broke ({_reason(error)})") from error


def _open(file: WebFile, path: Path, state: dict[str, Any] | None, n_there: int) -> Any:
    """Ask the server; only http and https are spoken."""
    if urlsplit(file.url).scheme not in ("http", "https"):
        raise InputError(f"{file.url}: not an address of the web (http or https)")
    headers = {"User-Agent": "remots", "Accept-Encoding": "identity"}
    if state and n_there and state["validator"]:
        headers |= {"Range": f"bytes={n_there}-", "If-Range": state["validator"]}
    request = urllib.request.Request(file.url, headers=headers)  # noqa: S310 (the scheme is looked at above)
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_PAST_END:
            return error
        if error.code >= _SERVER_FAULT:
            raise _BrokenOffError(f"the server answers {error.code} {error.reason}") from error
        raise InputError(
            f"{file.url}: the server answers {error.code} {error.reason}. {_advice(file, path)}"
        ) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError | ConnectionResetError):
            raise _BrokenOffError(f"no answer ({_reason(error.reason)})") from error
        reason = _reason(error.reason)
        raise InputError(f"{file.url}: cannot be reached ({reason}); no network? {_advice(file, path)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(f"no answer ({_reason(error)})") from error


def _advice(file: WebFile, path: Path) -> str:
    return f"By hand: get {path.name} from {file.page}, put it at {path}, and run the same command again"


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _goes_on(answer: Any, n_there: int, state: dict[str, Any] | None) -> bool:
    """Tell whether a partial answer begins where the file ends, and is of the file that was begun."""
    place = _RANGE.fullmatch(str(answer.headers.get("Content-Range", "")))
    if state is None or place is None:
        return False
    return int(place[1]) == n_there and place[2] in ("*", str(state["total"]))


def _length(answer: Any, n_there: int) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return n_there + int(length) if length.isdecimal() else None


def _state_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_state(part: Path, url: str) -> dict[str, Any] | None:
    """Give what is known about the file that was begun; None where there is none, or it came from elsewhere."""
    path = _state_path(part)
    if not part.is_file() or not path.is_file():
        return None
    try:
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return state if state["url"] == url and {"validator", "total"} <= state.keys() else None
    except (ValueError, KeyError, TypeError):
        return None


def _write_state(part: Path, url: str, answer: Any, n_total: int | None) -> None:
    etag = answer.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")
    state = {"url": url, "validator": validator, "total": n_total}
    _state_path(part).write_text(json.dumps(state), encoding="utf-8")
