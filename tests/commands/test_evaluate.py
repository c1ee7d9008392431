import json
from pathlib import Path

import numpy as np
import pytest

from remots.cli import main
from remots.evaluation.metrics import METRICS
from remots.formats.exchange.mots_text import MotsTextWriter
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import write_table
from remots.masks.rle import Rle, areas, boxes, encode

FIRST_FRAME = 101  # a part cut out of a longer video


def write_truth(path: Path, rows: list[tuple[int, int, int, Rle]], size: tuple[int, int]) -> None:
    """Write rows of (frame, identity, class, mask)."""
    masks = [row[3] for row in rows]
    left, top, width, height = boxes(masks).T
    columns = {
        "mask_id": range(len(rows)),
        "frame": [row[0] for row in rows],
        "class_id": [row[2] for row in rows],
        "score": [1.0] * len(rows),
        "left_px": left,
        "top_px": top,
        "width_px": width,
        "height_px": height,
        "area_px": areas(masks),
        "rle": [mask["counts"] for mask in masks],
        "identity": [row[1] for row in rows],
    }
    write_table(path, "truth", columns, {"height_px": size[0], "width_px": size[1]})


def write_results(path: Path, rows: list[tuple[int, int, int, Rle]], size: tuple[int, int]) -> None:
    with MotsTextWriter(path, *size) as writer:
        for frame, object_id, class_id, mask in rows:
            writer.append(frame, [object_id], class_id, [mask["counts"]])


@pytest.fixture
def street(tmp_path, two_people):
    """Files of the scene drawn by hand, its frames numbered from 101; and the rows that are in them."""
    size = two_people[0]["a"]["size"]
    rows = [
        (FIRST_FRAME + i, {"a": 1, "b": 2}[letter], 2, mask)
        for i, frame in enumerate(two_people)
        for letter, mask in frame.items()
    ]
    write_truth(tmp_path / "truth.parquet", rows, size)
    write_results(tmp_path / "mots.txt", [(f, 2000 + i, c, m) for f, i, c, m in rows], size)
    write_sequence(
        tmp_path / "sequence.json",
        Sequence("street", "frames", "images", *size, 10.0, FIRST_FRAME, FIRST_FRAME + len(two_people) - 1),
    )
    return tmp_path, rows, size


def evaluate(folder: Path, *flags: str) -> int:
    words = [
        "--sequence",
        "sequence.json",
        "--truth",
        "truth.parquet",
        "--mots",
        "mots.txt",
        "--out",
        "evaluation.json",
    ]
    return main(["evaluate", *(str(folder / word) if "." in word else word for word in words), *flags])


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text())["metrics"]


def test_the_truth_itself_is_perfect_even_where_frames_do_not_start_at_one(street):
    folder, _, _ = street
    assert evaluate(folder) == 0
    metrics = metrics_of(folder)
    assert list(metrics) == [metric.name for metric in METRICS]
    assert (metrics["sMOTSA"], metrics["HOTA"], metrics["MT"], metrics["IDS"]) == (100, 100, 2, 0)


def test_lines_of_results_may_stand_in_any_order(street):
    folder, _, _ = street
    lines = (folder / "mots.txt").read_text().splitlines()
    (folder / "mots.txt").write_text("\n".join(lines[::-1]) + "\n")
    assert evaluate(folder) == 0
    assert metrics_of(folder)["sMOTSA"] == 100


def test_results_outside_the_part_are_left_out(street, capsys):
    folder, rows, size = street
    far = [(f - 100, 2000 + i, c, m) for f, i, c, m in rows]
    write_results(folder / "mots.txt", far + [(f, 2000 + i, c, m) for f, i, c, m in rows], size)
    assert evaluate(folder) == 0
    assert metrics_of(folder)["sMOTSA"] == 100
    assert "9 masks are outside frames 101 to 105" in capsys.readouterr().err


def test_no_result_gives_zeros_and_a_warning(street, capsys):
    folder, _, _ = street
    (folder / "mots.txt").write_text("")
    assert evaluate(folder) == 0
    assert metrics_of(folder)["ML"] == 2
    assert metrics_of(folder)["sMOTSA"] == 0
    assert "no result mask of class 2" in capsys.readouterr().err


