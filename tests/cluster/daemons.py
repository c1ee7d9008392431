"""A SLURM on this machine: munged, slurmctld and one slurmd a node, that never outlives whoever started it.

    python -m tests.cluster.daemons FOLDER

It says "ready" and then does what it reads, one line each: "start NODE", "stop NODE". When its input ends, however the
other side has died, it ends every process below it, jobs and their orphans too, and removes what it has written.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# SLURM drops every SLURM_* variable on the way into a job step, SLURM_CONF too: only this place reaches everybody.
CONFIG_FOLDER = Path("/etc/slurm")
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
MARK = "# Written by ReMOTS's tests; removed when they end.\n"
# GPUs of each node; eight trainings run at a time. The last two nodes are for the death of a node, under one job alone.
GPUS = {"cpu1": 0} | {f"gpu{number}": 2 for number in range(1, 7)}
PR_SET_CHILD_SUBREAPER = 36
SECONDS_TO_START = 60.0

CONFIG = """
ClusterName=remots_tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[ctld]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
SlurmdParameters=config_overrides
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
MinJobAge=3600
SlurmdTimeout=8
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
MpiDefault=none
{nodes}
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu[1-4] MaxTime=INFINITE State=UP
PartitionName=frail Nodes=gpu[5-6] MaxTime=INFINITE State=UP
"""


def free_ports(names: list[str]) -> dict[str, int]:
    """Find a free port for each name."""
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: opened.getsockname()[1] for name, opened in sockets.items()}
    for opened in sockets.values():
        opened.close()
    return ports


def write_config(folder: Path) -> None:
    """Write the configuration to where SLURM looks for it; the fake GPUs are names for /dev/null."""
    host = socket.gethostname()
    ports = free_ports(["ctld", *GPUS])
    nodes = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[name]} CPUs=4 RealMemory=16000"
        + (f" Gres=gpu:{n_gpus}" if n_gpus else "")
        for name, n_gpus in GPUS.items()
    ]
    devices = []
    for name, n_gpus in GPUS.items():
        for number in range(n_gpus):
            (folder / f"{name}_device{number}").symlink_to("/dev/null")
            devices.append(f"NodeName={name} Name=gpu File={folder}/{name}_device{number}")
    for sub in ["state", *(f"spool_{name}" for name in GPUS)]:
        (folder / sub).mkdir()
    text = CONFIG.format(host=host, ports=ports, folder=folder, nodes="\n".join(nodes))
    CONFIG_FOLDER.mkdir(exist_ok=True)
    (CONFIG_FOLDER / "slurm.conf").write_text(MARK + text)
    (CONFIG_FOLDER / "gres.conf").write_text(MARK + "\n".join(devices) + "\n")


def has_foreign_config() -> bool:
    """Whether there is the configuration of another cluster; what tests have left, killed by force, is none."""
    path = CONFIG_FOLDER / "slurm.conf"
    return path.is_file() and not path.read_text().startswith(MARK)


def remove_config() -> None:
    """Remove our configuration."""
    if not has_foreign_config():
        for name in ["slurm.conf", "gres.conf"]:
            (CONFIG_FOLDER / name).unlink(missing_ok=True)


class Daemons:
    """The daemons and all that they start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *words: str) -> None:
        """Start a daemon in the foreground, with its output in a file of its name."""
        with (self.folder / f"{name}.out").open("ab") as out:
            self.running[name] = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**os.environ, "PATH": SEARCH_PATH},
            )

    def start_all(self) -> None:
        """Start everything and wait until every node takes jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        places = {
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munge.seed",
        }
        options = [f"--{option}={self.folder / name}" for option, name in places.items()]
        self.start("munged", "munged", "--foreground", "--force", f"--key-file={key}", *options)
        wait_for(lambda: (self.folder / "munge.socket").exists(), "munged")
        self.start("slurmctld", "slurmctld", "-D", "-i")
        for node in GPUS:
            self.start_node(node)
        wait_for(self.is_ready, "nodes")

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self.start(node, "slurmd", "-D", "-N", node)

    def is_ready(self) -> bool:
        """Whether every node takes jobs."""
        states = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%T"], capture_output=True, text=True)
        return states.stdout.split() == ["idle"] * len(GPUS)

    def serve(self) -> None:
        """Do what is asked for until the input ends."""
        for line in sys.stdin:
            order, node = line.split()
            if order == "start":
                self.start_node(node)
            else:
                self.running[node].kill()
                self.running[node].wait()
            say("done")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds, for a minute at most."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not up after {SECONDS_TO_START:.0f} s")
        time.sleep(0.2)


def descendants(process: int) -> set[int]:
    """Every process below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {process}} - found:
        found |= more
    return found


def end_descendants() -> None:
    """End all that is below this process, until nothing is left: as a subreaper it inherits every orphan."""
    for _ in range(100):
        alive = descendants(os.getpid())
        if not alive:
            return
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.05)


def say(word: str) -> None:
    """Tell the other side."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def stop(number: int, _frame: object) -> None:
    """Turn a signal into an exception, so that everything is torn down."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run the cluster until the input ends."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the tests end first, and then our input
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    daemons = Daemons(folder)
    try:
        write_config(folder)
        daemons.start_all()
        say("ready")
        daemons.serve()
    finally:
        end_descendants()
        remove_config()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
