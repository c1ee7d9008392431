"""`remots associate`, through the command line."""

import json

import numpy as np
import pytest

from remots.formats.results.tables import read_table, write_table
from tests.commands.walkers import N_FRAMES, only_error_line, run_until, run_verb, write_masks, write_walkers

FILES = {
    "masks": "masks.parquet",
    "features": "features.npy",
    "warped_iou": "warped_iou.parquet",
    "threshold": "threshold_short.json",
    "out": "short_tracklets.parquet",
    "summary": "short_tracklets.json",
}


def write_threshold(folder, value):
    text = json.dumps({"value": value, "rule": "fixed", "fallback": None, "statistics": {}, "windows": []})
    (folder / "threshold_short.json").write_text(text)


def test_two_walkers_give_two_tracklets(tmp_path):
    people = write_walkers(tmp_path)
    run_until(tmp_path, "associate")
    table = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")
    assert table["mask_id"].tolist() == list(range(2 * N_FRAMES))
    assert table["frame"].tolist() == np.repeat(np.arange(1, N_FRAMES + 1), 2).tolist()
    assert table["tracklet_id"].tolist() == people.tolist()
    summary = json.loads((tmp_path / "short_tracklets.json").read_text())
    assert (summary["n_masks"], summary["n_tracklets"], summary["mean_length"]) == (16, 2, 8.0)
    assert summary["single_mask_share"] == 0
    assert summary["theta_short"] == json.loads((tmp_path / "threshold_short.json").read_text())["value"]
    assert list(summary) == sorted(summary)


def test_a_frame_without_its_mask_parts_a_walker_in_two(tmp_path):
    people = write_walkers(tmp_path, hidden={(4, 0)})
    run_until(tmp_path, "associate")
    table = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")
    expected = np.where((people == 0) & (table["frame"] > 4), 2, people)
    assert table["tracklet_id"].tolist() == expected.tolist()


def test_a_threshold_that_links_nothing_warns_of_single_masks(tmp_path, capsys):
    write_walkers(tmp_path)
    run_until(tmp_path, "warp")
    write_threshold(tmp_path, 1)
    assert run_verb(tmp_path, "associate", **FILES) == 0
    assert "16 of 16 tracklets are single masks (θ_short = 1.0000)" in capsys.readouterr().err
    assert json.loads((tmp_path / "short_tracklets.json").read_text())["single_mask_share"] == 1


def test_no_masks_give_no_tracklets_and_a_warning(tmp_path, capsys):
    write_walkers(tmp_path)
    write_masks(tmp_path / "masks.parquet", [], [])
    np.save(tmp_path / "features.npy", np.zeros((0, 4), np.float32))
    run_until(tmp_path, "associate")
    assert len(read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")) == 0
    assert "no masks, so no tracklets" in capsys.readouterr().err


def test_one_person_alone_is_one_tracklet(tmp_path):
    write_walkers(tmp_path, n_people=1)
    run_until(tmp_path, "associate")
    table = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")
    assert table["tracklet_id"].tolist() == [0] * N_FRAMES


def test_a_walker_who_turns_into_another_is_split_unless_told_not_to(tmp_path):
    write_walkers(tmp_path, n_frames=40, step_px=1)
    features = np.load(tmp_path / "features.npy")
    theirs = np.flatnonzero(np.arange(80) % 2)
    turned = np.linspace(0, 1, 6)[:, None] * np.eye(4)[3] + np.linspace(1, 0, 6)[:, None] * np.eye(4)[1]
    features[theirs[14:20]] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    features[theirs[20:]] = np.eye(4)[3]
    np.save(tmp_path / "features.npy", features)
    run_until(tmp_path, "warp")
    write_threshold(tmp_path, 0.5)
    found = {}
    for share in ("0", "0.02"):
        assert run_verb(tmp_path, "associate", "--split-share", share, **FILES) == 0
        ids = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")["tracklet_id"].to_numpy()
        found[share] = ids[theirs[0]] == ids[theirs[-1]]
        n_split = json.loads((tmp_path / "short_tracklets.json").read_text())["n_split_links"]
        assert (n_split > 0) != found[share]
    assert found == {"0": True, "0.02": False}


def test_one_frame_alone_gives_a_tracklet_per_mask(tmp_path):
    write_walkers(tmp_path, n_frames=1)
    run_until(tmp_path, "associate")
    table = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")
    assert table["tracklet_id"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "a threshold has the keys fallback, rule, statistics, value"),
        ("{", "not JSON"),
        (
            '{"value": 2, "rule": "x", "fallback": null, "statistics": {}, "windows": []}',
            "value is 2, but a similarity lies from -1 to 1",
        ),
        ('{"value": "high", "rule": "x", "fallback": null, "statistics": {}, "windows": []}', "value is 'high'"),
    ],
)
def test_a_broken_threshold_ends_in_one_line(tmp_path, capsys, content, words):
    write_walkers(tmp_path, n_frames=2)
    run_until(tmp_path, "warp")
    (tmp_path / "threshold_short.json").write_text(content)
    assert run_verb(tmp_path, "associate", **FILES) == 2
    assert words in only_error_line(capsys, "associate", tmp_path, "short_tracklets.parquet")
    assert not (tmp_path / "short_tracklets.json").exists()


def test_pairs_of_frames_that_are_not_adjacent_end_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path, n_frames=3)
    write_threshold(tmp_path, 0.5)
    pairs = {"mask_id_prev": [0], "mask_id_curr": [4], "iou": [0.5]}
    write_table(tmp_path / "warped_iou.parquet", "warped_iou", pairs)
    assert run_verb(tmp_path, "associate", **FILES) == 2
    line = only_error_line(capsys, "associate", tmp_path, "short_tracklets.parquet")
    assert "masks 0 and 4 are not in adjacent frames" in line
