"""ReMOTS on a video whose masks are given, by its own verbs at their defaults: tracks of three stages of features."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from remots.evaluation.metrics import summarise
from remots.formats.results.evaluation_file import read_evaluation
from remots.formats.results.training_files import checkpoint_path
from remots.settings import Crop
from tests.benchmarks.fusion_data import DATA
from tests.benchmarks.tracking_data import Video, run

WEIGHTS = {
    "OSNet": ["--weights", str(DATA / "weights" / "osnet_x0_25_msmt17.onnx")],
    "lite0": ["--backbone", "tf_efficientnet_lite0", "--weights", "lite0"],
    "random": ["--backbone", "resnet10t", "--weights", "random"],
}
STAGES = ("pretrained", "intra", "inter")
VERBS = (
    *("warp", "crop", "initialise", "train", "embed", "histogram", "threshold-short", "associate", "threshold-merge"),
    *("merge", "export", "evaluate"),
)
BY_TRUTH = "evaluate"  # is no part of the tracking, and its seconds do not count


class Step(NamedTuple):
    """A call of a verb: its name within the run, the stages whose tracks need it, and its words."""

    name: str
    stages: tuple[str, ...]
    words: list[Any]


def track_by_stage(video: Video, weights: str, seed: int, crop: Crop, folder: Path) -> dict[str, dict[str, float]]:
    """Run everything from the masks on; a run that was stopped goes on with the step where it was.

    Gives the metrics of each stage, and in ``seconds`` the CPU seconds that its tracks take, without what only other
    stages need; trainings by themselves are in ``train_intra`` and ``train_inter`` with their steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "seconds.json"
    seconds: dict[str, float] = json.loads(done.read_text()) if done.is_file() else {}
    steps = list(_steps(video, weights, seed, crop, folder))
    for step in steps:
        if step.name not in seconds:
            if step.words[0] == "train":  # a half-done training would hide its first half's seconds
                checkpoint_path(step.words[step.words.index("--out") + 1]).unlink(missing_ok=True)
            start = time.process_time()
            run(*step.words)
            seconds[step.name] = round(time.process_time() - start, 2)
            done.write_text(json.dumps(seconds))
    found = {}
    for stage in STAGES:
        own = sum(seconds[step.name] for step in steps if stage in step.stages and step.words[0] != BY_TRUTH)
        found[stage] = summarise(read_evaluation(folder / f"evaluation_{stage}.json")[1]) | {"seconds": own}
    for stage in STAGES[1:]:
        n_steps = len((folder / f"training_{stage}.csv").read_text().splitlines()) - 1
        found[f"train_{stage}"] = {"seconds": seconds[f"train {stage}"], "steps": n_steps}
    return found


def _steps(video: Video, weights: str, seed: int, crop: Crop, folder: Path) -> Iterator[Step]:
    size = ["--crop-height-px", crop.crop_height_px, "--crop-width-px", crop.crop_width_px]
    at, warped, crops = folder.joinpath, folder / "warped_iou.parquet", folder / "crops.npy"
    read = ["--sequence", video.sequence, "--masks", video.masks]
    yield Step("warp", STAGES, ["warp", *read, "--out", warped])
    yield Step("crop", STAGES, ["crop", *read, "--out", crops, *size])
    words = ["initialise", "--out", at("encoder_pretrained.safetensors"), *size, *WEIGHTS[weights], "--seed", seed]
    yield Step("initialise", STAGES, words)
    knows = {"intra": ["--warped-iou", warped], "inter": ["--short-tracklets", at("short_intra.parquet")]}
    for before, stage in zip((None, *STAGES), STAGES, strict=False):
        # inter is merged from the short tracklets of intra, as in the pipeline; the others are all their own
        short = "intra" if stage == "inter" else stage
        needed = {"pretrained": STAGES[:1], "intra": STAGES[1:], "inter": STAGES[2:]}[stage]
        if before:
            words = ["train", "--stage", stage, "--encoder", at(f"encoder_{before}.safetensors"), "--crops", crops]
            words += ["--masks", video.masks, *knows[stage], "--log", at(f"training_{stage}.csv")]
            words += ["--out", at(f"encoder_{stage}.safetensors"), "--seed", seed, "--threads", 1]
            yield Step(f"train {stage}", needed, words)
        words = ["embed", "--encoder", at(f"encoder_{stage}.safetensors"), "--crops", crops, "--threads", 1]
        yield Step(f"embed {stage}", needed, [*words, "--out", at(f"features_{stage}.npy")])
        if stage == short:
            yield from _link(video, stage, needed, folder)
        yield from _merge(video, stage, short, folder)


def _link(video: Video, stage: str, needed: tuple[str, ...], folder: Path) -> Iterator[Step]:
    """Make short tracklets from the features of a stage."""
    short, histograms = folder / f"short_{stage}.parquet", folder / f"histograms_short_{stage}.npz"
    threshold = folder / f"threshold_short_{stage}.json"
    known = ["--masks", video.masks, "--features", folder / f"features_{stage}.npy"]
    known += ["--warped-iou", folder / "warped_iou.parquet"]
    yield Step(f"histogram short {stage}", needed, ["histogram", *known, "--out", histograms])
    words = ["threshold-short", "--histograms", histograms, "--out", threshold]
    yield Step(f"threshold short {stage}", needed, words)
    words = ["associate", *known, "--threshold", threshold, "--out", short, "--summary", short.with_suffix(".json")]
    yield Step(f"associate {stage}", needed, words)


def _merge(video: Video, stage: str, short: str, folder: Path) -> Iterator[Step]:
    """Merge short tracklets by the features of a stage, and compare the tracks with the truth."""
    needed = (stage,)
    histograms, threshold = folder / f"histograms_{stage}.npz", folder / f"threshold_merge_{stage}.json"
    tracks, mots = folder / f"tracks_{stage}.parquet", folder / f"mots_{stage}.txt"
    features = ["--features", folder / f"features_{stage}.npy"]
    tracklets = ["--short-tracklets", folder / f"short_{short}.parquet"]
    known = [*tracklets, *features, "--masks", video.masks]
    words = ["histogram", *known, "--warped-iou", folder / "warped_iou.parquet", "--out", histograms]
    yield Step(f"histogram merge {stage}", needed, words)
    known += ["--sequence", video.sequence]
    words = ["threshold-merge", "--histograms", histograms, *known, "--out", threshold]
    yield Step(f"threshold merge {stage}", needed, words)
    words = ["merge", *known, "--threshold", threshold, "--out", tracks, "--merges", folder / f"merges_{stage}.parquet"]
    yield Step(f"merge {stage}", needed, words)
    words = ["export", "--sequence", video.sequence, "--masks", video.masks, *tracklets, "--tracks", tracks]
    words += ["--mots", mots, "--kitti", folder / f"kitti_{stage}.txt", "--coco", folder / f"coco_{stage}.json"]
    yield Step(f"export {stage}", needed, words)
    words = ["evaluate", "--sequence", video.sequence, "--truth", video.truth, "--mots", mots]
    words += ["--unlabelled", video.unlabelled, "--out", folder / f"evaluation_{stage}.json"]
    yield Step(f"evaluate {stage}", needed, words)
