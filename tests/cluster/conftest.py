"""A real SLURM on this machine for the tests of this folder, and workplaces whose runs go through it."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.cluster import daemons
from tests.cluster.short_sequences import PROFILE, make_short_sequences
from tests.workflow.conftest import HEADER, REPOSITORY, Workplace

SECONDS_TO_WAIT = 1200.0
# Two sequences in one job of the cluster wherever they can be, for time's sake.
TOGETHER = ["--group-components", *(f"{group}=4" for group in ["open", "masks", "link", "tracks"])]
ENCODER = "results/plaza/encoder_intra.safetensors"
# The clusters of two test runs would share SLURM's one configuration file: the later one waits.
LOCK = Path(tempfile.gettempdir(), "remots-test-cluster.lock")


class Cluster:
    """The running cluster: what its jobs are, and how to break it."""

    def __init__(self, supervisor: subprocess.Popen[str]) -> None:
        self.supervisor = supervisor

    def order(self, words: str) -> None:
        """Have the supervisor start or stop the daemon of a node."""
        assert self.supervisor.stdin
        assert self.supervisor.stdout
        self.supervisor.stdin.write(f"{words}\n")
        self.supervisor.stdin.flush()
        assert self.supervisor.stdout.readline() == "done\n"

    def jobs(self) -> list[dict[str, str]]:
        """Every job of the cluster, finished ones too."""
        columns = {"id": "%i", "state": "%T", "node": "%N", "rule": "%k", "folder": "%Z", "cpus": "%C", "mem": "%m"}
        columns |= {"start": "%S", "end": "%e", "limit": "%l", "gres": "%b"}
        command = ["squeue", "--states=all", "--noheader", "--format=" + "|".join(columns.values())]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return [dict(zip(columns, line.split("|"), strict=True)) for line in lines]

    def jobs_of(self, workplace: Workplace, rule: str) -> list[dict[str, str]]:
        """The jobs of a rule that were submitted from a workplace, in the order of their submission."""
        ours = [job for job in self.jobs() if job["folder"] == str(workplace.folder)]
        return sorted((job for job in ours if job["rule"].startswith(f"rule_{rule}")), key=lambda job: int(job["id"]))

    def freeze_training(self, workplace: Workplace) -> dict[str, str]:
        """Wait until a training of a workplace has a checkpoint, stop the process in mid-training, and give its job."""
        checkpoint = workplace.folder / "results/plaza/.encoder_intra.checkpoint.safetensors"
        wait_until(lambda: self.trainings(workplace), pause=0.5)
        (training,) = self.trainings(workplace)
        wait_until(checkpoint.exists, pause=0.005)
        os.kill(training, signal.SIGSTOP)
        (job,) = self.jobs_of(workplace, "train_intra")
        assert job["state"] == "RUNNING"
        return job

    def freeze_first_training(self, workplace: Workplace) -> None:
        """Stop the first training of a workplace as soon as it begins, unless its time is over before that."""
        wait_until(lambda: self.trainings(workplace) or len(self.jobs_of(workplace, "train_intra")) > 1, pause=0.5)
        if len(self.jobs_of(workplace, "train_intra")) == 1:
            for training in self.trainings(workplace):
                os.kill(training, signal.SIGSTOP)

    def trainings(self, workplace: Workplace) -> list[int]:
        """The processes of the trainings in a workplace."""
        return [process for process in daemons.descendants(self.supervisor.pid) if is_training(process, workplace)]

    def cancel(self, *ids: str) -> None:
        """Cancel jobs."""
        subprocess.run(["scancel", *ids], check=True)

    def kill_node(self, node: str) -> None:
        """Let a node die as when its power fails: its daemon and every process of its jobs, at once."""
        self.order(f"stop {node}")
        environment = f"SLURMD_NODENAME={node}".encode()
        ids = [job["id"] for job in self.jobs() if job["node"] == node and job["state"] == "RUNNING"]
        for process in daemons.descendants(self.supervisor.pid):
            with contextlib.suppress(OSError):
                place = Path("/proc", str(process))
                command = (place / "cmdline").read_bytes()
                steps = any(f"slurmstepd: [{number}.".encode() in command for number in ids)
                if steps or environment in (place / "environ").read_bytes().split(b"\0"):
                    os.kill(process, signal.SIGKILL)


class ClusterWorkplace(Workplace):
    """A workplace with two targets of one scene and a tiny network, whose runs go to the cluster."""

    runs: ClassVar[list["Run"]] = []  # of all workplaces

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        scene = "results/scenes/plaza"
        plaza = f"{scene}/frames.mp4\t{scene}/detections_a.json,{scene}/detections_b.json\t{scene}/truth.txt\t\t\n"
        market = f"{scene}/frames.mp4\t{scene}/detections_a.json\t\t5\t16\n"
        self.sheet = f"{HEADER}plaza\ttarget\t{plaza}market\ttarget\t{market}"
        self.config["initialise"]["backbone"] = "test_resnet"
        # Short, and yet a training can be caught in its midst.
        self.config["train"] = {"steps": 60, "batch_size": 8, "patience": 0, "checkpoint_seconds": 0}
        self.write()

    def copy(self, folder: Path) -> "ClusterWorkplace":
        """Copy it with all results and all that Snakemake knows of them."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        copied = object.__new__(ClusterWorkplace)
        copied.__dict__ = {**self.__dict__, "folder": folder, "config": {**self.config}}
        return copied

    def command(self, *options: str) -> list[str]:
        """The words of a Snakemake call here; it looks often, and waits briefly for files."""
        snakemake = [sys.executable, str(REPOSITORY / "tests/cluster/quick_snakemake.py")]
        return [*snakemake, *super().command("--profile", "slurm", "--latency-wait", "10", *options)[3:]]

    def run_here(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on this machine alone."""
        words = [*Workplace.command(self, "--profile", "local"), *options]
        done = subprocess.run(words, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done

    def start(self, *options: str) -> "Run":
        """Start Snakemake here and go on."""
        self.runs.append(Run(self, self.command(*options)))
        return self.runs[-1]


class Run:
    """A Snakemake that runs."""

    def __init__(self, workplace: "ClusterWorkplace", command: list[str]) -> None:
        self.workplace = workplace
        self.output = workplace.folder / "snakemake.log"
        words = ["setpriv", "--pdeathsig", "KILL", *command]  # it does not outlive the tests, however they end
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                words, cwd=workplace.folder, stdout=out, stderr=out, start_new_session=True, env=environment()
            )

    def end(self, *, check: bool = True, seconds: float | None = SECONDS_TO_WAIT) -> str:
        """Wait for the end, at most so long, and give what was printed."""
        self.process.wait(seconds)
        text = self.output.read_text()
        assert not (check and self.process.returncode), text[-8000:]
        return text

    def kill(self) -> None:
        """Kill it, with no time to tidy up."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def is_training(process: int, workplace: Workplace) -> bool:
    """Whether a process is the verb `train` in the folder of a workplace."""
    try:
        place = Path("/proc", str(process))
        words = (place / "cmdline").read_bytes().split(b"\0")
        return words[1:4] == [b"-m", b"remots", b"train"] and (place / "cwd").resolve() == workplace.folder
    except OSError:
        return False


def device(log: Path) -> str:
    """The GPUs that a job has seen, by its log."""
    (line,) = (line for line in log.read_text().splitlines() if "CUDA_VISIBLE_DEVICES=" in line)
    return line.rpartition("=")[2]


def environment() -> dict[str, str]:
    """The environment of all runs, here and on the cluster."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def wait_until(condition: Callable[[], object], pause: float = 0.1) -> None:
    """Wait until a condition holds, with a pause in seconds between the looks."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)


def missing() -> str:
    """Why there can be no cluster here; nothing where there can."""
    programs = [name for name in daemons.NEEDED if shutil.which(name, path=daemons.SEARCH_PATH) is None]
    if programs:
        return f"no {', '.join(programs)}: apt-get install slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "SLURM's daemons need root here"
    if daemons.has_foreign_config():
        return f"{daemons.CONFIG_FOLDER}/slurm.conf belongs to another cluster"
    return ""


@pytest.fixture(scope="session", autouse=True)
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let Python keep its bytecode where the environment forbids it: hundreds of processes would compile Snakemake."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTHONDONTWRITEBYTECODE" in os.environ:
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A SLURM of one CPU node and several with two GPUs each; torn down whatever becomes of those who use it."""
    folder = tempfile.mkdtemp(prefix="remots-slurm-")
    with Path(folder, "supervisor.out").open("w") as errors:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.daemons", folder],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert supervisor.stdout
    assert supervisor.stdin
    try:
        if supervisor.stdout.readline() != "ready\n":
            raise RuntimeError("SLURM has not come up")
        yield Cluster(supervisor)
    finally:
        for run in ClusterWorkplace.runs:
            run.kill()
        supervisor.stdin.close()
        supervisor.wait(60)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A SLURM on this machine, for all tests."""
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if reason := missing():
            pytest.skip(reason)
        with running_cluster() as running:
            yield running


@pytest.fixture(scope="session", autouse=True)
def longest_first(request: pytest.FixtureRequest, bytecode: None) -> None:
    """Start the runs that take longest before the first test, where a test is to look at them."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", [])}
    for name in ["whole_run", "short_sequences_run"]:
        if name in wanted and not missing():
            request.getfixturevalue(name)


@pytest.fixture(scope="session")
def whole_run(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on its way in which the cluster makes everything."""
    return ClusterWorkplace(tmp_path_factory.mktemp("whole_run")).start(*TOGETHER)


@pytest.fixture(scope="session")
def short_sequences_run(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on its way of a few short sequences that share jobs of the cluster."""
    workplace = ClusterWorkplace(tmp_path_factory.mktemp("short_sequences"))
    make_short_sequences(workplace, 4)
    targets = [f"results/s{number:03}/encoder_intra.safetensors" for number in range(4)]
    return workplace.start(*PROFILE, "--", *targets)  # the steps after it would be more of the same


@pytest.fixture(scope="session")
def finished_here(tmp_path_factory: pytest.TempPathFactory) -> ClusterWorkplace:
    """A workplace in which everything has been made on this machine alone."""
    workplace = ClusterWorkplace(tmp_path_factory.mktemp("finished_here"))
    workplace.run_here()
    return workplace
