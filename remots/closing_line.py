"""``--json``: what a verb did, as one JSON object on standard output, for programs that call it."""

import argparse
import contextlib
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from remots import __version__

# Where the command line leaves the error that it has shown; nobody else listens there.
error_logger = logging.getLogger("remots.closing_line.errors")
error_logger.propagate = False
error_logger.addHandler(logging.NullHandler())


class _Listener(logging.Handler):
    """Keeps what a verb says: its last line, its warnings, its error."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "remots.progress":
            self.said.setdefault(record.levelno, []).append(record.getMessage())

    def last(self, level: int) -> str | None:
        return self.said.get(level, [None])[-1]


def run_with_closing_line(verb: str, run: Callable[[argparse.Namespace], int]) -> int:
    """Run a verb; what it prints is held back, and one line of JSON is printed instead.

    Parameters
    ----------
    verb : str
        Its name.
    run : callable
        Runs it and gives the exit code; fills the namespace that it is given with the verb's options.

    Returns
    -------
    int
        The exit code. The line holds ``verb``, ``version``, ``exit_code``, ``seconds``, ``outputs`` (files written),
        ``summary`` (the verb's last words), ``warnings``, ``error``; and what the verb prints: the keys of its JSON
        object, else ``text``.
    """
    options, started = argparse.Namespace(), time.time()
    with _listening() as listener, contextlib.redirect_stdout(io.StringIO()) as printed:
        code = run(options)
    line = {
        "verb": verb,
        "version": __version__,
        "exit_code": code,
        "seconds": round(time.time() - started, 3),
        "outputs": [] if code else sorted(_written_since(options, started)),
        "summary": listener.last(logging.INFO),
        "warnings": listener.said.get(logging.WARNING, []),
        "error": listener.last(logging.ERROR),
    }
    sys.stdout.write(json.dumps(line | _as_keys(printed.getvalue()), ensure_ascii=False) + "\n")
    return code


@contextlib.contextmanager
def _listening() -> Iterator[_Listener]:
    listener, package = _Listener(), logging.getLogger("remots")
    level = package.level
    package.setLevel(logging.INFO)  # also with --quiet, which only keeps the lines from standard error
    for logger in (package, error_logger):
        logger.addHandler(listener)
    try:
        yield listener
    finally:
        package.setLevel(level)
        for logger in (package, error_logger):
            logger.removeHandler(listener)


def _written_since(options: argparse.Namespace, started: float) -> Iterator[str]:
    """Name the files that the flags name, or that lie in a folder that they name, if they have changed since then."""
    named = [path for path in vars(options).values() if isinstance(path, Path) and path.exists()]
    for path in named:
        for file in path.iterdir() if path.is_dir() else [path]:
            if file.is_file() and file.stat().st_mtime >= started - 0.01:  # file systems round
                yield str(file)


def _as_keys(printed: str) -> dict[str, Any]:
    if not printed.strip():
        return {}
    try:
        value = json.loads(printed)
    except json.JSONDecodeError:
        return {"text": printed}
    return value if isinstance(value, dict) else {"result": value}
