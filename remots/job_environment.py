"""What a job of the workflow finds in its environment: the interpreter, and on a shared machine a GPU of its own."""

import contextlib
import fcntl
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCK_FOLDER = "REMOTS_GPU_LOCKS"
SECONDS_BETWEEN_TRIES = 0.5
_held: list[int] = []  # open lock files; the system drops a lock when its process ends, in whatever way


def prefer_this_interpreter() -> None:
    """Let jobs run ``python -m remots`` with the interpreter that runs Snakemake, where they have none of their own.

    A rule's conda environment puts its own interpreter before this one.
    """
    folders = [str(Path(sys.executable).parent), *filter(None, os.environ.get("PATH", "").split(os.pathsep))]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))


def share_gpus() -> None:
    """Let the jobs of this machine choose their GPUs among themselves (`take_gpu`).

    Only where nobody else does: a cluster's scheduler hands each job its own.
    """
    os.environ[LOCK_FOLDER] = str(Path(tempfile.gettempdir(), f"remots-gpus-{os.getuid()}"))


def visible_gpus() -> list[str]:
    """Name the GPUs that a process here may use.

    Returns
    -------
    list of str
        What stands in ``CUDA_VISIBLE_DEVICES``, up to the first that is none (as CUDA reads it); where that is not set,
        a number for each that ``nvidia-smi`` lists; empty where there is no GPU.
    """
    if VISIBLE in os.environ:
        names: list[str] = []
        for name in map(str.strip, os.environ[VISIBLE].split(",")):
            if not name or name.startswith("-"):
                break
            names.append(name)
        return names
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)  # noqa: S607
    return [str(number) for number in range(len(re.findall(r"^GPU \d+:", listed.stdout, re.MULTILINE)))]


def take_gpu(n_gpus: int) -> None:
    """Leave this process one GPU, before anything looks for one.

    Parameters
    ----------
    n_gpus : int
        0 hides them all. Else, where the jobs of this machine share its GPUs (`share_gpus`), one is taken that no other
        job has, until the process ends; with none free, it waits.

    Notes
    -----
    Each GPU has a lock file. The lock is the system's (flock), so a killed job holds nothing.
    """
    if not n_gpus:
        os.environ[VISIBLE] = ""
    elif (folder := os.environ.get(LOCK_FOLDER)) and (names := visible_gpus()):
        os.environ[VISIBLE] = _wait_for_one(names, Path(folder))
    logger.info("%s=%s", VISIBLE, os.environ.get(VISIBLE, "(not set)"))


def _wait_for_one(names: list[str], folder: Path) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    n_tries = 0
    while (taken := next((name for name in names if _lock(folder, name)), None)) is None:
        if not n_tries:
            logger.info("waits for one of the GPUs %s", ", ".join(names))
        n_tries += 1
        time.sleep(SECONDS_BETWEEN_TRIES)
    return taken


def _lock(folder: Path, name: str) -> bool:
    path = folder / f"{re.sub(r'[^A-Za-z0-9]', '_', name)}.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True


def code_folder(links: Path = Path(".snakemake", "remots_code")) -> Path:
    """Give the folder that jobs put before their PYTHONPATH.

    Parameters
    ----------
    links : Path
        Where a link to the package is made if it lies among other packages: those must not reach a job that has an
        environment of its own.

    Returns
    -------
    Path
        The checkout, or the folder with the link; absolute.
    """
    package = Path(__file__).resolve().parent
    if (package.parent / "pyproject.toml").is_file():
        return package.parent
    link = links.resolve() / package.name
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.readlink() != package:
        temporary = link.with_name(f"{package.name}.{os.getpid()}")
        with contextlib.suppress(FileExistsError):  # left by a killed process of the same number
            temporary.symlink_to(package)
        temporary.replace(link)
    return link.parent
