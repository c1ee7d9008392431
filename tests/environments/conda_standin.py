"""A stand-in for conda, for tests: the few commands that Snakemake gives it, over py-rattler. It is not conda.

It solves and installs from the channels in its own folder (`channel.py` makes them from this machine's Python), and
hands the pip section to uv, which reads what pip reads and is quicker. It shows that our YAML is what conda's is, that
our pip sections install, and that Snakemake makes, completes and activates the environments; not that conda-forge can
solve them.

The folder: bin/conda and bin/activate (`set_up`), channels/NAME/, packages/ (a cache).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import rattler
import yaml

ACTIVATE = """# Sourced by a job: . activate PREFIX
export CONDA_PREFIX=$1
export PATH="$1/bin:$PATH"
"""


def set_up(root: Path) -> None:
    """Put `conda` and `activate` into a folder; its bin belongs on the PATH."""
    programs = root / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(ACTIVATE)
    (programs / "conda").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{__file__}" "{root}" "$@"\n')
    (programs / "conda").chmod(0o755)


def answer(root: Path, words: list[str]) -> str:
    """Do what one command line asks for, and give what there is to print."""
    match words:
        case ["--version"]:
            return "conda 24.7.1"  # the oldest that Snakemake takes
        case ["info", "--json"]:
            return json.dumps({"conda_prefix": str(root), "platform": "linux-64"})
        case ["config", "--get", "channel_priority", "--json"]:
            return json.dumps({"get": {"channel_priority": "strict"}})
        case ["env", "create", *options]:
            create(root, *read_options(options))
            return ""
        case ["clean", *_]:
            return ""  # the packages are links into the folder of a test, which goes as a whole
        case _:
            sys.exit(f"the stand-in for conda knows no command {words}")


def read_options(options: list[str]) -> tuple[Path, Path]:
    """Give the YAML file and the folder of the environment to make."""
    parser = argparse.ArgumentParser(prog="conda env create")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, required=True)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--no-default-packages", action="store_true")
    read = parser.parse_args(options)
    return read.file, read.prefix


def create(root: Path, file: Path, prefix: Path) -> None:
    """Make the environment of a YAML file."""
    wanted = yaml.safe_load(file.read_text())
    packages = [each for each in wanted["dependencies"] if isinstance(each, str)]
    channels = [(root / "channels" / name).as_uri() for name in wanted["channels"] if name != "nodefaults"]
    asyncio.run(install_packages(channels, packages, prefix, root / "packages"))
    for section in wanted["dependencies"]:
        if isinstance(section, dict):
            install_pip_section(section["pip"], prefix)


async def install_packages(channels: list[str], packages: list[str], prefix: Path, cache: Path) -> None:
    """Solve for conda packages and link them into the folder of the environment."""
    here: Any = rattler.VirtualPackage.detect()
    records = await rattler.solve(channels, packages, platforms=["linux-64", "noarch"], virtual_packages=here)
    await rattler.install(records, prefix, cache_dir=cache, show_progress=False)


def install_pip_section(lines: list[str], prefix: Path) -> None:
    """Install the lines of a pip section; as pip does, keep to the file of constraints that PIP_CONSTRAINT names."""
    limits = ["--constraint", os.environ["PIP_CONSTRAINT"]] if "PIP_CONSTRAINT" in os.environ else []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(lines))
        requirements.flush()
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(prefix / "bin" / "python")]
        subprocess.run([*install, *limits, "--requirement", requirements.name], check=True)


if __name__ == "__main__":
    sys.stdout.write(answer(Path(sys.argv[1]), sys.argv[2:]) + "\n")
