"""`remots histogram`, through the command line."""

import itertools

import numpy as np
import pytest

from remots.formats.results.statistics_files import read_histograms
from tests.commands.walkers import only_error_line, run_until, run_verb, write_masks, write_walkers

INTRA = {"masks": "masks.parquet", "features": "features.npy", "warped_iou": "warped_iou.parquet", "out": "h.npz"}
INTER = {**INTRA, "short_tracklets": "short_tracklets.parquet"}


def test_the_populations_are_those_of_the_tables(tmp_path):
    people = write_walkers(tmp_path)
    run_until(tmp_path, "associate")
    assert run_verb(tmp_path, "histogram", **INTER) == 0
    histograms = read_histograms(tmp_path / "h.npz")
    features = np.load(tmp_path / "features.npy").astype(float)
    assert list(histograms) == ["intra_frame", "sure_link", "intra_tracklet"]
    intra = [features[i] @ features[i + 1] for i in range(0, len(people), 2)]
    assert histograms["intra_frame"].n == len(intra)
    assert histograms["intra_frame"].mean == pytest.approx(np.mean(intra), abs=1e-6)
    same = [
        features[i] @ features[j] for i, j in itertools.combinations(range(len(people)), 2) if people[i] == people[j]
    ]
    assert histograms["intra_tracklet"].n == len(same)
    assert histograms["intra_tracklet"].mean == pytest.approx(np.mean(same), abs=1e-6)
    assert 0 < histograms["sure_link"].n <= 14
    assert histograms["sure_link"].mean > 0.9


def test_without_short_tracklets_there_are_two_populations(tmp_path):
    write_walkers(tmp_path)
    run_until(tmp_path, "warp")
    assert run_verb(tmp_path, "histogram", "--n-bins", "50", **INTRA) == 0
    histograms = read_histograms(tmp_path / "h.npz")
    assert list(histograms) == ["intra_frame", "sure_link"]
    assert len(histograms["intra_frame"].counts) == 50


def test_two_runs_give_the_same_bytes(tmp_path):
    write_walkers(tmp_path)
    run_until(tmp_path, "warp")
    for name in ("a.npz", "b.npz"):
        assert run_verb(tmp_path, "histogram", **{**INTRA, "out": name}) == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_no_masks_give_empty_histograms(tmp_path):
    write_walkers(tmp_path)
    write_masks(tmp_path / "masks.parquet", [], [])
    np.save(tmp_path / "features.npy", np.zeros((0, 4), np.float32))
    run_until(tmp_path, "associate")
    assert run_verb(tmp_path, "histogram", **INTER) == 0
    assert [histogram.n for histogram in read_histograms(tmp_path / "h.npz").values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows[:-1], "features.npy: 15 features, but"),
        (lambda rows: rows * 2, "features.npy: the feature of mask 0 has norm 2, not 1"),
        (lambda rows: rows.astype(np.float64), "expected (n_masks, any), float32"),
        (lambda rows: np.where(np.arange(16)[:, None] == 5, np.nan, rows), "mask 5 has norm nan"),
    ],
)
def test_features_that_do_not_fit_end_in_one_line(tmp_path, capsys, spoil, words):
    write_walkers(tmp_path)
    run_until(tmp_path, "warp")
    np.save(tmp_path / "features.npy", spoil(np.load(tmp_path / "features.npy")))
    assert run_verb(tmp_path, "histogram", **INTRA) == 2
    assert words in only_error_line(capsys, "histogram", tmp_path, "h.npz")


def test_pairs_of_other_masks_end_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path / "long")
    run_until(tmp_path / "long", "warp")
    write_walkers(tmp_path / "short", n_frames=3)
    folder = tmp_path / "short"
    assert run_verb(folder, "histogram", **{**INTRA, "warped_iou": "../long/warped_iou.parquet"}) == 2
    assert "names mask 15, but there are 6 masks" in only_error_line(capsys, "histogram", folder, "h.npz")


def test_tracklets_of_other_masks_end_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path / "long")
    run_until(tmp_path / "long", "associate")
    write_walkers(tmp_path / "short", n_frames=3)
    folder = tmp_path / "short"
    run_until(folder, "warp")
    assert run_verb(folder, "histogram", **{**INTER, "short_tracklets": "../long/short_tracklets.parquet"}) == 2
    line = only_error_line(capsys, "histogram", folder, "h.npz")
    assert "tracklets of 16 masks, but there are 6; run `remots associate` again" in line
