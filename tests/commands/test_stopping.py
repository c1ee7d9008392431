"""SIGTERM, as a cluster sends it before it takes a node away: at once, with a checkpoint, and on from there."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.commands.appearance_files import write_crops, write_small_encoder
from tests.commands.nursery import Nursery

SECONDS_TO_STOP = 10
N_STOPS = 8


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = write_crops(tmp_path_factory.mktemp("street"), n_people=6, n_frames=8)
    write_small_encoder(folder / "encoder.safetensors")
    return folder


def words(inputs, out, steps=16):
    places = {"encoder": "encoder.safetensors", "crops": "crops.npy", "masks": "masks.parquet"}
    places["short-tracklets"] = "short_tracklets.parquet"
    named = [word for name, file in places.items() for word in (f"--{name}", str(inputs / file))]
    plan = ["--steps", str(steps), "--batch-size", "40", "--evaluate-every", "2", "--patience", "99", "--threads", "2"]
    outputs = ["--out", str(out / "encoder_inter.safetensors"), "--log", str(out / "training_inter.csv")]
    return ["train", "--stage", "inter", *named, *plan, "--held-out-share", "0.3", *outputs]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}


def checkpoint(folder):
    return folder / ".encoder_inter.checkpoint.safetensors"


@pytest.mark.slow
def test_a_training_stopped_again_and_again_ends_in_the_bytes_of_an_undisturbed_one(inputs, tmp_path):
    """At moments spread over the training: its start, steps, evaluations, the writing of the encoder."""
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    with Nursery() as nursery:
        for _ in range(2):  # the first imports what the verb needs
            exit_code, seconds = nursery.call(words(inputs, undisturbed))
            assert exit_code == 0
        chance = np.random.default_rng(1)
        n_stops = n_checkpoints = 0
        for number in range(N_STOPS):
            moment = seconds * chance.uniform(0.05, 0.6)
            exit_code, delay = nursery.call(words(inputs, stopped), delay=moment, signal=signal.SIGTERM)
            if exit_code == 0:
                break
            assert exit_code in (128 + signal.SIGTERM, -signal.SIGTERM), number
            assert delay < SECONDS_TO_STOP
            assert contents(stopped) == {}
            n_stops += 1
            n_checkpoints += checkpoint(stopped).exists()
        else:
            assert nursery.call(words(inputs, stopped))[0] == 0
    assert n_stops >= 2
    assert n_checkpoints >= 1
    assert contents(stopped) == contents(undisturbed)
    assert [path.name for path in stopped.glob(".*")] == [".provenance"]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
@pytest.mark.slow
def test_a_training_stopped_while_it_starts_is_gone_at_once_and_leaves_nothing(inputs, tmp_path, share):
    """A process of its own: Python and the first imports take seconds, in which an exception could be lost."""
    command = [sys.executable, "-m", "remots", *words(inputs, tmp_path / "out", steps=500)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    moment = share * _seconds_of_imports()
    deadline = time.monotonic() + 300
    while _cpu_seconds(process.pid) < moment and time.monotonic() < deadline:
        time.sleep(0.005)
    process.terminate()
    started = time.monotonic()
    assert process.wait(SECONDS_TO_STOP) in (-signal.SIGTERM, 128 + signal.SIGTERM)
    assert time.monotonic() - started < SECONDS_TO_STOP
    assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == {}


def _seconds_of_imports(found=[]):  # noqa: B006 (measured once)
    if not found:
        program = "import time, remots.appearance.training; print(time.process_time())"
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        found.append(float(done.stdout))
    return found[0]


def _cpu_seconds(process):
    """Processor time of a process so far, which does not depend on what else runs on the machine."""
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_a_training_stopped_by_a_real_signal_in_a_process_of_its_own_keeps_a_checkpoint(inputs, tmp_path):
    """Two signals at once, as from the cluster and from Snakemake."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "remots", *words(inputs, out, steps=2000), "--checkpoint-seconds", "0"]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not checkpoint(out).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    process.terminate()
    assert process.wait(SECONDS_TO_STOP) == 128 + signal.SIGTERM
    assert contents(out) == {}
    assert [path.name for path in out.iterdir()] == [checkpoint(out).name]
