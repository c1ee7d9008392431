"""`remots merge`, through the command line."""

import json
import re

import numpy as np
import pytest

from remots.formats.results.tables import read_metadata, read_table, write_table
from remots.formats.results.tracks import read_track_of_mask
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


def write_corrections(folder, capsys, *lines):
    """Ask for these rows; the digest is the one that the verb tells where there is none."""
    text = "".join(f"{line}\n" for line in ["action\ta\tb\tframe\tnote", *lines])
    (folder / "corrections.tsv").write_text(text)
    assert run_verb(folder, "merge", **FILES, corrections="corrections.tsv") == 2
    mark = re.search(r"add the line: (.*)", capsys.readouterr().err)[1]
    (folder / "corrections.tsv").write_text(f"{mark}\n{text}")


def test_corrections_are_obeyed_and_known_to_what_follows(tmp_path, capsys):
    people = write_walkers(tmp_path, hidden={(3, 0), (5, 1), (6, 1)})
    run_until(tmp_path, "merge")
    rows = ["cannot_link\t0\t2@4", "split\t2\t\t6", "must_link\t2@6\t0", "drop\t3"]
    write_corrections(tmp_path, capsys, *rows)
    assert run_verb(tmp_path, "merge", **FILES, corrections="corrections.tsv") == 0
    tracks = read_table(tmp_path / "tracks.parquet", "tracks")
    assert tracks.set_index("tracklet_id")["track_id"].to_dict() == {0: 1, 1: 2, 2: 3, 4: 1}
    assert read_metadata(tmp_path / "merges.parquet", "merges")["n_must_links"] == 1
    assert read_table(tmp_path / "merges.parquet", "merges").iloc[0, :2].tolist() == [0, 4]
    frames = read_table(tmp_path / "masks.parquet", "masks")["frame"].to_numpy()
    joined = read_track_of_mask(tmp_path / "short_tracklets.parquet", tmp_path / "tracks.parquet", len(frames))
    of_first = dict(zip(frames[people == 0].tolist(), joined[people == 0].tolist(), strict=True))
    assert of_first == {1: 1, 2: 1, 4: 3, 5: 3, 6: 1, 7: 1, 8: 1}
    assert set(joined[(people == 1) & (frames > 6)].tolist()) == {-1}


def test_contradictions_end_in_one_line_that_names_both_rows(tmp_path, capsys):
    write_walkers(tmp_path, hidden={(3, 0), (5, 1), (6, 1)})
    run_until(tmp_path, "merge")
    for name in ("tracks.parquet", "merges.parquet"):
        (tmp_path / name).unlink()
    write_corrections(tmp_path, capsys, "must_link\t0\t2", "cannot_link\t2\t0")
    assert run_verb(tmp_path, "merge", **FILES, corrections="corrections.tsv") == 2
    line = only_error_line(capsys, "merge", tmp_path, "tracks.parquet")
    assert "corrections.tsv: line 4 (cannot_link 2, 0) contradicts line 3 (must_link 0, 2)" in line


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
