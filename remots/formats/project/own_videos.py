"""The config and the sample sheet for one's own videos."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from remots.errors import InputError
from remots.formats.files.atomic import atomic_outputs
from remots.formats.project.config_files import read_config
from remots.formats.project.sample_sheet import check_detectors, read_sample_sheet

CONFIG, SHEET = "config.yaml", "sequences.tsv"
# What `new` writes for the encoder: small enough for a CPU; the ImageNet weights come with a package.
SMALL_ENCODER = {"backbone": "tf_efficientnet_lite0"}
SMALL_CROPS = {"crop_height_px": 128, "crop_width_px": 64}


class OwnVideo(NamedTuple):
    """A video, and the detector that is to look at it."""

    frames: Path
    detector: str


def write_own_videos(
    folder: Path, videos: Sequence[OwnVideo], weights: dict[str, str], has_imagenet: bool
) -> tuple[Path, Path]:
    """Write ``config.yaml`` and ``sequences.tsv`` for some videos.

    Parameters
    ----------
    folder : Path
        Where they go; the results will be in ``results`` below it.
    videos : sequence of OwnVideo
    weights : dict of str to str
        Detector → file of weights, where one was named.
    has_imagenet : bool
        Whether the ImageNet weights of the small encoder are installed.

    Returns
    -------
    config, sheet : Path

    Raises
    ------
    InputError
        If one of the files is there already, or the name of a video cannot stand in the sheet.
    """
    config, sheet = folder / CONFIG, folder / SHEET
    for path in (config, sheet):
        if path.exists():
            raise InputError(f"{path}: is there already and is not overwritten; name another folder with --out")
    names = _names([video.frames for video in videos])
    rows = [f"{name}\ttarget\t{_in_cell(one.frames)}\t{one.detector}" for name, one in zip(names, videos, strict=True)]
    with atomic_outputs(config, sheet) as (new_config, new_sheet):
        new_config.write_text(_config_text(folder, weights, has_imagenet), encoding="utf-8")
        new_sheet.write_text("sequence\tsplit\tframes\tdetections\n" + "".join(f"{row}\n" for row in rows), "utf-8")
        check_detectors(read_sample_sheet(new_sheet), read_config(new_config).detectors)
    return config, sheet


def _config_text(folder: Path, weights: dict[str, str], has_imagenet: bool) -> str:
    detectors = {name: {"weights": file} for name, file in weights.items()}
    parts: list[tuple[str, dict[str, object]]] = [
        ("Where the sample sheet is, and where results go.", _places(folder)),
        ("A small encoder on small crops, for a CPU. Without these two sections: the paper's.", {"crop": SMALL_CROPS}),
        ("", {"initialise": SMALL_ENCODER | {"weights": "lite0" if has_imagenet else "random"}}),
    ]
    if detectors:
        parts.append(("The weights of the detectors.", {"detectors": detectors}))
    head = (
        "# Written by `remots new`; it is yours now. `remots config` shows every key, config/README.md explains them.\n"
    )
    texts = [
        (f"# {said}\n" if said else "") + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)
        for said, values in parts
    ]
    return head + "".join(f"\n{text}" if text.startswith("#") else text for text in texts)


def _places(folder: Path) -> dict[str, object]:
    return {"sequences": str(folder / SHEET), "results": str(folder / "results")}


def _names(paths: Sequence[Path]) -> list[str]:
    """Name each video by its file or folder; those of one name are told apart by a number."""
    names: list[str] = []
    for path in paths:
        plain = path.resolve().name if path.is_dir() else path.stem
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("._-") or "video"
        name, number = stem, 2
        while name in names:
            name, number = f"{stem}_{number}", number + 1
        names.append(name)
    return names


def _in_cell(path: Path) -> str:
    text = str(path)
    if any(character in text for character in '\t\n\r"') or text != text.strip():
        raise InputError(
            f"{text!r}: a tab, a quote, a line end or a space at its end cannot stand in a sheet; rename it"
        )
    return text
