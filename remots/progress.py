"""Progress of long work: a bar on a terminal, a line now and then in a log file."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

Item = TypeVar("Item")
Frame = TypeVar("Frame", bound=tuple[Any, ...])

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
    yield from _show(enumerate(items), description, total)


def track_frames(frames: Iterable[Frame], description: str, numbers: range) -> Iterator[Frame]:
    """Do as `track` does where frames without masks are left out: a frame's number says how far the work is.

    Parameters
    ----------
    frames : iterable of tuple
        The frame's number stands first.
    description : str
        What is done.
    numbers : range
        The numbers of all frames.

    Yields
    ------
    tuple
        The frames, unchanged and in order.
    """
    yield from _show(((frame[0] - numbers.start, frame) for frame in frames), description, len(numbers))


def _show(items: Iterable[tuple[int, Item]], description: str, total: int | None) -> Iterator[Item]:
    """Show how far the work is; with each item comes how much was done before it."""
    if sys.stderr.isatty() and logger.isEnabledFor(logging.INFO):  # without --quiet
        yield from _bar(items, description, total)
    else:
        yield from _lines(items, description, total)


def _bar(items: Iterable[tuple[int, Item]], description: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)
        for n_done, item in items:
            progress.update(task, completed=n_done)
            yield item


def _lines(items: Iterable[tuple[int, Item]], description: str, total: int | None) -> Iterator[Item]:
    started = last_line = time.monotonic()
    for n_done, item in items:
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
    return f"{description}: {n_done} of {total}, {as_duration(seconds_left)} left"


def as_duration(seconds: float) -> str:
    """Write a time as people say it: ``45 s``, ``12 min``, ``3 h 05 min``, ``2 d 04 h``."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    return (
        f"{minutes // 60} h {minutes % 60:02d} min"
        if minutes < 2880
        else f"{minutes // 1440} d {minutes // 60 % 24:02d} h"
    )
