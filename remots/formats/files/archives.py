"""Zip archives: unpacked so that nothing lands outside of the folder and no disk is filled; the same bytes twice."""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from remots.errors import InputError
from remots.progress import track

# The text of MOTS compresses to a tenth; 16-bit PNG of nothing but background to a thousandth, in small files.
MAX_RATIO = 200
_FREE_OF_RATIO_BYTES = 1 << 24
MAX_MEMBERS = 500_000
_STAMP = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip archive into a folder, once all of it has been found harmless.

    Parameters
    ----------
    archive : Path
    folder : Path
        Made where it is missing.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If it is no zip or damaged; if a member has a path outside of the folder, or is a link or a device; if it is
        encrypted; if it would grow beyond all reason, or beyond what the disk has free.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = [member for member in zipped.infolist() if not member.is_dir()]
            _check_members(archive, members)
            folder.mkdir(parents=True, exist_ok=True)
            check_space(folder, sum(member.file_size for member in members), f"unpack {archive.name}")
            return [_unpack_one(zipped, member, folder) for member in track(members, f"unpack {archive.name}")]
    except FileNotFoundError as error:
        raise InputError(f"{archive}: no such file") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise InputError(f"{archive}: not a readable zip archive ({error}); fetch it again") from error


def check_space(folder: Path, n_bytes: int, purpose: str) -> None:
    """Raise InputError where the disk of a folder has not so many bytes free."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise InputError(
            f"{folder}: {n_bytes / 1e9:.1f} GB are needed to {purpose}, but only {free / 1e9:.1f} GB are free; "
            "make room, or choose another folder"
        )


def _check_members(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{archive}: {len(members)} files; no archive of masks or images has so many")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        has_drive = ":" in path.parts[0] if path.parts else True
        if path.is_absolute() or ".." in path.parts or has_drive or "\0" in member.filename:
            raise InputError(f"{archive}: {member.filename!r} would be written outside of the folder; do not trust it")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise InputError(f"{archive}: {member.filename!r} is a link or a device, not a file; do not trust it")
        if member.flag_bits & 1:
            raise InputError(f"{archive}: {member.filename!r} is encrypted; unpack it by hand")
        if member.file_size > max(MAX_RATIO * member.compress_size, _FREE_OF_RATIO_BYTES):
            raise InputError(
                f"{archive}: {member.filename!r} would grow from {member.compress_size} to {member.file_size} bytes; "
                "no image or text does"
            )


def _unpack_one(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Path:
    target = folder.joinpath(*PurePosixPath(member.filename.replace("\\", "/")).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    n_left = member.file_size
    with zipped.open(member) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            n_left -= len(chunk)
            if n_left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is longer than it says")
            file.write(chunk)
    return target


def write_zip(path: Path, files: dict[str, Path]) -> None:
    """Write a zip archive; the same files give the same bytes.

    Parameters
    ----------
    path : Path
        The archive (a temporary name: see `remots.formats.files.atomic`).
    files : dict of str to Path
        Name in the archive → file.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, file in sorted(files.items()):
            member = zipfile.ZipInfo(name, _STAMP)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with file.open("rb") as source, zipped.open(member, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
