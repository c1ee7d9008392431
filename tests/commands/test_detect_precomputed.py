"""`remots detect --detector precomputed`, through the command line."""

import json

import numpy as np
import pytest

from remots.cli import main
from remots.formats.exchange.mots_png import write_mots_png
from remots.formats.footage.sequence import write_sequence
from remots.formats.results.tables import read_metadata, read_table
from remots.masks.rle import Rle, areas, boxes, decode
from tests.commands.walkers import complaint
from tests.formats.drawn import HEIGHT, WIDTH, block, mots_line, some_sequence
from tests.formats.test_coco import record

A, B, C = block(1, 1, 4, 8), block(10, 2, 5, 9), block(3, 3, 6, 6)


@pytest.fixture
def folder(tmp_path):
    write_sequence(tmp_path / "sequence.json", some_sequence(2, 6))
    return tmp_path


def run(folder, source, *flags):
    places = ["--sequence", str(folder / "sequence.json"), "--out", str(folder / "out" / "a.parquet")]
    return main(["detect", "--detector", "precomputed", "--masks", str(source), *places, *flags])


def table_of(folder):
    return read_table(folder / "out" / "a.parquet", "detections")


def test_coco_results_become_a_table_sorted_by_frame(folder):
    records = [record(5, score=0.5, mask=A), record(2, score=0.25, mask=B), record(5, score=1, mask=C), record(9)]
    (folder / "a.json").write_text(json.dumps(records))
    assert run(folder, folder / "a.json") == 0
    table = table_of(folder)
    assert table["frame"].tolist() == [2, 5, 5]
    assert table["score"].tolist() == [0.25, 0.5, 1.0]
    assert table["class_id"].tolist() == [2, 2, 2]
    masks = [Rle(size=(HEIGHT, WIDTH), counts=counts) for counts in table["rle"]]
    assert masks == [B, A, C]
    assert table[["left_px", "top_px", "width_px", "height_px"]].to_numpy().tolist() == boxes(masks).tolist()
    assert table["area_px"].tolist() == areas(masks).tolist() == [int(decode(mask).sum()) for mask in masks]
    facts = {"height_px": HEIGHT, "width_px": WIDTH, "first_frame": 2, "last_frame": 6}
    assert read_metadata(folder / "out" / "a.parquet", "detections") == facts


def test_mots_text_keeps_one_class_and_has_score_one(folder, capsys):
    lines = [mots_line(3, 2001, A), mots_line(2, 1001, B), mots_line(2, 2001, C), mots_line(2, 10000, A, 10)]
    (folder / "a.txt").write_text("\n".join(lines))
    assert run(folder, folder / "a.txt") == 0
    assert table_of(folder)[["frame", "class_id", "score"]].to_numpy().tolist() == [[2, 2, 1], [3, 2, 1]]
    assert "2 masks of other classes are left out" in capsys.readouterr().err
    assert run(folder, folder / "a.txt", "--class-id", "1") == 0
    assert table_of(folder)[["frame", "class_id", "left_px"]].to_numpy().tolist() == [[2, 1, 10]]


def test_kitti_text_counts_from_0_also_where_the_file_cannot_show_it(folder):
    (folder / "a.txt").write_text("\n".join([mots_line(0, 2001, A), mots_line(4, 2001, B)]))
    assert run(folder, folder / "a.txt") == 0
    assert table_of(folder)["frame"].tolist() == [5]
    (folder / "a.txt").write_text(mots_line(4, 2001, B))
    assert run(folder, folder / "a.txt", "--first-frame-number", "0") == 0
    assert table_of(folder)["frame"].tolist() == [5]
    assert run(folder, folder / "a.txt") == 0
    assert table_of(folder)["frame"].tolist() == [4]


def test_a_folder_of_png_is_read(folder):
    for frame in range(1, 7):
        write_mots_png(folder / f"{frame}.png", [2001, 2007], [A, B], (HEIGHT, WIDTH))
    assert run(folder, folder) == 0
    assert table_of(folder)["frame"].tolist() == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


@pytest.mark.parametrize("first", [0, 1])
def test_scores_come_from_a_csv_file_with_the_frames_of_the_masks(folder, first):
    (folder / "a.txt").write_text(
        "\n".join([mots_line(first, 2001, C), mots_line(2 + first, 2002, A), mots_line(1 + first, 2002, B)])
    )
    rows = [f"{2 + first},2002,0.25", f"{1 + first},2002,0.75", f"{1 + first},2009,0.1", f"{first},2001,0"]
    (folder / "scores.csv").write_text("\n".join(["frame,det_id,score", *rows]))
    assert run(folder, folder / "a.txt", "--scores", str(folder / "scores.csv")) == 0
    assert table_of(folder)[["frame", "score", "left_px"]].to_numpy().tolist() == [[2, 0.75, 10], [3, 0.25, 1]]
    assert run(folder, folder / "a.txt", "--scores", str(folder / "scores.csv"), "--min-score", "0.5") == 0
    assert table_of(folder)["score"].tolist() == [0.75]


def test_two_detections_that_are_the_same_are_kept(folder):
    (folder / "a.json").write_text(json.dumps([record(2), record(2)]))
    assert run(folder, folder / "a.json") == 0
    assert len(table_of(folder)) == 2


@pytest.mark.parametrize("name", ["a.json", "a.txt"])
def test_no_detections_are_a_valid_table_and_warned_of(folder, capsys, name):
    (folder / name).write_text("[]" if name.endswith("json") else "")
    assert run(folder, folder / name, "--quiet") == 0
    assert len(table_of(folder)) == 0
    assert "holds no masks" in capsys.readouterr().err


