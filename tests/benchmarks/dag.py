"""What our rules cost Snakemake, against an empty workflow of the same shape: time and memory of the DAG, time a job.

The empty workflow is made from ours: the same jobs with the same inputs, outputs, logs and benchmarks, written down as
plain patterns, without settings, digests, resources, environments and functions; its jobs only touch their outputs.
``python -m tests.benchmarks.dag 100 1000 5000`` measures those numbers of sequences, ``… jobs`` the jobs alone.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
N_SEQUENCES = (100, 1_000)
N_SEQUENCES_RUN = 40
REPETITIONS = 3
# After these flags a verb of ours names a file that it writes.
OUTPUT_FLAGS = "--out --log --summary --merges --mots --kitti --coco --csv --markdown --png --svg"
STAND_IN = f"""#!/bin/bash
# Stands in for `python -m remots VERB`: touches what the verb would write, so that only the rules' own cost is left.
for word in "$@"; do
    case " {OUTPUT_FLAGS} " in *" $before "*) touch "$word";; esac
    before=$word
done
"""


def measure(*words: str) -> list[dict[str, object]]:
    """Build both DAGs at several sizes, and run both workflows with jobs that do nothing."""
    sizes = [int(word) for word in words if word.isdigit()] or ([] if words else list(N_SEQUENCES))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = write_empty_workflow(folder)
        rows = [row for size in sizes for row in _dag_rows(folder, empty, size)]
        return rows if words and "jobs" not in words else [*rows, _job_row(folder, empty)]


def _dag_rows(folder: Path, empty: Path, n_sequences: int) -> Iterator[dict[str, object]]:
    write_sequences(folder, n_sequences)
    # In turn, so that a machine that grows slower does so for both; the best of each, for noise only ever adds.
    pairs = [[_cost(folder, file, "--dry-run") for file in (_ours(), empty)] for _ in range(_repetitions(n_sequences))]
    for number, what in enumerate(["CPU seconds", "peak memory in MB"]):
        ours, theirs = (min(pair[side][number] for pair in pairs) for side in (0, 1))
        yield _row(f"DAG of {n_sequences:,} sequences, {what}", ours, theirs)


def _job_row(folder: Path, empty: Path) -> dict[str, object]:
    write_sequences(folder, N_SEQUENCES_RUN)
    python = _stand_in(folder)
    costs = []
    for file in (_ours(), empty):
        seconds = _cost(folder, file, python=python)[0]
        costs.append(1000 * seconds / len(list(folder.glob("results/**/benchmarks/*.tsv"))))
        for leftover in ("results", ".snakemake"):
            shutil.rmtree(folder / leftover)
    return _row(f"a job beyond its verb ({N_SEQUENCES_RUN} sequences, run whole), CPU ms", *costs)


def _row(what: str, ours: float, theirs: float) -> dict[str, object]:
    goal = {"peer": "empty workflow", "peer_value": theirs, "ratio": ours / theirs, "goal": "<= 1.2"}
    return {"what": what, "ours": ours} | goal


def write_sequences(folder: Path, n_sequences: int) -> None:
    """Write a sample sheet and a config; a dry run never looks into the video and the truth."""
    for name in ("video.mp4", "truth.txt"):
        (folder / name).touch()
    rows = [f"s{number:06d}\ttarget\tvideo.mp4\tmotion\ttruth.txt\n" for number in range(n_sequences)]
    (folder / "sequences.tsv").write_text("sequence\tsplit\tframes\tdetections\tground_truth\n" + "".join(rows))
    (folder / "config.yaml").write_text("sequences: sequences.tsv\nresults: results\n")


def write_empty_workflow(folder: Path) -> Path:
    """Write a Snakefile with the jobs of ours, as plain patterns; its sequences are those of the sample sheet."""
    write_sequences(folder, 1)
    done = subprocess.run(
        _command(_ours(), "--dry-run", "--quiet", "host"), cwd=folder, capture_output=True, text=True, check=True
    )
    rules = [_empty_rule(number, text) for number, text in enumerate(read_jobs(done.stdout + done.stderr))]
    path = folder / "empty.smk"
    sheet = "SEQUENCES = [line.split('\\t')[0] for line in open('sequences.tsv')][1:]\n"
    path.write_text(sheet + "\n".join(sorted(rules, key=lambda rule: not rule.startswith("rule all"))))
    return path


def read_jobs(output: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Read what a dry run says of each job: the rule, and its files by kind."""
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, re.MULTILINE)
    for name, body in dict.fromkeys(jobs):
        kinds = re.findall(r"^    (input|output|log|benchmark): (.*)$", body, re.MULTILINE)
        yield name, {kind: files.split(", ") for kind, files in kinds}


def _empty_rule(number: int, job: tuple[str, dict[str, list[str]]]) -> str:
    name, files = job
    once = not any("s000000" in file for file in files.get("output", []))
    lines = [f"rule {name if name == 'all' else f'{name}_{number}'}:"]
    for kind, paths in files.items():
        patterns = [repr(path.replace("s000000", "{sequence}")) for path in paths]
        if once:
            patterns = [f"expand({one}, sequence=SEQUENCES)" if "{" in one else one for one in patterns]
        lines.append(f"    {kind}: {', '.join(patterns)}")
    if "output" in files:
        lines.append('    shell: "touch {output} 2> {log}"')
    return "\n".join(lines) + "\n"


def _ours() -> Path:
    return REPOSITORY / "Snakefile"


def _repetitions(n_sequences: int) -> int:
    return REPETITIONS if n_sequences <= 1_000 else 1


def _command(snakefile: Path, *options: str, python: str = sys.executable) -> list[str]:
    config = ["--configfile", "config.yaml"] if snakefile == _ours() else []
    return [python, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "1", *config, *options]


def _cost(folder: Path, snakefile: Path, *options: str, python: str = sys.executable) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a call of Snakemake with all its jobs."""
    command = _command(snakefile, "--quiet", "all", *options, python=python)
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{shlex.join(command)} failed in {folder}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _stand_in(folder: Path) -> str:
    """Make a Python that runs Snakemake, beside a ``python`` that jobs find and that only touches their outputs."""
    programs = folder / "bin"
    programs.mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (folder / "lib").symlink_to(Path(sys.prefix, "lib"))
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    (programs / "python").write_text(STAND_IN)
    (programs / "python").chmod(0o755)
    return str(programs / "python3")


if __name__ == "__main__":
    for row in measure(*sys.argv[1:]):
        print(row)  # noqa: T201
