"""What a job of the workflow finds in its environment."""

import contextlib
import os
import sys
from pathlib import Path


def prefer_this_interpreter() -> None:
    """Let jobs run ``python -m remots`` with the interpreter that runs Snakemake, where they have none of their own.

    A rule's conda environment puts its own interpreter before this one.
    """
    folders = [str(Path(sys.executable).parent), *filter(None, os.environ.get("PATH", "").split(os.pathsep))]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))


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
