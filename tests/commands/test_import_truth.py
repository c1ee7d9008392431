"""`remots import-truth`, through the command line."""

import cv2
import numpy as np
import pytest

from remots.cli import main
from remots.formats.exchange.mots_png import write_mots_png
from remots.formats.footage.sequence import write_sequence
from remots.formats.results.tables import read_metadata, read_table
from tests.commands.walkers import complaint
from tests.formats.drawn import HEIGHT, WIDTH, block, mots_line, some_sequence

A, B, C = block(1, 1, 4, 8), block(10, 2, 5, 9), block(3, 3, 6, 6)


@pytest.fixture
def folder(tmp_path):
    write_sequence(tmp_path / "sequence.json", some_sequence(1, 5))
    return tmp_path


def run(folder, source, *flags):
    places = ["--sequence", str(folder / "sequence.json"), "--out", str(folder / "out" / "truth.parquet")]
    return main(["import-truth", str(source), *places, *flags])


def table_of(folder):
    return read_table(folder / "out" / "truth.parquet", "truth")


def write_text(folder, *lines):
    (folder / "gt.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder / "gt.txt"


def test_an_id_becomes_the_identity_and_an_ignore_region_has_none(folder):
    source = write_text(
        folder, mots_line(4, 2001, A), mots_line(1, 2003, B), mots_line(1, 10000, C, 10), mots_line(1, 1003, A)
    )
    assert run(folder, source) == 0
    table = table_of(folder)
    assert table[["mask_id", "frame", "class_id", "identity", "left_px"]].to_numpy().tolist() == [
        [0, 1, 2, 2003, 10],
        [1, 1, 10, -1, 3],
        [2, 1, 1, 1003, 1],
        [3, 4, 2, 2001, 1],
    ]
    assert set(table["score"]) == {1.0}
    facts = {"height_px": HEIGHT, "width_px": WIDTH, "first_frame": 1, "last_frame": 5}
    assert read_metadata(folder / "out" / "truth.parquet", "truth") == facts


def test_png_and_text_give_the_same_table(folder):
    for frame in range(1, 6):
        write_mots_png(folder / f"{frame}.png", [2001, 1002, 10000], [A, B, block(20, 0, 4, 4)], (HEIGHT, WIDTH))
    assert run(folder, folder) == 0
    from_png = (folder / "out" / "truth.parquet").read_bytes()
    rows = [(1002, B), (2001, A), (10000, block(20, 0, 4, 4))]
    source = write_text(folder, *(mots_line(frame, number, mask) for frame in range(5, 0, -1) for number, mask in rows))
    assert run(folder, source) == 0
    assert (folder / "out" / "truth.parquet").read_bytes() == from_png


def test_ignore_regions_may_overlap_everything(folder):
    source = write_text(folder, mots_line(1, 2001, A), mots_line(1, 10000, C, 10), mots_line(1, 10000, C, 10))
    assert run(folder, source) == 0
    assert table_of(folder)["identity"].tolist() == [2001, -1, -1]


def test_masks_outside_the_part_are_left_out(folder, capsys):
    source = write_text(folder, mots_line(2, 2001, A), mots_line(6, 2001, A))
    assert run(folder, source, "--quiet") == 0
    assert table_of(folder)["mask_id"].tolist() == [0]
    assert "1 masks are outside frames 1 to 5 of street" in capsys.readouterr().err


def test_no_truth_is_a_valid_table_and_warned_of(folder, capsys):
    assert run(folder, write_text(folder), "--quiet") == 0
    assert len(table_of(folder)) == 0
    assert "holds no masks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [mots_line(3, 2001, A), mots_line(3, 2002, C)],
            "in frame 3 the masks of ids 2001 and 2002 (lines 1 and 2) overlap",
        ),
        ([mots_line(3, 2001, A), mots_line(3, 2001, B)], "lines 1 and 2 both have id 2001 in frame 3"),
        ([mots_line(3, 2001, A, 5)], "line 1: unknown class 5"),
        ([mots_line(3, 2001, A)[:-3]], "line 1 (frame 3): malformed mask"),
        ([mots_line(3, 2001, block(0, 0, 1, 1, size=(3, 3)))], "line 1 (frame 3): the mask is of a frame of 3x3 px"),
        ([mots_line(3, "a", A, 2)], "line 1: the id is 'a'"),
        ([mots_line(30, 2001, A)], "none of its 1 masks lies in frames 1 to 5 of street"),
    ],
)
def test_bad_truth_ends_in_one_line(folder, capsys, lines, expected):
    source = write_text(folder, *lines)
    assert run(folder, source, "--quiet") == 2
    line = complaint(capsys, "import-truth", folder)
    assert expected in line
    assert "gt.txt" in line


def test_a_png_that_is_none_of_mots_ends_in_one_line(folder, capsys):
    cv2.imwrite(str(folder / "1.png"), np.ones((4, 4), np.uint8))
    assert run(folder, folder, "--quiet") == 2
    assert "1.png: not a 16-bit grey PNG" in complaint(capsys, "import-truth", folder)


def test_json_is_no_format_of_truth(folder, capsys):
    (folder / "gt.json").write_text("[]")
    assert run(folder, folder / "gt.json", "--quiet") == 2
    assert "gt.json: unknown format" in complaint(capsys, "import-truth", folder)


@pytest.mark.parametrize(("name", "n_frames"), [("0012", 78), ("0017", 145)])
def test_real_kitti_truth_is_imported_whole(shared_data, folder, name, n_frames):
    source = shared_data / "kitti_mots_gt" / f"{name}.txt"
    rows = [line.split() for line in source.read_text().splitlines()]
    write_sequence(folder / "sequence.json", some_sequence(1, n_frames, int(rows[0][3]), int(rows[0][4])))
    assert run(folder, source) == 0
    table = table_of(folder)
    assert len(table) == len(rows)
    assert table["frame"].min() == 1
    identities = {int(row[1]) if row[2] != "10" else -1 for row in rows}
    assert set(table["identity"]) == identities
    assert sorted(counts.decode() for counts in table["rle"]) == sorted(row[5] for row in rows)
