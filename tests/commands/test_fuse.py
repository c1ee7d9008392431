"""`remots fuse`, through the command line."""

import json

import numpy as np
import pytest

from remots.cli import main
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import read_metadata, read_table, write_table
from remots.masks.rle import areas, boxes, check_rle, decode, encode, encode_crop
from tests.masks.drawing import slow_fusion

HEIGHT, WIDTH = 20, 30
FLAGS = [
    "--detections",
    "--sequence",
    "--out",
    "--overlap-metric",
    "--overlap-threshold",
    "--min-area-px",
    "--min-score",
]


def block(left, top, width, height):
    return encode_crop(np.ones((height, width)), left, top, (HEIGHT, WIDTH))


def write_detections(path, rows, size=(HEIGHT, WIDTH)):
    """Write rows of (frame, score, mask) or (frame, score, mask, class_id)."""
    masks = [row[2] for row in rows]
    columns = {"frame": [row[0] for row in rows], "score": np.array([row[1] for row in rows], np.float32)}
    columns["class_id"] = [row[3] if len(row) > 3 else 2 for row in rows]
    columns |= dict(zip(("left_px", "top_px", "width_px", "height_px"), boxes(masks).T, strict=True))
    columns |= {"area_px": areas(masks), "rle": [mask["counts"] for mask in masks]}
    write_table(path, "detections", columns, {"height_px": size[0], "width_px": size[1]})
    return path


@pytest.fixture
def folder(tmp_path):
    write_sequence(tmp_path / "sequence.json", Sequence("street", "frames", "images", HEIGHT, WIDTH, 10.0, 3, 8))
    return tmp_path


def fuse(folder, *tables, flags=()):
    names = [str(table) for table in tables]
    places = ["--sequence", str(folder / "sequence.json"), "--out", str(folder / "out" / "masks.parquet")]
    return main(["fuse", "--detections", *names, *places, *flags])


def fused_table(folder):
    return read_table(folder / "out" / "masks.parquet", "masks")


