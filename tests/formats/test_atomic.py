"""Whole outputs or none, also where the disk is full or a folder cannot be written."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from remots.cli import main
from remots.errors import InputError
from remots.formats.files.atomic import atomic_output, atomic_outputs
from remots.formats.footage.video import write_video
from remots.formats.results.encoder_files import write_tensors
from remots.formats.results.tables import ROWS_PER_GROUP, TableWriter
from tests.formats.drawn import block, mots_line, write_images


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs root and the right to mount a small tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_output_appears_only_at_the_end(tmp_path):
    with atomic_output(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("whole")
        assert temporary.parent == tmp_path / "new"
        assert temporary.suffix == ".txt"
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_output_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_outputs(tmp_path / "a.txt", tmp_path / "b.txt") as (a, b):  # noqa: PT012
        a.write_text("half")
        b.write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    host = socket.gethostname()
    dead = tmp_path / f".a.{host}-{finished.pid}.partial.txt"
    living = tmp_path / f".a.{host}-{os.getppid()}.partial.txt"
    elsewhere = tmp_path / f".a.other-{finished.pid}.partial.txt"
    for path in (dead, living, elsewhere):
        path.write_text("half")
    with atomic_output(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a.txt", living.name, elsewhere.name])


def test_a_folder_under_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    complaint = r"file/folder: cannot make this folder \(Not a directory\)"
    with pytest.raises(InputError, match=complaint), atomic_output(tmp_path / "file" / "folder" / "a.txt"):
        pytest.fail("the block must not be entered")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises((InputError, OSError), match="/proc"), atomic_output("/proc/a.txt") as temporary:
        temporary.write_text("")


def rows(n_rows):
    numbers = np.random.default_rng(0).integers(0, 2**31, (3, n_rows))
    return {"mask_id_prev": numbers[0], "mask_id_curr": numbers[1], "iou": numbers[2] / 2**31}


def test_a_table_on_a_full_disk_is_one_clear_error(small_disk):
    with (  # noqa: PT012
        pytest.raises(InputError, match=rf"^{small_disk}: No space left on device; free some"),
        atomic_output(small_disk / "a.parquet") as temporary,
        TableWriter(temporary, "warped_iou") as writer,
    ):
        for _ in range(20):
            writer.append(rows(ROWS_PER_GROUP))
    assert list(small_disk.iterdir()) == []


def test_a_table_that_fills_the_disk_when_it_is_closed_is_one_clear_error(small_disk):
    (small_disk / "other").write_bytes(bytes(60 * 1024))
    with (
        pytest.raises(InputError, match="No space left on device"),
        atomic_output(small_disk / "a.parquet") as temporary,
        TableWriter(temporary, "warped_iou") as writer,
    ):
        writer.append(rows(ROWS_PER_GROUP - 1))
    assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_a_video_on_a_full_disk_is_one_clear_error(small_disk):
    images = np.random.default_rng(0).integers(0, 255, (60, 128, 128, 3), np.uint8)
    with pytest.raises(InputError, match="No space left on device"), atomic_output(small_disk / "a.mp4") as temporary:
        write_video(temporary, images, fps=5.0)
    assert list(small_disk.iterdir()) == []


def test_weights_on_a_full_disk_are_one_clear_error(small_disk):
    with (
        pytest.raises(InputError, match=rf"^{small_disk}: No space left on device; free some"),
        atomic_output(small_disk / "a.safetensors") as temporary,
    ):
        write_tensors(temporary, {"weights": torch.zeros(2**16)}, {})
    assert list(small_disk.iterdir()) == []


def test_a_verb_on_a_full_disk_ends_in_one_line_and_leaves_nothing(small_disk, tmp_path, capsys):
    assert main(["probe", str(write_images(tmp_path / "street", 2)), "--out", str(tmp_path / "sequence.json")]) == 0
    (small_disk / "other").write_bytes(bytes(64 * 1024))
    (tmp_path / "gt.txt").write_text(mots_line(1, 2001, block(1, 1, 3, 3)) + "\n")
    capsys.readouterr()
    for command in (
        ["probe", str(tmp_path / "street"), "--out", str(small_disk / "sequence.json")],
        ["import-truth", str(tmp_path / "gt.txt"), "--sequence", str(tmp_path / "sequence.json"),
         "--out", str(small_disk / "truth.parquet")],
    ):  # fmt: skip
        assert main([*command, "--quiet"]) == 2
        assert capsys.readouterr().err == (
            f"remots {command[0]}: error: {small_disk}: No space left on device; free some or choose another output\n"
        )
        assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_a_verb_whose_output_folder_cannot_be_made_ends_in_one_line(tmp_path, capsys):
    frames = write_images(tmp_path / "street", 2)
    (tmp_path / "file").write_text("")
    assert main(["probe", str(frames), "--out", str(tmp_path / "file" / "sequence.json"), "--quiet"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"remots probe: error: {tmp_path / 'file'}: cannot make this folder")
    assert line.count("\n") == 1
