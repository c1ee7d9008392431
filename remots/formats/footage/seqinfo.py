"""``seqinfo.ini`` of MOTChallenge: what a sequence is made of."""

import configparser
from pathlib import Path
from typing import NamedTuple

from remots.errors import InputError

SEQINFO = "seqinfo.ini"


class Seqinfo(NamedTuple):
    """What ``seqinfo.ini`` says; None where it does not.

    Attributes
    ----------
    name, image_folder : str
    n_frames, height_px, width_px : int
    fps : float
    """

    name: str | None
    n_frames: int | None
    height_px: int | None
    width_px: int | None
    fps: float | None
    image_folder: str


def read_seqinfo(folder: Path) -> Seqinfo | None:
    """Read the ``seqinfo.ini`` of a sequence folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Seqinfo or None
        None where there is no such file.

    Raises
    ------
    InputError
        If the file is malformed, or a number in it is not above 0.
    """
    path = folder / SEQINFO
    if not path.is_file():
        return None
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8-sig")
        section = parser["Sequence"]
        n_frames, height_px, width_px = (section.getint(key) for key in ("seqLength", "imHeight", "imWidth"))
        fps = section.getfloat("frameRate")
    except (configparser.Error, KeyError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}; motchallenge.net shows its format") from error
    if any(number is not None and number < 1 for number in (n_frames, height_px, width_px)) or (
        fps is not None and not fps > 0
    ):
        raise InputError(f"{path}: seqLength, imHeight, imWidth and frameRate are above 0")
    return Seqinfo(section.get("name"), n_frames, height_px, width_px, fps, section.get("imDir", "img1"))
