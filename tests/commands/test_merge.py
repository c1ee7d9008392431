"""`remots merge`, through the command line."""

import json

import numpy as np
import pytest

from remots.formats.tables import read_table, write_table
from tests.commands.test_associate import write_threshold
from tests.commands.walkers import only_error_line, run_until, run_verb, write_masks, write_walkers

FILES = {
    "short_tracklets": "short_tracklets.parquet",
    "features": "features.npy",
    "masks": "masks.parquet",
    "sequence": "sequence.json",
    "threshold": "threshold_short.json",
    "out": "tracks.parquet",
    "merges": "merges.parquet",
}


def test_a_walker_who_was_hidden_becomes_one_track_again(tmp_path):
    people = write_walkers(tmp_path, hidden={(3, 0), (5, 1), (6, 1)})
    run_until(tmp_path, "merge")
    tracklets = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")
    tracks = read_table(tmp_path / "tracks.parquet", "tracks")
    merges = read_table(tmp_path / "merges.parquet", "merges")
    assert tracks["tracklet_id"].tolist() == [0, 1, 2, 3]
    assert np.array_equal(tracks["track_id"].to_numpy()[tracklets["tracklet_id"]], people + 1)
    assert sorted(zip(merges["tracklet_id_a"], merges["tracklet_id_b"], merges["gap_frames"], strict=True)) == [
        (0, 2, 2),
        (1, 3, 3),
    ]
    assert merges["distance"].between(0, 0.2).all()


def test_the_gap_in_frames_is_a_setting(tmp_path):
    write_walkers(tmp_path, hidden={(3, 0), (5, 1), (6, 1)})
    run_until(tmp_path, "associate")
    write_threshold(tmp_path, 0.5)
    for hidden, expected in (("0", [1, 2, 1, 3]), ("0.3", [1, 2, 1, 2])):  # at 10 frames a second
        words = ("--max-gap-frames", "2", "--max-hidden-seconds", hidden)
        assert run_verb(tmp_path, "merge", *words, **FILES) == 0
        assert read_table(tmp_path / "tracks.parquet", "tracks")["track_id"].tolist() == expected


def test_two_runs_give_the_same_bytes(tmp_path):
    write_walkers(tmp_path, hidden={(3, 0), (5, 1)})
    run_until(tmp_path, "merge")
    first = [(tmp_path / name).read_bytes() for name in ("tracks.parquet", "merges.parquet")]
    run_until(tmp_path, "merge")
    assert [(tmp_path / name).read_bytes() for name in ("tracks.parquet", "merges.parquet")] == first


def test_no_tracklets_give_empty_tables_and_a_warning(tmp_path, capsys):
    write_walkers(tmp_path)
    write_masks(tmp_path / "masks.parquet", [], [])
    np.save(tmp_path / "features.npy", np.zeros((0, 4), np.float32))
    run_until(tmp_path, "merge")
    assert len(read_table(tmp_path / "tracks.parquet", "tracks")) == 0
    assert len(read_table(tmp_path / "merges.parquet", "merges")) == 0
    assert "no tracklets, so no tracks" in capsys.readouterr().err
    assert json.loads((tmp_path / "threshold_merge.json").read_text())["value"] == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 1, 0), (2, 1, 1)], "rows are not the masks 0, 1, 2, … in order"),
        ([(0, 1, 0), (1, 1, 0)], "tracklet 0 has two masks in frame 1"),
        ([(0, 1, 0), (1, 1, 2)], "tracklet 1 has no masks"),
        ([(0, 1, 0), (1, 1, -1)], "tracklet_id -1 is negative"),
        ([(0, 1, 0)], "2 features, but"),
    ],
)
def test_tracklets_that_make_no_sense_end_in_one_line(tmp_path, capsys, rows, words):
    write_walkers(tmp_path, n_frames=1)
    write_threshold(tmp_path, 0.5)
    mask_ids, frames, tracklet_ids = zip(*rows, strict=True)
    columns = {"mask_id": mask_ids, "frame": frames, "tracklet_id": tracklet_ids}
    write_table(tmp_path / "short_tracklets.parquet", "short_tracklets", columns)
    assert run_verb(tmp_path, "merge", **FILES) == 2
    assert words in only_error_line(capsys, "merge", tmp_path, "tracks.parquet")
    assert not (tmp_path / "merges.parquet").exists()
