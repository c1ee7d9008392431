"""What a job of the workflow finds in its environment."""

import os
import sys
from pathlib import Path


def prefer_this_interpreter() -> None:
    """Let jobs run ``python -m remots`` with the interpreter that runs Snakemake, where they have none of their own.

    A rule's conda environment puts its own interpreter before this one.
    """
    folders = [str(Path(sys.executable).parent), *filter(None, os.environ.get("PATH", "").split(os.pathsep))]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(folders))
