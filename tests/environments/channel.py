"""A conda channel with two packages, made from what is on this machine: its Python, and pip."""

import asyncio
import platform
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

import rattler_build
from rattler.index import index_fs

# Runs at the start of every Python of an environment made from this channel, so that a test can see which ones ran.
NOTE_INTERPRETER = """import os
import sys

if "INTERPRETERS" in os.environ:
    with open(os.environ["INTERPRETERS"], "a") as log:
        print(sys.prefix, *sys.orig_argv[1:], sep="\\t", file=log)
"""


def make_channel(channel: Path, staging: Path) -> None:
    """Make the channel, with a scratch folder for the files of the packages."""
    python = stage_python(staging / "python")
    rattler_build.assemble_package(
        "python", platform.python_version(), "linux-64", "0_machine", channel / "linux-64", files_dir=python
    )
    pip = stage_pip(staging / "pip")
    rattler_build.assemble_package(
        "pip",
        distribution("pip").version,
        "noarch",
        "py_0",
        channel / "noarch",
        files_dir=pip,
        noarch="python",
        depends=["python"],
    )
    asyncio.run(index_fs(channel))


def stage_python(folder: Path) -> Path:
    """Lay out a package that borrows the machine's Python, as a virtual environment does: any build of it serves."""
    base = Path(sys._base_executable)  # type: ignore[attr-defined]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "note_interpreter.py").write_text(NOTE_INTERPRETER)
    (packages / "note_interpreter.pth").write_text("import note_interpreter\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(base)
    for name in ("python3", version):
        (folder / "bin" / name).symlink_to("python")
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    return folder


def stage_pip(folder: Path) -> Path:
    """Copy this environment's pip, in the layout of a package for any Python."""
    for file in distribution("pip").files or []:
        if file.parts[0].startswith("pip") and "__pycache__" not in file.parts:
            target = folder / "site-packages" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)
    return folder
