"""`remots warp`, through the command line."""

import numpy as np
import pytest

from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import read_table
from remots.masks.rle import encode
from tests.commands.walkers import (
    HEIGHT,
    N_FRAMES,
    WIDTH,
    only_error_line,
    run_until,
    run_verb,
    write_masks,
    write_walkers,
)

FILES = {"sequence": "sequence.json", "masks": "masks.parquet", "out": "warped_iou.parquet"}


def test_each_walker_overlaps_itself_in_the_next_frame(tmp_path):
    people = write_walkers(tmp_path)
    run_until(tmp_path, "warp")
    table = read_table(tmp_path / "warped_iou.parquet", "warped_iou")
    assert table["iou"].between(0, 1, inclusive="right").all()
    best = table[table["iou"] > 0.5]
    assert len(best) == 2 * (N_FRAMES - 1)
    assert np.array_equal(people[best["mask_id_prev"]], people[best["mask_id_curr"]])
    assert np.array_equal(best["mask_id_curr"] - best["mask_id_prev"], np.full(len(best), 2))


def test_two_runs_give_the_same_bytes(tmp_path):
    write_walkers(tmp_path)
    for name in ("a.parquet", "b.parquet"):
        assert run_verb(tmp_path, "warp", **{**FILES, "out": name}) == 0
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("flow", ["dis_ultrafast", "dis_fast", "dis_medium", "farneback"])
@pytest.mark.parametrize("first_guess", ["masks", "none"])
def test_each_flow_and_first_guess_can_be_chosen(tmp_path, flow, first_guess):
    write_walkers(tmp_path, n_frames=3)
    assert run_verb(tmp_path, "warp", "--flow", flow, "--first-guess", first_guess, **FILES) == 0
    assert (read_table(tmp_path / "warped_iou.parquet", "warped_iou")["iou"] > 0.5).sum() == 4


def test_no_masks_give_an_empty_table_and_a_warning(tmp_path, capsys):
    write_walkers(tmp_path)
    write_masks(tmp_path / "masks.parquet", [], [])
    assert run_verb(tmp_path, "warp", **FILES) == 0
    assert len(read_table(tmp_path / "warped_iou.parquet", "warped_iou")) == 0
    assert "walkers: no mask overlaps one of the next frame" in capsys.readouterr().err


def test_frames_without_masks_part_the_pairs(tmp_path):
    write_walkers(tmp_path, hidden={(4, 0), (4, 1)})
    run_until(tmp_path, "warp")
    table = read_table(tmp_path / "warped_iou.parquet", "warped_iou")
    frames = read_table(tmp_path / "masks.parquet", "masks")["frame"].to_numpy()
    assert set(frames[table["mask_id_prev"]]) == {1, 2, 5, 6, 7}
    assert np.array_equal(frames[table["mask_id_curr"]], frames[table["mask_id_prev"]] + 1)


def test_overlapping_masks_end_in_one_line_that_names_the_frame(tmp_path, capsys):
    write_walkers(tmp_path)
    whole = encode(np.ones((HEIGHT, WIDTH)))
    write_masks(tmp_path / "masks.parquet", [3, 3], [whole, whole])
    assert run_verb(tmp_path, "warp", **FILES) == 2
    line = only_error_line(capsys, "warp", tmp_path, "warped_iou.parquet")
    assert line.endswith("masks.parquet: frame 3: masks of one frame overlap; only disjoint masks can be tracked")


def test_masks_beyond_the_video_end_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path)
    write_sequence(
        tmp_path / "sequence.json", Sequence("walkers", str(tmp_path / "images"), "images", HEIGHT, WIDTH, 10.0, 1, 5)
    )
    assert run_verb(tmp_path, "warp", **FILES) == 2
    assert "has masks in frame 6" in only_error_line(capsys, "warp", tmp_path, "warped_iou.parquet")


def test_a_missing_table_ends_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path)
    (tmp_path / "masks.parquet").unlink()
    assert run_verb(tmp_path, "warp", **FILES) == 2
    assert "masks.parquet: no such file" in only_error_line(capsys, "warp", tmp_path, "warped_iou.parquet")