def complaint(capsys, folder):
    """The one line of the error; nothing may be left of the output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert not list(folder.glob("out/*"))
    assert not list(folder.glob("out/.*"))
    lines = captured.err.strip().splitlines()
    assert lines[-1].startswith("remots fuse: error: ")
    assert "Traceback" not in captured.err
    return lines[-1]


def test_two_detectors_become_one_disjoint_set(folder):
    a = write_detections(folder / "a.parquet", [(3, 0.9, block(0, 0, 6, 10)), (5, 0.8, block(4, 4, 5, 8))])
    b = write_detections(
        folder / "b.parquet",
        [(3, 0.7, block(1, 0, 6, 10)), (3, 0.95, block(20, 5, 6, 10)), (4, 0.6, block(2, 2, 6, 6))],
    )
    assert fuse(folder, a, b) == 0
    table = fused_table(folder)
    assert table["mask_id"].tolist() == [0, 1, 2, 3]
    assert table["frame"].tolist() == [3, 3, 4, 5]
    np.testing.assert_array_equal(table["score"], np.array([0.95, 0.9, 0.6, 0.8], np.float32))
    assert table["class_id"].tolist() == [2, 2, 2, 2]
    kept = [block(20, 5, 6, 10), block(0, 0, 6, 10), block(2, 2, 6, 6), block(4, 4, 5, 8)]
    assert table["rle"].tolist() == [mask["counts"] for mask in kept]
    assert read_metadata(folder / "out" / "masks.parquet", "masks") == {
        "height_px": HEIGHT,
        "width_px": WIDTH,
        "first_frame": 3,
        "last_frame": 8,
    }


def test_boxes_and_areas_are_those_of_what_is_left(folder):
    a = write_detections(folder / "a.parquet", [(3, 0.9, block(0, 0, 6, 10)), (3, 0.8, block(3, 0, 7, 10))])
    assert fuse(folder, a) == 0
    table = fused_table(folder)
    columns = ["left_px", "top_px", "width_px", "height_px", "area_px"]
    assert table[columns].to_numpy().tolist() == [[0, 0, 6, 10, 60], [6, 0, 4, 10, 40]]


def test_the_order_of_detectors_and_of_rows_does_not_change_a_byte(folder):
    rng = np.random.default_rng(3)
    rows = [
        (int(frame), rng.choice([0.6, 0.8]), encode(rng.random((HEIGHT, WIDTH)) < 0.2), int(rng.integers(1, 3)))
        for frame in np.repeat(range(3, 9), 6)
    ]
    rows += [(*row[:3], 3 - row[3]) for row in rows[::4]]  # the same mask and score once more, as another class
    outputs = []
    for order in (range(len(rows)), rng.permutation(len(rows))):
        mixed = sorted((rows[i] for i in order), key=lambda row: row[0])
        split = [mixed[0::2], mixed[1::2]]
        tables = [write_detections(folder / f"{name}.parquet", part) for name, part in zip("ab", split, strict=True)]
        assert fuse(folder, *tables, flags=["--min-area-px", "1", "--overlap-threshold", "0.25"]) == 0
        outputs.append((folder / "out" / "masks.parquet").read_bytes())
        assert fuse(folder, *reversed(tables), flags=["--min-area-px", "1", "--overlap-threshold", "0.25"]) == 0
        outputs.append((folder / "out" / "masks.parquet").read_bytes())
    assert len(set(outputs)) == 1
    assert 6 <= len(fused_table(folder)) < len(rows)


def test_settings_choose_scores_areas_and_overlaps(folder):
    rows = [(3, 0.9, block(0, 0, 6, 10)), (3, 0.7, block(3, 0, 7, 10)), (3, 0.3, block(20, 0, 3, 3))]
    a = write_detections(folder / "a.parquet", rows)
    # 0.7 as float32 is a little less than 0.7; it must still count as 0.7.
    for flags, n_kept in (
        (["--min-score", "0.7"], 2),
        (["--min-score", "0.71"], 1),
        (["--min-score", "0"], 2),
        (["--min-score", "0", "--min-area-px", "9"], 3),
        (["--overlap-threshold", "0.4"], 1),
        (["--min-area-px", "41"], 1),
    ):
        assert fuse(folder, a, flags=flags) == 0
        assert len(fused_table(folder)) == n_kept, flags


def test_a_part_of_a_person_is_dropped_under_iom_and_cut_from_the_person_under_iou(folder):
    rows = [(3, 0.9, block(2, 2, 8, 6)), (3, 0.7, block(0, 0, 12, 18))]
    a = write_detections(folder / "a.parquet", rows)
    for flags, areas_px in (([], [48]), (["--overlap-metric", "iou"], [48, 168])):
        assert fuse(folder, a, flags=flags) == 0
        assert fused_table(folder)["area_px"].tolist() == areas_px


def test_an_unknown_overlap_metric_is_refused(folder, capsys):
    table = write_detections(folder / "a.parquet", [(4, 0.9, block(0, 0, 9, 9))])
    assert fuse(folder, table, flags=["--overlap-metric", "dice"]) == 2
    assert "dice" in complaint(capsys, folder)


@pytest.mark.parametrize("rows", [[], [(4, 0.1, block(0, 0, 9, 9))]])
def test_without_detections_the_table_is_empty_and_a_warning_says_so(folder, rows, capsys):
    assert fuse(folder, write_detections(folder / "a.parquet", rows)) == 0
    table = fused_table(folder)
    assert len(table) == 0
    assert "mask_id" in table
    assert "street: no mask is left of 0 detections with a score of at least 0.5" in capsys.readouterr().err


def test_frames_without_masks_lie_between_others(folder, capsys):
    rows = [(3, 0.9, block(0, 0, 9, 9)), (5, 0.1, block(0, 0, 9, 9)), (8, 0.9, block(0, 0, 9, 9))]
    assert fuse(folder, write_detections(folder / "a.parquet", rows)) == 0
    assert fused_table(folder)[["mask_id", "frame"]].to_numpy().tolist() == [[0, 3], [1, 8]]
    assert "2 detections from 1 tables fused into 2 masks in 6 frames" in capsys.readouterr().err


@pytest.mark.parametrize("frame", [2, 9])
def test_a_frame_outside_the_sequence_is_refused_by_name(folder, capsys, frame):
    rows = sorted([(4, 0.9, block(0, 0, 9, 9)), (frame, 0.9, block(0, 0, 9, 9))], key=lambda row: row[0])
    good = write_detections(folder / "good.parquet", [(4, 0.9, block(0, 0, 9, 9))])
    assert fuse(folder, good, write_detections(folder / "late.parquet", rows)) == 2
    line = complaint(capsys, folder)
    assert f"late.parquet: frame {frame} lies outside sequence street (frames 3 to 8)" in line


def test_masks_of_another_size_are_refused_by_name(folder, capsys):
    table = write_detections(folder / "a.parquet", [(4, 0.9, block(0, 0, 9, 9))], size=(40, 30))
    assert fuse(folder, table) == 2
    assert "a.parquet: the masks are of frames of 40 x 30, but those of sequence street have 20 x 30" in complaint(
        capsys, folder
    )


@pytest.mark.parametrize(
    ("counts", "fault"), [(b"04", "add up to 4 px"), (b"0T", "end within a number"), (b"\x01", "the character")]
)
def test_a_broken_mask_is_refused_by_file_and_frame(folder, capsys, counts, fault):
    broken = {"size": (HEIGHT, WIDTH), "counts": block(0, 0, 9, 9)["counts"]}
    rows = [(4, 0.9, block(0, 0, 9, 9)), (5, 0.9, broken)]
    path = write_detections(folder / "a.parquet", rows)
    columns = read_table(path, "detections").to_dict("list")
    columns["rle"][1] = counts
    write_table(path, "detections", columns, {"height_px": HEIGHT, "width_px": WIDTH})
    assert fuse(folder, path) == 2
    line = complaint(capsys, folder)
    assert "a.parquet: frame 5: " in line
    assert fault in line


def test_missing_files_wrong_tables_and_wrong_settings_end_in_one_line(folder, capsys):
    table = write_detections(folder / "a.parquet", [(4, 0.9, block(0, 0, 9, 9))])
    assert fuse(folder, table, folder / "none.parquet") == 2
    assert "none.parquet: no such file" in complaint(capsys, folder)
    (folder / "text.parquet").write_text("not a table")
    assert fuse(folder, folder / "text.parquet") == 2
    assert "text.parquet: not a readable parquet file" in complaint(capsys, folder)
    assert fuse(folder, table, flags=["--overlap-threshold", "1.5"]) == 2
    assert "--overlap-threshold is 1.5" in complaint(capsys, folder)


def test_every_setting_of_the_section_is_a_flag(capsys):
    assert main(["fuse", "--help"]) == 0
    shown = capsys.readouterr().out
    for flag in FLAGS:
        assert flag in shown


def test_real_detections_are_fused_as_by_the_listing_on_dense_frames(folder, shared_data):
    sequence = Sequence("vtest", "frames", "images", 576, 768, 10.0, 11, 14)
    write_sequence(folder / "sequence.json", sequence)
    rows, tables = [], []
    for name in ("a", "b"):
        results = json.loads((shared_data / "vtest" / f"detections_{name}.json").read_text())
        own = [
            (item["image_id"], item["score"], check_rle(item["segmentation"]))
            for item in sorted(results, key=lambda item: item["image_id"])
            if sequence.first_frame <= item["image_id"] <= sequence.last_frame
        ]
        tables.append(write_detections(folder / f"{name}.parquet", own, size=(576, 768)))
        rows += own
    assert fuse(folder, *tables) == 0
    table = fused_table(folder)
    for frame in range(sequence.first_frame, sequence.last_frame + 1):
        pooled = [row for row in rows if row[0] == frame and np.float32(row[1]) >= np.float32(0.5)]
        stack = np.array([decode(mask) for _, _, mask in pooled])
        expected = slow_fusion(stack, np.array([score for _, score, _ in pooled], np.float32), 0.5, 30)
        assert 0 < len(expected) < len(pooled)
        assert table["rle"][table["frame"] == frame].tolist() == [encode(mask)["counts"] for _, mask in expected]
