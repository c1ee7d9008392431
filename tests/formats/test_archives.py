"""Zip archives: what is harmless is unpacked, what is not is refused before anything is written."""

import stat
import zipfile

import pytest

from remots.errors import InputError
from remots.formats.files.archives import unpack, write_zip


def make(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return path


def test_a_harmless_archive_is_unpacked(tmp_path):
    archive = make(tmp_path / "a.zip", [("MOTS/train/a.txt", "one"), ("MOTS/b.txt", "two"), ("MOTS/empty/", "")])
    files = unpack(archive, tmp_path / "out")
    assert sorted(file.relative_to(tmp_path / "out").as_posix() for file in files) == ["MOTS/b.txt", "MOTS/train/a.txt"]
    assert (tmp_path / "out/MOTS/train/a.txt").read_text() == "one"


def link():
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def device():
    member = zipfile.ZipInfo("null")
    member.external_attr = (stat.S_IFCHR | 0o666) << 16
    return member


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("../evil.txt", "x", "outside of the folder"),
        ("a/../../evil.txt", "x", "outside of the folder"),
        ("/etc/evil.txt", "x", "outside of the folder"),
        ("..\\evil.txt", "x", "outside of the folder"),
        ("C:\\evil.txt", "x", "outside of the folder"),
        (link(), "/etc/passwd", "a link or a device"),
        (device(), "", "a link or a device"),
        ("bomb.txt", b"\0" * 60_000_000, "would grow from"),
    ],
)
def test_a_harmful_archive_is_refused_before_anything_is_written(tmp_path, name, content, expected):
    archive = make(tmp_path / "a.zip", [("good.txt", "good"), (name, content)])
    with pytest.raises(InputError, match=expected):
        unpack(archive, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_damaged_archive_is_refused(tmp_path):
    archive = make(tmp_path / "a.zip", [("a.txt", "one" * 1000)])
    content = bytearray(archive.read_bytes())
    content[45] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(InputError, match="not a readable zip archive"):
        unpack(archive, tmp_path / "out")
    archive.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a readable zip archive"):
        unpack(archive, tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        unpack(tmp_path / "b.zip", tmp_path / "out")


def test_the_same_files_give_the_same_archive(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    files = {"b.txt": tmp_path / "b", "a.txt": tmp_path / "a"}
    write_zip(tmp_path / "1.zip", files)
    write_zip(tmp_path / "2.zip", dict(reversed(files.items())))
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as zipped:
        assert zipped.namelist() == ["a.txt", "b.txt"]
