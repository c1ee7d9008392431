"""``config/mots20.yaml`` on folders that look like the MOTS20 benchmark: rendered scenes, and frames of MOT17."""

import re
from pathlib import Path

import cv2
import pandas as pd
import pytest
import yaml

from remots.cli import main
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

CONFIG = "config/mots20.yaml"
SPLITS = {"train": ["02", "05", "09", "11"], "test": ["01", "06", "07", "12"]}
SCENE = ["--n-frames", "10", "--n-people", "4", "--height-px", "120", "--width-px", "200", "--quiet"]
SMALL = {
    "crop": {"crop_height_px": 32, "crop_width_px": 16},
    "initialise": {"backbone": "resnet10t", "weights": "random"},
    "train": {"steps": 2, "batch_size": 8},
}


def make_sequence(folder: Path, name: str, seed: int, with_truth: bool) -> None:
    """Render a scene into a folder as the benchmark has them, with the masks of two detectors beside it."""
    scene = folder.parent / f"{name}-scene"
    assert main(["render", "--name", name, "--out-dir", str(scene), "--seed", str(seed), *SCENE]) == 0
    (folder / "img1").mkdir(parents=True)
    video = cv2.VideoCapture(str(scene / "frames.mp4"))
    n_frames = 0
    while (read := video.read())[0]:
        n_frames += 1
        cv2.imwrite(str(folder / "img1" / f"{n_frames:06d}.jpg"), read[1])
    assert n_frames == 10
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nimDir=img1\nframeRate=10\nseqLength={n_frames}\n"
        "imWidth=200\nimHeight=120\nimExt=.jpg\n"
    )
    if with_truth:
        (folder / "gt").mkdir()
        (scene / "truth.txt").rename(folder / "gt" / "gt.txt")
    for detector in ["a", "b"]:
        (scene / f"detections_{detector}.json").rename(folder / f"detections_{detector}.json")


@pytest.fixture(scope="module")
def benchmark_of_scenes(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace with the benchmark's folders, and with the files of masks in the place of the two networks."""
    workplace = Workplace(tmp_path_factory.mktemp("mots20"))
    for split, numbers in SPLITS.items():
        for number in numbers:
            name = f"MOTS20-{number}"
            make_sequence(workplace.folder / "data/MOTS" / split / name, name, int(number), split == "train")
    sheet = workplace.folder / "config/mots20.tsv"
    files = re.sub(
        r"^(\S+\ttarget\t(\S+)\t)detectron2,mmdet",
        r"\1\2/detections_a.json,\2/detections_b.json",
        sheet.read_text(),
        flags=re.MULTILINE,
    )
    sheet.write_text(files)
    (workplace.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return workplace


def learnt_from(workplace: Workplace, target: str) -> list[str]:
    """Run a target sequence to its tracks, and give the training sequences that each of its trainings was given."""
    name = target.split("/")[-2]
    done = workplace.run("--printshellcmds", "--configfile", CONFIG, "small.yaml", "--", target)
    commands = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"remots train .*--stage", line)]
    assert len(commands) == 2
    assert all(f"--out results/mots20/{name}/" in line for line in commands)
    assert all("--positives copies" in line and "--batch-norm batch" in line for line in commands)
    first, second = (re.findall(r"mots20/MOTS20-(\d+)/truth", line) for line in commands)
    assert first == second
    return first


def check_tracks(folder: Path) -> None:
    """Tracks of pedestrians in MOTS text, by the paper's thresholds."""
    tracks = pd.read_csv(folder / "mots.txt", sep=" ", header=None)
    assert set(tracks[0]) <= set(range(1, 11))
    assert set(tracks[2]) == {2}
    assert (tracks[1] // 1000 == 2).all()
    assert '"mean_plus_sigmas"' in (folder / "threshold_short.json").read_text()
    assert '"crossing"' in (folder / "threshold_merge.json").read_text()


def test_a_validation_learns_from_the_other_three_training_sequences(benchmark_of_scenes: Workplace) -> None:
    folder = "results/mots20/validate_MOTS20-02"
    assert learnt_from(benchmark_of_scenes, f"{folder}/evaluation.json") == ["05", "09", "11"]
    check_tracks(benchmark_of_scenes.folder / folder)
    assert (benchmark_of_scenes.folder / folder / "evaluation.json").stat().st_size > 100


@pytest.mark.slow
def test_a_test_sequence_learns_from_the_whole_training_set(benchmark_of_scenes: Workplace) -> None:
    folder = "results/mots20/MOTS20-01"
    assert learnt_from(benchmark_of_scenes, f"{folder}/mots.txt") == ["02", "05", "09", "11"]
    check_tracks(benchmark_of_scenes.folder / folder)


def test_one_table_asks_for_the_four_validations_and_no_test_sequence(benchmark_of_scenes: Workplace) -> None:
    options = ["results/mots20/metrics.md", "--configfile", CONFIG, "small.yaml", "--forceall"]
    rules = benchmark_of_scenes.rules_to_run(*options)
    assert rules["tabulate"] == 1
    assert rules["evaluate"] == rules["train_intra"] == rules["train_inter"] == rules["merge"] == 4
    assert rules["probe"] == 8


def test_the_committed_files_fit_the_layout_of_motchallenge_s_frames(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "mot17_mini"
    if not source.is_dir():
        pytest.skip(f"{source} is not here")
    workplace = Workplace(tmp_path)
    sequences = sorted(source.iterdir())
    for split, numbers in SPLITS.items():
        (tmp_path / "data/MOTS" / split).mkdir(parents=True)
        for number, sequence in zip(numbers, sequences, strict=True):
            copy = tmp_path / "data/MOTS" / split / f"MOTS20-{number}"
            copy.mkdir()
            for part in [*sequence.glob("img1"), sequence / "seqinfo.ini", *sequence.glob("gt")]:
                (copy / part.name).symlink_to(part)
    rules = workplace.rules_to_run("--configfile", CONFIG)
    assert rules["detect"] == 16
    assert rules["probe"] == rules["crop"] == 12
    assert rules["import_truth"] == 8
    assert rules["train_intra"] == rules["train_inter"] == rules["export"] == rules["overlay"] == 8
    assert rules["evaluate"] == 4
