"""What a job of the workflow finds in its environment."""

import os
import sys
from pathlib import Path


def set_job_environment(root: Path) -> None:
    """Let jobs run ``python -m remots`` with the interpreter that runs Snakemake and with the code of this checkout.

    A rule's conda environment puts its own interpreter before this one; the code stays that of the checkout.

    Parameters
    ----------
    root : Path
        The checkout.
    """
    _prepend("PATH", Path(sys.executable).parent)
    _prepend("PYTHONPATH", root)


def _prepend(variable: str, folder: Path) -> None:
    folders = [str(folder), *filter(None, os.environ.get(variable, "").split(os.pathsep))]
    os.environ[variable] = os.pathsep.join(dict.fromkeys(folders))
