"""A whole folder or none, as `remots.formats.files.atomic` does for files."""

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remots.errors import InputError
from remots.formats.files.atomic import NO_SPACE, begun


@contextmanager
def atomic_folder(path: Path, is_kept: bool = True) -> Iterator[Path]:
    """Give a temporary folder; rename it when the block ends without an error.

    Parameters
    ----------
    path : Path
        The folder to make; it may be there already if it is empty.
    is_kept : bool
        False for a folder that is only needed within the block.

    Yields
    ------
    Path
        A temporary folder beside it, empty.

    Raises
    ------
    InputError
        If there is something at `path`, if the folder cannot be made, or if the disk is full.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: is there already and not empty; nothing is overwritten, name another folder")
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.partial")
    with begun(temporary):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if is_kept:
                temporary.replace(path)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise InputError(
                    f"{path.parent}: {os.strerror(error.errno)}; free some or choose another output"
                ) from error
            if error.errno in (errno.EACCES, errno.ENOTDIR, errno.EROFS):
                raise InputError(
                    f"{path}: cannot make this folder ({error.strerror}); choose another output"
                ) from error
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
