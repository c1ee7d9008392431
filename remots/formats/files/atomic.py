"""Whole outputs or none: write under a temporary name, rename at the end."""

import contextlib
import errno
import glob
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remots.errors import InputError

SECONDS_TO_LIVE = 86400.0  # of another host's file that nobody writes any more
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_begun: list[Path] = []  # temporary files of this process, for which somebody must clean up
_finished: dict[Path, None] = {}  # the outputs of this process, in the order of their making


def has_begun() -> bool:
    """Tell whether this process writes a file just now."""
    return bool(_begun)


def take_finished() -> list[Path]:
    """Give the outputs that this process has finished since the last call, in the order of their making."""
    finished = list(_finished)
    _finished.clear()
    return finished


@contextmanager
def begun(*temporary: Path) -> Iterator[None]:
    """Within the block, this process has begun to write under these temporary names."""
    _begun.extend(temporary)
    try:
        yield
    finally:
        for path in temporary:
            _begun.remove(path)


@contextmanager
def atomic_outputs(*paths: Path | str) -> Iterator[list[Path]]:
    """Give a temporary path for each output; rename all of them when the block ends without an error.

    Parameters
    ----------
    *paths : path
        The files to write. Missing folders are made.

    Yields
    ------
    list of Path
        Temporary paths beside the outputs, with the same suffixes, in the same order. Each must exist at the end.

    Raises
    ------
    InputError
        If a folder cannot be made or written to, or if the disk is full; names the folder.
    """
    targets = [Path(path) for path in paths]
    temporary = [_temporary_path(target) for target in targets]
    for target in targets:
        _prepare_folder(target)
    with begun(*temporary):
        try:
            yield temporary
            for source, target in zip(temporary, targets, strict=True):
                source.replace(target)
                _finished[target] = None
        except OSError as error:
            if error.errno in NO_SPACE:
                folders = ", ".join(sorted({str(target.parent) for target in targets}))
                raise InputError(
                    f"{folders}: {os.strerror(error.errno)}; free some or choose another output"
                ) from error
            raise
        finally:
            for source in temporary:
                source.unlink(missing_ok=True)


@contextmanager
def atomic_output(path: Path | str) -> Iterator[Path]:
    """Do as `atomic_outputs` does, for a single file."""
    with atomic_outputs(path) as (temporary,):
        yield temporary


def _temporary_path(target: Path) -> Path:
    # Host and process are in the name: a rerun on another cluster node never writes into a file still being written.
    return target.with_name(f".{target.stem}.{socket.gethostname()}-{os.getpid()}.partial{target.suffix}")


def _prepare_folder(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{target.parent}: cannot make this folder ({error.strerror}); choose another output"
        ) from error
    if not os.access(target.parent, os.W_OK):
        raise InputError(
            f"{target.parent}: cannot write into this folder; choose another output or change its permissions"
        )
    _remove_leftovers(target)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed processes left; a living writer's file stays, and another host's unless it is a day old."""
    for leftover in target.parent.glob(f".{glob.escape(target.stem)}.*-*.partial{glob.escape(target.suffix)}"):
        writer = leftover.name.removeprefix(f".{target.stem}.").removesuffix(f".partial{target.suffix}")
        host, _, process = writer.rpartition("-")
        with contextlib.suppress(FileNotFoundError):
            if host == socket.gethostname():
                is_dead = process.isdigit() and not Path("/proc", process).exists()
            else:
                is_dead = time.time() - leftover.stat().st_mtime > SECONDS_TO_LIVE
            if is_dead:
                leftover.unlink()