def test_two_runs_give_the_same_bytes(folder):
    rng = np.random.default_rng(0)
    records = [record(int(rng.integers(2, 7)), score=float(rng.random()), mask=A) for _ in range(500)]
    (folder / "a.json").write_text(json.dumps(records))
    written = []
    for _ in range(2):
        assert run(folder, folder / "a.json", "--quiet") == 0
        written.append((folder / "out" / "a.parquet").read_bytes())
    assert written[0] == written[1]


WRONG = {
    "another size": (
        "a.json",
        [record(2, mask=block(0, 0, 2, 2, size=(9, 9)))],
        "record 0 (frame 2): the mask is of a",
    ),
    "broken rle": (
        "a.json",
        [record(2), record(3, segmentation={"size": [24, 32], "counts": "!"})],
        "record 1 (frame 3)",
    ),
    "score": ("a.json", [record(2, score=1.01)], "record 0 (frame 2): the score is 1.01; scores lie in [0, 1]"),
    "frame": ("a.json", [record(0)], "record 0 (frame 0): frames are numbered from 1"),
    "category": ("a.json", [record(2, category=7)], "no mask has category_id 1; it has 7 (1 times)"),
    "outside": ("a.json", [record(1), record(7)], "none of its 2 masks lies in frames 2 to 6 of street"),
    "json": ("a.json", '[{"image_id"', "not valid JSON at record 0"),
    "id twice": (
        "a.txt",
        f"{mots_line(2, 2001, A)}\n{mots_line(2, 2001, B)}",
        "lines 1 and 2 both have id 2001 in frame 2",
    ),
    "fields": ("a.txt", "1 2 3", "line 1: 3 fields instead of 6"),
    "class": ("a.txt", mots_line(2, 1001, A), "no mask has class 2; it has 1 (1 times)"),
    "suffix": ("a.csv", "1,2", "a.csv: unknown format; masks come as MOTS .txt"),
    "missing": ("b.json", None, "b.json: no such file"),
    "missing folder": ("b", None, "b: no such file or folder"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_ends_in_one_line(folder, capsys, name):
    file_name, content, expected = WRONG[name]
    if content is not None:
        (folder / file_name).write_text(content if isinstance(content, str) else json.dumps(content))
    assert run(folder, folder / file_name, "--quiet") == 2
    line = complaint(capsys, "detect", folder)
    assert expected in line
    assert file_name in line


@pytest.mark.parametrize(
    ("csv", "expected"),
    [
        ("frame,score\n2,0.5", "has no column det_id; it needs frame, det_id, score"),
        ("", "has no column frame, det_id, score"),
        ("frame,det_id,score\n2,2001,high", "scores.csv: line 2: frame and det_id are whole numbers"),
        ("frame,det_id,score\n2,2001", "scores.csv: line 2: "),
        ("frame,det_id,score\n2,2001,1.5", "scores.csv: line 2: frame 2, det_id 2001, score 1.5; scores lie in [0, 1]"),
        ("frame,det_id,score\n2,2001,nan", "score nan; scores lie in [0, 1]"),
        ("frame,det_id,score\n2,2001,0.1\n2,2001,0.2", "two scores for det_id 2001 of frame 2; keep one"),
        ("frame,det_id,score\n3,2001,0.1", "no score for det_id 2001 of "),
        (None, "scores.csv: no such file"),
    ],
)
def test_bad_scores_end_in_one_line(folder, capsys, csv, expected):
    (folder / "a.txt").write_text(mots_line(2, 2001, A))
    if csv is not None:
        (folder / "scores.csv").write_text(csv)
    assert run(folder, folder / "a.txt", "--scores", str(folder / "scores.csv"), "--quiet") == 2
    line = complaint(capsys, "detect", folder)
    assert expected in line
    assert "scores.csv" in line


def test_coco_results_take_no_other_scores(folder, capsys):
    (folder / "a.json").write_text(json.dumps([record(2)]))
    assert run(folder, folder / "a.json", "--scores", "scores.csv", "--quiet") == 2
    assert "a.json: has its own scores; leave out --scores" in complaint(capsys, "detect", folder)


def test_a_setting_out_of_range_ends_in_one_line(folder, capsys):
    (folder / "a.json").write_text("[]")
    assert run(folder, folder / "a.json", "--min-score", "2") == 2
    assert "--min-score" in complaint(capsys, "detect", folder)


def test_real_detections_are_imported_whole(shared_data, folder):
    write_sequence(folder / "sequence.json", some_sequence(101, 200, 576, 768))
    expected = json.loads((shared_data / "vtest" / "detections_a.json").read_text())
    expected = sorted((one for one in expected if 101 <= one["image_id"] <= 200), key=lambda one: one["image_id"])
    assert run(folder, shared_data / "vtest" / "detections_a.json") == 0
    table = table_of(folder)
    assert table["frame"].tolist() == [one["image_id"] for one in expected]
    assert table["score"].tolist() == [np.float32(one["score"]) for one in expected]
    assert [counts.decode() for counts in table["rle"]] == [one["segmentation"]["counts"] for one in expected]
    found_boxes = table[["left_px", "top_px", "width_px", "height_px"]].to_numpy()
    assert found_boxes.tolist() == [one["bbox"] for one in expected]


def test_real_masks_get_their_scores(shared_data, folder):
    write_sequence(folder / "sequence.json", some_sequence(1, 400, 576, 768))
    scores = str(shared_data / "vtest" / "masks_scores.csv")
    assert run(folder, shared_data / "vtest" / "masks.txt", "--scores", scores) == 0
    table = table_of(folder)
    assert len(table) == 2344
    assert table["score"].iloc[:3].tolist() == pytest.approx([0.8977, 0.8161, 0.7141])
