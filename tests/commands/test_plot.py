from pathlib import Path

import numpy as np
import pytest

from remots.cli import main
from remots.formats.results.statistics_files import write_histograms, write_threshold
from remots.statistics.histograms import SimilarityHistogram, fill_histogram
from remots.statistics.thresholds import crossing, mean_plus_sigmas


def normal(mean: float, std: float, n: int) -> SimilarityHistogram:
    return fill_histogram([np.random.default_rng(n).normal(mean, std, n)], n_bins=200)


@pytest.fixture
def street(tmp_path) -> Path:
    folder = tmp_path / "street"
    folder.mkdir()
    different, same = normal(0.4, 0.1, 900), normal(0.9, 0.04, 300)
    write_histograms(folder / "intra.npz", {"intra_frame": different, "sure_link": same})
    write_histograms(folder / "inter.npz", {"intra_frame": different, "sure_link": same, "intra_tracklet": same})
    write_threshold(folder / "short.json", mean_plus_sigmas(different, same))
    write_threshold(folder / "merge.json", crossing(different, same))
    return folder


def plot(folder: Path, histograms: str, threshold: str, *flags: str) -> int:
    words = ["--histograms", str(folder / histograms), "--threshold", str(folder / threshold)]
    return main(["plot", *words, "--png", str(folder / "f.png"), "--svg", str(folder / "f.svg"), *flags])


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("f.png", "f.svg")]


@pytest.mark.parametrize(
    ("histograms", "threshold", "kind"), [("intra", "short", "short"), ("inter", "merge", "merge")]
)
def test_the_kind_of_figure_follows_from_the_histograms(street, histograms, threshold, kind):
    assert plot(street, f"{histograms}.npz", f"{threshold}.json") == 0
    inferred = bytes_of(street)
    assert plot(street, f"{histograms}.npz", f"{threshold}.json", "--kind", kind, "--name", "street") == 0
    assert bytes_of(street) == inferred
    assert inferred[0].startswith(b"\x89PNG")
    assert b"<svg" in inferred[1]


def test_another_kind_or_name_gives_another_figure(street):
    figures = []
    for flags in ((), ("--kind", "short"), ("--name", "square")):
        assert plot(street, "inter.npz", "merge.json", *flags) == 0
        figures.append(bytes_of(street)[0])
    assert len(set(figures)) == 3


def test_histograms_without_any_pair_give_a_figure(street):
    nobody = fill_histogram([], n_bins=200)
    write_histograms(street / "intra.npz", {"intra_frame": nobody, "sure_link": nobody})
    write_threshold(street / "short.json", mean_plus_sigmas(nobody, nobody))
    assert plot(street, "intra.npz", "short.json") == 0


def fail(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert plot(folder, *words) == 2
    assert not (folder / "f.png").exists()
    assert not (folder / "f.svg").exists()
    assert not list(folder.glob(".*partial*"))
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_missing_population_is_named(street, capsys):
    assert "holds no intra_tracklet histogram" in fail(street, capsys, "intra.npz", "merge.json", "--kind", "merge")


@pytest.mark.parametrize("name", ["intra.npz", "short.json"])
def test_a_missing_or_broken_file_is_named(street, capsys, name):
    (street / name).write_bytes(b"nonsense")
    assert name in fail(street, capsys, "intra.npz", "short.json")
    (street / name).unlink()
    assert f"{name}: no such file" in fail(street, capsys, "intra.npz", "short.json")


def test_an_output_folder_that_cannot_be_made_is_named(street, capsys):
    (street / "taken").write_text("")
    assert plot(street, "intra.npz", "short.json", "--png", str(street / "taken" / "f.png")) == 2
    assert "taken" in capsys.readouterr().err
    assert not (street / "f.svg").exists()
