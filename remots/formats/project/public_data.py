"""The data sets that `remots get` knows: where they are, and where they belong."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from remots.errors import InputError
from remots.formats.files.archives import unpack
from remots.formats.files.atomic_folder import atomic_folder
from remots.formats.files.downloads import WebFile, fetch, note_digest


class Part(NamedTuple):
    """A file of a data set.

    Attributes
    ----------
    file : WebFile
    folders : dict of str to str
        What becomes of an archive: folder below the data folder → a path by which the folder is known that goes there.
        None for a file that stays as it is.
    """

    file: WebFile
    folders: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.file.url.rpartition("/")[2]


class DataSet(NamedTuple):
    """A data set.

    Attributes
    ----------
    parts : dict of str to Part
        By the names that ``--parts`` takes.
    default : tuple of str
        The parts that are fetched if none is named.
    terms : str
        Licence, in a few words.
    next_step : str
        The command that follows; ``{data}`` is the data folder.
    """

    parts: dict[str, Part]
    default: tuple[str, ...]
    terms: str
    next_step: str


_MOTS_PAGE = "https://motchallenge.net/data/MOTS/"
_KITTI_MOTS_PAGE = "https://www.vision.rwth-aachen.de/page/mots"
_KITTI_PAGE = "https://www.cvlibs.net/datasets/kitti/eval_tracking.php"
_OPENCV_PAGE = "https://github.com/opencv/opencv/tree/4.x/samples/data"

# The sha256 of vtest.avi is that of Debian's package opencv-doc; nobody publishes those of the others.
DATA_SETS: dict[str, DataSet] = {
    "mots20": DataSet(
        {"all": Part(WebFile("https://motchallenge.net/data/MOTS.zip", _MOTS_PAGE), {"MOTS": "train/MOTS20-02"})},
        ("all",),
        "CC BY-NC-SA 3.0",
        "snakemake --cores 8 --configfile config/mots20.yaml results/mots20/metrics.md",
    ),
    "kitti-mots": DataSet(
        {
            "masks": Part(
                WebFile("https://www.vision.rwth-aachen.de/media/resource_files/instances.zip", _KITTI_MOTS_PAGE),
                {"KITTI_MOTS/instances": "0002/000000.png"},
            ),
            "text": Part(
                WebFile("https://www.vision.rwth-aachen.de/media/resource_files/instances_txt.zip", _KITTI_MOTS_PAGE),
                {"KITTI_MOTS/instances_txt": "0002.txt"},
            ),
            "images": Part(
                WebFile("https://s3.eu-central-1.amazonaws.com/avg-kitti/data_tracking_image_2.zip", _KITTI_PAGE),
                {
                    "KITTI_MOTS/training": "image_02/0002/000000.png",
                    "KITTI_MOTS/testing": "image_02/0002/000000.png",
                },
            ),
        },
        ("masks", "images"),
        "CC BY-NC-SA 3.0",
        "snakemake --cores 8 --configfile config/kitti_mots.yaml results/kitti_mots/metrics.md",
    ),
    "vtest": DataSet(
        {
            "all": Part(
                WebFile(
                    "https://raw.githubusercontent.com/opencv/opencv/4.x/samples/data/vtest.avi",
                    _OPENCV_PAGE,
                    "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
                )
            )
        },
        ("all",),
        "a part of PETS 2009, from OpenCV's samples",
        "remots new {data}/vtest.avi",
    ),
}


def get_part(part: Part, data: Path, mirror: str | None = None, is_kept: bool = False) -> list[Path]:
    """Fetch a file of a data set and put it, or what is in it, where it belongs.

    Parameters
    ----------
    part : Part
    data : Path
        The folder of data sets.
    mirror : str, optional
        Address of a folder to take the file from, instead of its own.
    is_kept : bool
        Keep an archive that has been unpacked.

    Returns
    -------
    list of Path
        The file or the folders; those that were there already are not touched.

    Raises
    ------
    InputError
        As `fetch` and `unpack`; if an archive does not hold what it should.
    """
    archive = data / part.name
    targets = [data / name for name in part.folders or {}]
    if targets and all(target.is_dir() and any(target.iterdir()) for target in targets):
        return targets
    file = part.file if mirror is None else part.file._replace(url=f"{mirror.rstrip('/')}/{part.name}")
    fetch(file, archive)
    if not targets:
        note_digest(archive, file.sha256)
        return [archive]
    with atomic_folder(data / f"{archive.stem}.unpacked", is_kept=False) as folder:
        unpack(archive, folder)
        places = {
            name: _find_folder(archive, folder, name, known_by) for name, known_by in (part.folders or {}).items()
        }
        for name, place in places.items():
            _move(place, data / name)
    note_digest(archive, file.sha256)  # only now: what cannot be unpacked is not to be trusted
    if not is_kept:
        archive.unlink()
    return targets


def _find_folder(archive: Path, folder: Path, name: str, known_by: str) -> Path:
    """Find the folder that is to be called `name`, however deep it lies: archives differ in that."""
    depth = known_by.count("/") + 1
    found = [path.parents[depth - 1] for path in folder.rglob(known_by.rpartition("/")[2])]
    found = sorted(path for path in found if (path / known_by).exists())
    best = [path for path in found if path.name == Path(name).name] or found
    if not best:
        raise InputError(f"{archive}: holds no folder with {known_by}; is it another archive? Remove it and run again")
    return best[0]


def _move(source: Path, target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        target.rmdir()
    shutil.move(source, target)


def choose_parts(name: str, chosen: Sequence[str] | None) -> list[Part]:
    """Give the parts of a data set that were asked for; raises InputError where there is no such part."""
    data_set = DATA_SETS[name]
    for part in chosen or ():
        if part not in data_set.parts:
            raise InputError(f"{name} has no part {part!r}; it has {', '.join(data_set.parts)}")
    return [data_set.parts[part] for part in chosen or data_set.default]
