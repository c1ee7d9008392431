"""From one video to tracks: `remots new`, then exactly the command that it says."""

import os
import shlex
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import yaml

from remots.formats.footage.sequence import read_sequence
from remots.formats.footage.video import iterate_video, to_rgb, write_video
from tests.workflow.conftest import REPOSITORY, Workplace

pytestmark = pytest.mark.workflow

# Where a run would take minutes: less of it. All else is as `new` has written it.
SMALL = {"train": {"steps": 1, "batch_size": 8}, "crop": {"crop_height_px": 64, "crop_width_px": 32}}


def run(words: list[str], folder: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


@pytest.mark.slow
def test_the_command_that_new_says_turns_a_real_video_into_tracks(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "vtest" / "vtest.avi"
    if not source.is_file():
        pytest.skip(f"{source} is not here")
    write_video(tmp_path / "my video.mp4", (to_rgb(frame) for frame in islice(iterate_video(source), 16)), 10)
    said = run([sys.executable, "-m", "remots", "new", "my video.mp4", "--detector", "motion"], tmp_path)
    words = shlex.split(said.removeprefix("Next: "))
    assert words[:2] == ["snakemake", "--cores"]
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    run([sys.executable, "-m", *words, "small.yaml"], tmp_path)
    result = tmp_path / "my_videos" / "results" / "my_video"
    assert read_sequence(result / "sequence.json").n_frames == 16
    assert pd.read_csv(result / "mots.txt", sep=" ", header=None)[1].nunique() >= 2
    assert (result / "overlay.mp4").stat().st_size > 1000


def test_in_the_checkout_the_command_needs_no_snakefile(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "vtest" / "vtest.avi"
    if not source.is_file():
        pytest.skip(f"{source} is not here")
    workplace = Workplace(tmp_path)
    said = run([sys.executable, "-m", "remots", "new", str(source), "--detector", "motion"], workplace.folder)
    words = shlex.split(said.removeprefix("Next: "))
    assert words[:2] + words[3:] == ["snakemake", "--cores", "--configfile", "my_videos/config.yaml"]
    run([sys.executable, "-m", *words, "--dry-run"], workplace.folder)


def test_the_config_of_kitti_mots_fits_the_folders_that_get_makes(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    for number in range(21):
        for folder in (f"training/image_02/{number:04d}", f"instances/{number:04d}"):
            (tmp_path / "data/KITTI_MOTS" / folder).mkdir(parents=True)
    rules = workplace.rules_to_run("--configfile", "config/kitti_mots.yaml")
    assert rules["import_truth"] == 21
    assert rules["detect"] == 18
    assert rules["evaluate"] == 9
