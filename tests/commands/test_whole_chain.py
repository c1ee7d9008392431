"""Every verb after another, by hand, as the workflow calls them: on an ordinary scene and on next to nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from remots.cli import main


class Chain:
    """The verbs of one sequence, in a folder; every call must succeed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def call(self, verb: str, *words: str) -> None:
        """Run a verb; a word such as ``@masks.parquet`` stands for that file of the folder."""
        arguments = [str(self.folder / word[1:]) if word.startswith("@") else word for word in words]
        assert main([verb, *arguments]) == 0, f"remots {verb} {' '.join(arguments)}"

    def masks(self, *scene: str) -> None:
        """Render a scene; import and fuse its detections."""
        size = ["--height-px", "120", "--width-px", "160", "--seed", "4"]
        self.call("render", "--name", "scene", "--out-dir", "@.", *size, *scene)
        self.call("probe", "@frames.mp4", "--name", "scene", "--out", "@sequence.json")
        for name in ["a", "b"]:
            source = f"@detections_{name}.json"
            self.call(
                "detect",
                "--detector",
                "precomputed",
                "--masks",
                source,
                "--sequence",
                "@sequence.json",
                "--out",
                f"@{name}.parquet",
            )
        self.call("import-truth", "@truth.txt", "--sequence", "@sequence.json", "--out", "@truth.parquet")
        detections = ["--detections", "@a.parquet", "@b.parquet"]
        self.call("fuse", *detections, "--sequence", "@sequence.json", "--out", "@masks.parquet")

    def train(self, stage: str, before: str, *more: str) -> None:
        """Train a stage and compute its features."""
        encoder = f"@encoder_{stage}.safetensors"
        inputs = ["--encoder", before, "--crops", "@crops.npy", "--masks", "@masks.parquet", *more]
        plan = ["--steps", "2", "--batch-size", "8"]
        self.call("train", "--stage", stage, *inputs, *plan, "--out", encoder, "--log", f"@training_{stage}.csv")
        self.call("embed", "--encoder", encoder, "--crops", "@crops.npy", "--out", f"@features_{stage}.npy")

    def track(self) -> None:
        """Everything from the crops to the results."""
        table = ["--sequence", "@sequence.json", "--masks", "@masks.parquet"]
        size = ["--crop-height-px", "32", "--crop-width-px", "16"]
        self.call("crop", *table, *size, "--out", "@crops.npy")
        self.call("initialise", "--backbone", "resnet10t", "--weights", "random", "--out", "@encoder.safetensors")
        self.train("intra", "@encoder.safetensors")
        self.call("warp", *table, "--out", "@warped_iou.parquet")
        inputs = ["--masks", "@masks.parquet", "--warped-iou", "@warped_iou.parquet", "--features"]
        self.call("histogram", *inputs, "@features_intra.npy", "--out", "@histograms_intra.npz")
        self.call("threshold-short", "--histograms", "@histograms_intra.npz", "--out", "@threshold_short.json")
        outputs = ["--out", "@short_tracklets.parquet", "--summary", "@short_tracklets.json"]
        self.call("associate", *inputs, "@features_intra.npy", "--threshold", "@threshold_short.json", *outputs)
        tracklets = ["--short-tracklets", "@short_tracklets.parquet"]
        self.train("inter", "@encoder_intra.safetensors", *tracklets)
        self.call("histogram", *inputs, "@features_inter.npy", *tracklets, "--out", "@histograms_inter.npz")
        placed = [*tracklets, "--features", "@features_inter.npy", *table]
        self.call("threshold-merge", "--histograms", "@histograms_inter.npz", *placed, "--out", "@threshold_merge.json")
        merged = ["--threshold", "@threshold_merge.json", "--out", "@tracks.parquet", "--merges", "@merges.parquet"]
        self.call("merge", *placed, *merged)

    def report(self) -> None:
        """The results in all their forms."""
        tables = ["--masks", "@masks.parquet", "--short-tracklets", "@short_tracklets.parquet", "--tracks"]
        result = ["--sequence", "@sequence.json", *tables, "@tracks.parquet"]
        self.call("export", *result, "--mots", "@mots.txt", "--kitti", "@kitti_mots.txt", "--coco", "@coco_video.json")
        self.call("overlay", *result, "--out", "@overlay.mp4")
        truth = ["--truth", "@truth.parquet", "--mots", "@mots.txt"]
        self.call("evaluate", "--sequence", "@sequence.json", *truth, "--out", "@evaluation.json")
        self.call("tabulate", "@evaluation.json", "--csv", "@metrics.csv", "--markdown", "@metrics.md")
        for kind, stage in [("short", "intra"), ("merge", "inter")]:
            inputs = ["--histograms", f"@histograms_{stage}.npz", "--threshold", f"@threshold_{kind}.json"]
            self.call("plot", "--kind", kind, *inputs, "--png", f"@{kind}.png", "--svg", f"@{kind}.svg")
        self.call("excerpt", "--folder", "@.", "--truth", "@truth.parquet", "--out", "@excerpt.json")
        self.call("report", "@excerpt.json", "--evaluations", "@evaluation.json", "--out", "@report.html")


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(["--n-people", "4", "--n-frames", "12"], id="four people"),
        pytest.param(["--n-people", "1", "--n-frames", "12"], id="a single person"),
        pytest.param(["--n-people", "4", "--n-frames", "1"], id="one frame only"),
        pytest.param(["--n-people", "0", "--n-frames", "3"], id="nobody"),
    ],
)
def test_every_verb_gives_a_valid_result(tmp_path: Path, scene: list[str]) -> None:
    chain = Chain(tmp_path)
    chain.masks(*scene)
    chain.track()
    chain.report()
    masks = pd.read_parquet(tmp_path / "masks.parquet")
    joined = pd.read_parquet(tmp_path / "short_tracklets.parquet").merge(
        pd.read_parquet(tmp_path / "tracks.parquet"), on="tracklet_id"
    )
    assert sorted(joined["mask_id"]) == list(range(len(masks)))
    assert not joined.duplicated(["frame", "track_id"]).any()
    assert len((tmp_path / "mots.txt").read_text().splitlines()) == len(masks)
    assert len(np.load(tmp_path / "features_inter.npy", allow_pickle=False)) == len(masks)
    assert len(json.loads((tmp_path / "coco_video.json").read_text())["annotations"]) == joined["track_id"].nunique()
    assert pd.read_csv(tmp_path / "metrics.csv")["sequence"].tolist() == ["scene", "combined"]


def test_a_sequence_without_any_mask_is_no_error(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    chain.masks("--n-people", "4", "--n-frames", "6")
    nothing = ["--sequence", "@sequence.json", "--min-score", "1", "--out", "@masks.parquet"]
    chain.call("fuse", "--detections", "@a.parquet", "@b.parquet", *nothing)
    assert pd.read_parquet(tmp_path / "masks.parquet").empty
    chain.track()
    chain.report()
    assert (tmp_path / "mots.txt").read_text() == ""
    assert pd.read_parquet(tmp_path / "tracks.parquet").empty
    assert pd.read_csv(tmp_path / "metrics.csv").set_index("sequence").loc["scene", "IDF1"] == 0
