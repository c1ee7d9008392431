"""A run that is killed at any point goes on from there, to the same bytes."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

# Everything under results/ but what tells of the run itself; the report has the time that each step took.
RUN_RECORDS = {"logs", "benchmarks", "report.html"}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not RUN_RECORDS & set(path.relative_to(folder).parts)
    }


def test_a_run_killed_in_training_resumes_and_ends_in_the_bytes_of_an_undisturbed_run(
    finished: Workplace, tmp_path: Path
) -> None:
    workplace = Workplace(tmp_path)
    process = subprocess.Popen(
        workplace.command(), cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    started = tmp_path / "results/plaza/logs/train_intra.log"
    deadline = time.monotonic() + 300
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert started.exists(), "training has not started within five minutes"
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _kill_orphans(tmp_path)
    assert not (tmp_path / "results/plaza/encoder_intra.safetensors").exists()
    workplace.run("--unlock")
    resumed = workplace.run("--rerun-incomplete")
    assert "train_intra" in resumed.stderr + resumed.stdout
    assert "rule fuse" not in resumed.stderr + resumed.stdout, "finished work was done again"
    assert not list((tmp_path / "results").rglob(".*partial*"))
    assert digests(tmp_path / "results") == digests(finished.folder / "results")


def _kill_orphans(folder: Path) -> None:
    """Jobs run in sessions of their own; whatever still works in the folder is killed too."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve() == folder.resolve():
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
