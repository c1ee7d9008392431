"""Two runs give the same bytes: undisturbed or killed at any point, with any number of threads and jobs."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from remots.formats.results.records import FOLDER
from tests.workflow.conftest import Workplace, digests

pytestmark = pytest.mark.workflow


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
    resumed = workplace.run("--rerun-incomplete", "--cores", "1")  # the rest with one thread, unlike the other run
    assert "train_intra" in resumed.stderr + resumed.stdout
    assert "rule fuse" not in resumed.stderr + resumed.stdout, "finished work was done again"
    assert not list((tmp_path / "results").rglob(".*partial*"))
    assert digests(tmp_path / "results") == digests(finished.folder / "results")


def test_a_run_with_more_threads_and_jobs_gives_the_same_bytes_with_a_record_each(
    finished: Workplace, tmp_path: Path
) -> None:
    workplace = Workplace(tmp_path)
    workplace.run("--cores", "4")
    found = digests(tmp_path / "results")
    assert found == digests(finished.folder / "results")
    results = {Path(name) for name in found if FOLDER not in Path(name).parts}
    assert {path.suffix for path in results} >= {".csv", ".json", ".md", ".mp4", ".npy", ".npz", ".parquet", ".png"}
    assert {path.suffix for path in results} >= {".safetensors", ".svg", ".txt"}
    for path in results:
        assert (tmp_path / "results" / path.parent / FOLDER / f"{path.name}.json").is_file(), path


def _kill_orphans(folder: Path) -> None:
    """Jobs run in sessions of their own; whatever still works in the folder is killed too."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve() == folder.resolve():
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
