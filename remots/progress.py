"""Progress of long work: a bar on a terminal, a line now and then in a log file."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")

logger = logging.getLogger(__name__)
SECONDS_BETWEEN_LINES = 10.0


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items and show how far the work is.

    Parameters
    ----------
    items : iterable
        What is worked on, for instance frames.
    description : str
        What is done, for instance ``"fuse street_a"``.
    total : int, optional
        How many items there are; taken from ``len(items)`` where that exists.

    Yields
    ------
    item
        The items, unchanged and in order.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from _bar(items, description, total)
    else:
        yield from _lines(items, description, total)


def _bar(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description, total=total, console=Console(stderr=True), transient=True)


def _lines(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    started = last_line = time.monotonic()
    for n_done, item in enumerate(items):
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            logger.info(progress_line(description, n_done, total, now - started))
            last_line = now
        yield item


def progress_line(description: str, n_done: int, total: int | None, elapsed_seconds: float) -> str:
    """Say in one line how far the work is and how long it will still take.

    Parameters
    ----------
    description : str
        What is done.
    n_done, total : int
        Items done and items in all; `total` may be None.
    elapsed_seconds : float
        Time since the start.

    Returns
    -------
    str
        For instance ``"train: 30 of 120, 45 s left"``.
    """
    if not total or not n_done:
        return f"{description}: {n_done} done"
    seconds_left = elapsed_seconds * (total - n_done) / n_done
    return f"{description}: {n_done} of {total}, {seconds_left:.0f} s left"
