"""Many short sequences through a real SLURM, grouped by profiles/many_short: steps, jobs of the cluster, time.

    python -m tests.benchmarks many_short --folder FOLDER [--sequences 20] [--until RULE]

As root, with Debian's packages for SLURM (tests/cluster). Each step costs the start of a Snakemake, whatever it does: a
whole sequence takes more than a minute of one core. docs/cluster.md has the numbers.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

from tests.cluster.conftest import ClusterWorkplace, missing, running_cluster
from tests.cluster.short_sequences import PROFILE, count_planned, make_short_sequences


def main(words: list[str]) -> None:
    """Run as many sequences as asked for, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks many_short", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="empty folder to work in")
    parser.add_argument("--sequences", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--until", default="all", metavar="RULE", help="the last step of each sequence (default: all)")
    options = parser.parse_args(words)
    if reason := missing():
        sys.exit(reason)
    options.folder.mkdir(parents=True)
    workplace = ClusterWorkplace(options.folder.resolve())
    make_short_sequences(workplace, options.sequences)
    wanted = [*PROFILE, "--until", options.until]
    planned = workplace.run(*wanted, "--dry-run")
    n_steps, n_planned = count_planned(planned.stdout + planned.stderr)
    begin = time.monotonic()
    with running_cluster() as cluster:
        workplace.start(*wanted).end(seconds=None)
        seconds = time.monotonic() - begin
        states = [job["state"] for job in cluster.jobs()]
    n_steps_done = len(list(options.folder.glob("results/**/benchmarks/*.tsv")))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [
        f"{options.sequences} sequences, until {options.until}: {n_steps} steps, {n_steps_done} done",
        f"{len(states)} jobs of the cluster, {n_planned} planned",
        f"{n_steps / len(states):.1f} steps a job, {seconds:.0f} s, {used.ru_utime + used.ru_stime:.0f} CPU seconds",
        f"states of the jobs: {', '.join(sorted(set(states)))}",
    ]
    print(*lines, sep="\n")  # noqa: T201
