"""Every job of one machine has a GPU of its own; the GPUs are names here, for the locks ask for no more."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from remots.job_environment import LOCK_FOLDER, VISIBLE, share_gpus, take_gpu, visible_gpus

HOLD = (
    "import sys, logging; logging.basicConfig(level=logging.INFO); from remots.job_environment import take_gpu; "
    "take_gpu(1); import os; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def three_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VISIBLE, "0, GPU-8e2b ,7")
    monkeypatch.setenv(LOCK_FOLDER, str(tmp_path / "locks"))


def hold() -> subprocess.Popen[str]:
    """A job that takes a GPU, says which, and keeps it until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def device_of(job: subprocess.Popen[str]) -> str:
    assert job.stdout
    return job.stdout.readline().strip()


@pytest.mark.parametrize(
    ("value", "names"),
    [("", []), ("-1", []), ("2", ["2"]), ("0,1", ["0", "1"]), ("1,-1,0", ["1"]), ("3,", ["3"])],
)
def test_the_visible_gpus_are_read_as_cuda_reads_them(
    value: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, value)
    assert visible_gpus() == names


def test_without_the_variable_nvidia_smi_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VISIBLE)
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho '  MIG 1g: B'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert visible_gpus() == []


def test_jobs_at_a_time_have_different_gpus_and_one_too_many_waits_for_the_first_that_ends() -> None:
    jobs = [hold() for _ in range(3)]
    devices = [device_of(job) for job in jobs]
    assert sorted(devices) == ["0", "7", "GPU-8e2b"]
    late = hold()
    assert late.stderr
    assert "waits for one of the GPUs 0, GPU-8e2b, 7" in late.stderr.readline()
    jobs[1].send_signal(signal.SIGKILL)
    assert device_of(late) == devices[1]
    for job in [jobs[0], jobs[2], late]:
        job.communicate()
    jobs[1].communicate()


def test_a_job_without_a_gpu_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    take_gpu(0)
    assert os.environ[VISIBLE] == ""


def test_where_a_scheduler_hands_out_the_gpus_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOCK_FOLDER)
    take_gpu(1)
    assert os.environ[VISIBLE] == "0, GPU-8e2b ,7"


def test_without_any_gpu_a_job_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "")
    take_gpu(1)
    assert os.environ[VISIBLE] == ""


def test_the_locks_lie_in_a_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    share_gpus()
    assert Path(os.environ[LOCK_FOLDER]).name == f"remots-gpus-{os.getuid()}"
