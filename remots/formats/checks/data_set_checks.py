"""`remots validate` on anything: a MOTS text or PNG folder, a sequence of MOTChallenge, a data set, results."""

from pathlib import Path

import cv2
from PIL import Image

from remots.errors import InputError
from remots.formats.checks.findings import Findings
from remots.formats.checks.mots_frame_checks import check_mots_text
from remots.formats.checks.mots_line_checks import Expected
from remots.formats.exchange.mots_png import read_mots_png
from remots.formats.footage.images import IMAGE_SUFFIXES, decode_image, natural_key
from remots.formats.footage.seqinfo import SEQINFO, read_seqinfo
from remots.progress import track

_TRUTH = Path("gt", "gt.txt")
_KITTI_IMAGES = ("training/image_02", "image_02", "images")


def check_anything(path: Path, expected: Expected, findings: Findings) -> None:
    """Find everything that is wrong with a file or folder.

    Parameters
    ----------
    path : Path
        A MOTS text; a folder of MOTS PNG; a sequence folder of MOTChallenge (``seqinfo.ini``, ``img1``, ``gt``); a
        folder of such folders; the root of KITTI MOTS (``instances``, ``instances_txt``); a folder of texts.
    expected : Expected
        What is known about the sequence from elsewhere; of a folder that says it itself, that counts.
    findings : Findings

    Raises
    ------
    InputError
        If there is no such file or folder, or nothing in it that could be checked.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        check_mots_text(path, expected, findings)
    elif any((path / name).is_dir() for name in ("instances", "instances_txt")):
        _check_kitti(path, findings)
    elif _is_sequence(path):
        _check_sequence(path, expected, findings)
    elif _images_of(path, {".png"}):
        _check_png(path, expected, findings)
    else:
        _check_folder(path, expected, findings)


def _is_sequence(folder: Path) -> bool:
    return any((folder / name).exists() for name in (SEQINFO, "img1", "gt"))


def _check_folder(folder: Path, expected: Expected, findings: Findings) -> None:
    """Check each sequence, folder of sequences or text in a folder."""
    inner = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    texts = [path for path in inner if path.suffix == ".txt"]
    folders = [path for path in inner if path.is_dir() and _holds_something(path)]
    for path in folders:
        check_anything(path, expected, findings)
    for path in [] if folders else texts:
        check_mots_text(path, expected, findings)
    if not folders and not texts:
        raise InputError(
            f"{folder}: nothing to check here: no {SEQINFO}, img1 or gt, no PNG, no .txt, and no folders with these"
        )


def _holds_something(folder: Path) -> bool:
    return _is_sequence(folder) or bool(_images_of(folder, {".png"})) or any(map(_is_sequence, folder.glob("*/")))


def _check_sequence(folder: Path, expected: Expected, findings: Findings) -> None:
    """Check a sequence folder: what it says about itself, its images, its truth."""
    try:
        info = read_seqinfo(folder)
    except InputError as error:
        findings.add("error", "seqinfo", folder / SEQINFO, str(error).partition(": ")[2])
        info = None
    else:
        if info is None:
            findings.add("error", "seqinfo", folder / SEQINFO, "is missing; the official tools need it for seqLength")
    n_frames, size = expected.n_frames, expected.size
    if info is not None:
        for key, value in (("seqLength", info.n_frames), ("imWidth", info.width_px), ("imHeight", info.height_px)):
            if value is None:
                findings.add("error", "seqinfo", folder / SEQINFO, f"has no {key}")
        n_frames = info.n_frames or n_frames
        size = (info.height_px, info.width_px) if info.height_px and info.width_px else size
        if info.name and info.name != folder.resolve().name:
            message = f"name is {info.name}, but the folder is called {folder.resolve().name}"
            findings.add("warning", "seqinfo", folder / SEQINFO, message)
    _check_images(folder / (info.image_folder if info else "img1"), n_frames, size, findings)
    if (folder / _TRUTH).is_file():
        check_mots_text(
            folder / _TRUTH,
            Expected(1 if expected.first_number is None else expected.first_number, n_frames, size),
            findings,
        )
    elif (folder / "gt").exists():
        findings.add("error", "truth", folder / _TRUTH, "is missing, but there is a folder gt")


def _check_images(
    folder: Path, n_frames: int | None, size: tuple[int, int] | None, findings: Findings, first_number: int = 1
) -> int:
    """Check the images of a sequence by their headers; give how many there are."""
    if not folder.is_dir():
        findings.add("error", "images", folder, "is missing; the images of the sequence belong there")
        return 0
    images = _images_of(folder, IMAGE_SUFFIXES)
    if n_frames is not None and len(images) != n_frames:
        findings.add("error", "images", folder, f"{len(images)} images, but seqLength is {n_frames}")
    if not images:
        findings.add("error", "images", folder, "holds no images")
    for number, path in enumerate(track(images, f"look at {folder.parent.name}"), start=first_number):
        if path.stem.isdecimal() and int(path.stem) != number:
            message = f"{path.name} is image {number}: one before it is missing, or they do not start at {first_number}"
            findings.add("warning", "images", folder, message)
            break
    for path in images:
        found = _size_of(path)
        if found is None:
            findings.add("error", "image", path, "cannot be read as an image")
        elif size is not None and found != size:
            findings.add("error", "image size", path, f"{found[1]}x{found[0]} px instead of {size[1]}x{size[0]} px")
        size = size or found
    return len(images)


def _size_of(path: Path) -> tuple[int, int] | None:
    """Give (height, width) of an image in px by its header; None where it has none."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None