def test_no_truth_gives_zeros_and_a_warning(street, capsys):
    folder, _, size = street
    write_truth(folder / "truth.parquet", [], size)
    assert evaluate(folder) == 0
    assert set(metrics_of(folder).values()) == {0}
    assert "no true mask of class 2" in capsys.readouterr().err


def test_masks_without_a_label_can_be_dropped(street):
    folder, rows, size = street
    write_truth(folder / "truth.parquet", [row for row in rows if row[1] == 1], size)
    assert evaluate(folder) == 0
    assert metrics_of(folder)["MODSA"] == pytest.approx(100 * (4 - 5) / 4)
    assert evaluate(folder, "--unlabelled", "drop") == 0
    assert metrics_of(folder)["MODSA"] == 100


def test_another_class_can_be_evaluated(street):
    folder, rows, size = street
    write_truth(folder / "truth.parquet", [(f, i, 1 if i == 1 else 2, m) for f, i, _, m in rows], size)
    assert evaluate(folder, "--class-id", "1") == 0
    assert metrics_of(folder)["MT"] == 0  # the results call everyone a pedestrian
    assert evaluate(folder) == 0
    assert metrics_of(folder)["MT"] == 1


def fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert evaluate(folder) == 2
    assert not (folder / "evaluation.json").exists()
    assert not list(folder.glob(".*partial*"))
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_results_that_overlap_are_refused_by_frame(street, capsys):
    folder, rows, size = street
    write_results(folder / "mots.txt", [(102, 2001, 2, rows[0][3]), (102, 2002, 2, rows[0][3])], size)
    line = fail(folder, capsys)
    assert line.startswith("remots evaluate: error: ")
    assert "mots.txt" in line
    assert "frame 102: masks of the result overlap" in line


def test_an_id_twice_in_a_frame_is_refused(street, capsys):
    folder, rows, size = street
    write_results(folder / "mots.txt", [(102, 2001, 2, rows[0][3]), (102, 2001, 2, rows[1][3])], size)
    line = fail(folder, capsys)
    assert "mots.txt" in line
    assert "2001" in line
    assert "frame 102" in line


def test_frame_zero_is_refused(street, capsys):
    folder, rows, size = street
    with MotsTextWriter(folder / "mots.txt", *size, first_frame_number=0) as writer:
        writer.append(1, [2001], 2, [rows[0][3]["counts"]])
    assert "frame 0" in fail(folder, capsys)


def test_results_of_another_size_are_refused(street, capsys):
    folder, _, _ = street
    write_results(folder / "mots.txt", [(102, 2001, 2, encode(np.eye(7, 9)))], (7, 9))
    assert "9x7 px" in fail(folder, capsys)


def test_truth_of_another_size_is_refused(street, capsys):
    folder, _, _ = street
    write_truth(folder / "truth.parquet", [], (7, 9))
    assert "truth.parquet: masks of frames of 9x7 px" in fail(folder, capsys)


@pytest.mark.parametrize("name", ["sequence.json", "truth.parquet", "mots.txt"])
def test_a_missing_file_is_named(street, capsys, name):
    folder, _, _ = street
    (folder / name).unlink()
    assert f"{name}: no such file" in fail(folder, capsys)


def test_the_real_masks_of_vtest_score_their_own_truth_perfectly(shared_data, tmp_path):
    rows = []
    for line in (shared_data / "vtest" / "gt.txt").read_text().splitlines():
        frame, identity, class_id, height, width, counts = line.split()
        mask = Rle(size=(int(height), int(width)), counts=counts.encode())
        rows.append((int(frame), int(identity), int(class_id), mask))
    size = rows[0][3]["size"]
    write_truth(tmp_path / "truth.parquet", rows, size)
    write_sequence(tmp_path / "sequence.json", Sequence("vtest", "vtest.avi", "video", *size, 10.0, 1, 400))
    # masks.txt has unlabelled masks too, and a new id for every mask: perfect masks, no tracks.
    (tmp_path / "mots.txt").write_bytes((shared_data / "vtest" / "masks.txt").read_bytes())
    assert evaluate(tmp_path, "--unlabelled", "drop") == 0
    metrics = metrics_of(tmp_path)
    assert metrics["MODSA"] == pytest.approx(100)
    assert metrics["DetA"] == pytest.approx(100)
    assert metrics["IDS"] > 1000
    assert np.isclose(metrics["MT"], len({row[1] for row in rows}))
