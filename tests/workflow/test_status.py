"""The states that `remots status` shows are those of a real run; its table of jobs is that of the rules."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remots.formats.project.jobs import jobs_of_all, jobs_of_sequence
from remots.formats.project.run_state import ALL_SEQUENCES
from remots.formats.project.sample_sheet import read_sample_sheet
from remots.settings import parse_config
from tests.benchmarks.dag import read_jobs
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

SHEET = """sequence\tsplit\tframes\tdetections\tground_truth\tdetection_jobs
street\ttrain\tother.mp4\t\ttruth.txt\t
plaza\ttarget\tvideo.mp4\tmotion,detections_b.json\ttruth.txt\t
split\ttarget\tvideo.mp4\ttorchvision,motion\t\t2
"""


def status(folder: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "remots", "status", "--configfile", "my_config.yaml", "--json"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("max_gap_frames", [0, 2])
def test_the_jobs_of_status_are_those_of_the_rules_with_their_outputs_and_logs(
    tmp_path: Path, max_gap_frames: int
) -> None:
    workplace = Workplace(tmp_path)
    workplace.config["fill"] = {"max_gap_frames": max_gap_frames}
    workplace.sheet = SHEET
    workplace.write()
    for name in ["video.mp4", "other.mp4", "truth.txt", "detections_b.json"]:
        (tmp_path / name).touch()
    done = workplace.run("--dry-run")
    planned = {
        (frozenset(files["output"]), files["log"][0])
        for rule, files in read_jobs(done.stdout + done.stderr)
        if "output" in files
    }
    config = parse_config(workplace.config, "config")
    rows = {row.sequence: row for row in read_sample_sheet(tmp_path / "sequences.tsv")}
    folders = {f"results/{name}": jobs_of_sequence(row, config) for name, row in rows.items()}
    folders["results"] = jobs_of_all(rows)
    known = {
        (frozenset(f"{folder}/{output}" for output in job.outputs), f"{folder}/{job.log}")
        for folder, jobs in folders.items()
        for job in jobs
    }
    # Where this fails, a rule was added or changed: say so in remots/formats/project/jobs.py.
    assert known - planned == set()
    assert planned - known == set()


def test_status_follows_a_run_in_which_one_sequence_fails_and_takes_no_lock(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    workplace.config["scenes"]["plaza"]["n_frames"] = 60
    workplace.sheet = "sequence\tsplit\tframes\tdetections\n"
    workplace.sheet += "plaza\ttarget\tresults/scenes/plaza/frames.mp4\tmotion\nbroken\ttarget\tbroken.mp4\tmotion\n"
    workplace.write()
    (tmp_path / "broken.mp4").write_text("no video")
    targets = [f"results/{name}/{file}" for name in ("plaza", "broken") for file in ("crops.npy", "warped_iou.parquet")]
    command = workplace.command(*targets, "--keep-going")
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: set[tuple[str, str]] = set()
    while process.poll() is None:
        found = status(tmp_path)["jobs"]
        seen |= {(name, job["state"]) for name, jobs in found.items() for job in jobs.values()}
        time.sleep(0.1)
    assert ("plaza", "running") in seen
    assert ("plaza", "stopped") not in seen
    jobs = status(tmp_path)["jobs"]
    assert {rule for rule, job in jobs["plaza"].items() if job["state"] == "done"} == {
        *("probe", "detect_motion", "fuse", "crop", "warp")
    }
    probe = jobs["broken"]["probe"]
    assert probe["state"] == "failed"
    assert probe["log"] == "results/broken/logs/probe.log"
    assert probe["last_line"].startswith("remots probe: error: broken.mp4")
    assert {job["state"] for rule, job in jobs["broken"].items() if rule != "probe"} == {"waiting"}
    assert jobs[ALL_SEQUENCES]["initialise"]["state"] == "waiting"
    (tmp_path / "results" / "plaza" / "crops.npy").unlink()
    assert status(tmp_path)["jobs"]["plaza"]["crop"]["state"] == "waiting"  # removed by hand; it has not failed