def _check_png(folder: Path, expected: Expected, findings: Findings) -> None:
    """Check a folder of MOTS PNG: each image, and whether one is missing."""
    findings.n_files += 1
    images = _images_of(folder, {".png"})
    size, last = expected.size, None
    for path in track(images, f"look at {folder.name}"):
        number = int(path.stem) if path.stem.isdecimal() else None
        if None not in (number, last) and number != last + 1:  # type: ignore[operator]
            findings.add("warning", "gap", path, f"comes after {last}; is an image missing?", frame=number)
        last = number
        try:
            read_mots_png(path)
            found = decode_image(path, cv2.IMREAD_UNCHANGED).shape[:2]
        except InputError as error:
            findings.add("error", "png", path, str(error).partition(": ")[2], frame=number)
            continue
        if size is not None and found != size:
            message = f"{found[1]}x{found[0]} px instead of {size[1]}x{size[0]} px"
            findings.add("error", "size", path, message, frame=number)
        size = size or found
    if expected.n_frames is not None and len(images) != expected.n_frames:
        findings.add(
            "error", "images", folder, f"{len(images)} images, but the sequence has {expected.n_frames} frames"
        )


def _check_kitti(root: Path, findings: Findings) -> None:
    """Check KITTI MOTS: the truth as text and as PNG, against the images where they are."""
    images = next((root / name for name in _KITTI_IMAGES if (root / name).is_dir()), None)
    if images is None:
        findings.add("warning", "images", root, f"no images ({', '.join(_KITTI_IMAGES)}): frames are not compared")
    names = {path.stem: path for path in sorted((root / "instances_txt").glob("*.txt"))}
    folders = {path.name: path for path in sorted((root / "instances").glob("*/"))}
    for name in sorted(names | folders):
        n_frames = None
        if images is not None:
            n_frames = _check_images(images / name, None, None, findings, first_number=0) or None
        expected = Expected(0, n_frames, None)
        if name in names:
            check_mots_text(names[name], expected, findings)
        if name in folders:
            _check_png(folders[name], expected, findings)


def _images_of(folder: Path, suffixes: frozenset[str] | set[str]) -> list[Path]:
    inner = (path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith("."))
    return sorted(inner, key=natural_key)
