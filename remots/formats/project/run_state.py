"""How far a run is, read from its files alone: outputs, logs, and Snakemake's own marks. No lock is taken."""

import base64
import binascii
import contextlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from remots.formats.project.jobs import STEPS, Job, jobs_of_all, jobs_of_sequence, rows_needed
from remots.formats.project.sample_sheet import read_sample_sheet
from remots.progress import as_duration
from remots.settings import Config

State = Literal["done", "running", "queued", "stopped", "failed", "waiting"]
# What a step's cell says where its jobs differ: the first of these that there is.
MOST_PRESSING: tuple[State, ...] = ("failed", "stopped", "running", "queued")
ALL_SEQUENCES = "(all sequences)"
TAIL_BYTES = 4096
SILENT_SECONDS = 600.0  # after which a running job's silence is worth a word
TIMED_JOBS = 20  # of each rule: enough for a mean


class JobState(NamedTuple):
    """How far a job is.

    Attributes
    ----------
    job : Job
    state : str
        ``done``: its outputs are there. ``running``: it has begun. ``queued``: it is submitted, and has written nothing
        yet. ``stopped``: it had begun when its Snakemake ended. ``failed``: it left a log and no outputs. ``waiting``:
        nothing of it is there.
    log : Path
    last_line : str
        Of the log, of jobs that are running, stopped or failed.
    silent_seconds : float
        Since the log's last line.
    """

    job: Job
    state: State
    log: Path
    last_line: str = ""
    silent_seconds: float = 0.0


class RunRecords:
    """Snakemake's records in the folder where it runs (``.snakemake``), as far as they tell of the present."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".snakemake"

    @cached_property
    def is_locked(self) -> bool:
        """Whether a Snakemake works in the folder, or was killed there."""
        return any((self._folder / "locks").glob("*.lock"))

    @cached_property
    def began(self) -> dict[str, float]:
        """When each job that is submitted or running began, in seconds of the epoch, by output."""
        found: dict[str, float] = {}
        for mark in (self._folder / "incomplete").rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # the job has ended just now
                if mark.is_file() and (output := self._output_of(mark)):
                    found[output] = mark.stat().st_mtime
        return found

    def _output_of(self, mark: Path) -> str:
        # A mark bears the name of the output; a long one is cut into folders that begin with @.
        pieces = mark.relative_to(self._folder / "incomplete").parts
        try:
            return base64.urlsafe_b64decode("".join(piece.removeprefix("@") for piece in pieces)).decode()
        except (binascii.Error, UnicodeDecodeError):  # a file that is none of Snakemake's marks
            return ""


def read_run(config: Config, results: str, folder: Path) -> dict[str, list[JobState]]:
    """Find out how far every job of a run is.

    Parameters
    ----------
    config : Config
    results : str
        The folder of results, as Snakemake writes it.
    folder : Path
        Where Snakemake runs.

    Returns
    -------
    dict of str to list of JobState
        By sequence, in the order of the sample sheet; what is made once for all of them stands last.
    """
    rows = {row.sequence: row for row in read_sample_sheet(config.sequences)}
    records = RunRecords(folder)
    needed = rows_needed(rows.values(), config)
    states = {
        row.sequence: read_states(Path(results, row.sequence), jobs_of_sequence(row, config), records) for row in needed
    }
    return states | {ALL_SEQUENCES: read_states(Path(results), jobs_of_all(rows), records)}


def read_states(folder: Path, jobs: Iterable[Job], records: RunRecords) -> list[JobState]:
    """Find out how far each job of a sequence is.

    Parameters
    ----------
    folder : Path
        The sequence's folder of results, as Snakemake writes it.
    jobs : iterable of Job
    records : RunRecords

    Returns
    -------
    list of JobState
        In the order of the jobs.
    """
    files = _Files(folder)
    return [_state_of(job, folder, files, records) for job in jobs]


def _state_of(job: Job, folder: Path, files: "_Files", records: RunRecords) -> JobState:
    log = folder / job.log
    began = max((records.began.get(str(folder / name), 0.0) for name in job.outputs), default=0.0)
    if not began and (all(name in files for name in job.outputs) or (job.until and job.until in files)):
        return JobState(job, "done", log)
    if job.log not in files:
        return JobState(job, _begun(records, "queued") if began else "waiting", log)
    try:
        written, last_line = log.stat().st_mtime, read_last_line(log)
    except FileNotFoundError:  # removed since the folder was listed: the job begins anew
        return JobState(job, "queued", log)
    if began and written < began - 1:  # the log is that of an earlier try; clocks of file systems differ a little
        return JobState(job, _begun(records, "queued"), log)
    if not began and _has_ended_well(log, written):
        return JobState(job, "waiting", log)
    state: State = _begun(records, "running") if began else "failed"
    return JobState(job, state, log, last_line, max(0.0, time.time() - written))


def _has_ended_well(log: Path, written: float) -> bool:
    """Whether the job that wrote the log ended well, and its outputs were removed afterwards."""
    try:
        return _benchmark_of(log).stat().st_mtime >= written  # written after a job that ends well, and only then
    except FileNotFoundError:
        return False


def _benchmark_of(log: Path) -> Path:
    return log.parent.with_name("benchmarks") / f"{log.stem}.tsv"


def _begun(records: RunRecords, state: State) -> State:
    return state if records.is_locked else "stopped"


def read_last_line(log: Path) -> str:
    """Read the last line of a log that says something; empty where there is none."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def summarise_steps(states: Iterable[JobState]) -> dict[str, str]:
    """Say how far each step of a sequence is, in a word.

    Returns
    -------
    dict of str to str
        By step: the most pressing state of its jobs, ``done``, ``2/4`` jobs done, nothing where none is, and ``-``
        where the step has no jobs.
    """
    by_step: dict[str, list[State]] = {step: [] for step in STEPS}
    for state in states:
        by_step[state.job.step].append(state.state)
    return {step: _word_for(found) for step, found in by_step.items()}


def _word_for(found: list[State]) -> str:
    pressing = next((state for state in MOST_PRESSING if state in found), None)
    n_done = found.count("done")
    if pressing:
        return pressing
    if n_done == len(found):
        return "done" if found else "-"
    return f"{n_done}/{len(found)}" if n_done else ""


def describe_jobs(states: Mapping[str, list[JobState]]) -> list[str]:
    """Say in a line each what runs, with how far it is, and what failed, with its log and the log's last line."""
    return [
        f"{state.state} {name} {state.job.rule}: {_last_words(state)}  ({state.log})"
        for wanted in ("running", "stopped", "failed")
        for name, found in states.items()
        for state in found
        if state.state == wanted
    ]


def _last_words(state: JobState) -> str:
    words = state.last_line or (
        "its log is empty: it may have been killed" if state.state == "failed" else "just begun"
    )
    silent = state.state == "running" and state.silent_seconds > SILENT_SECONDS
    return words + (f", silent for {as_duration(state.silent_seconds)}" if silent else "")


def time_left(states: Mapping[str, list[JobState]]) -> str:
    """Say in a line how many jobs are done, and how long the others will take, as those of each rule took so far."""
    counts = Counter(state.state for found in states.values() for state in found)
    line = f"{counts['done']:,} of {counts.total():,} jobs done"
    line += "".join(f", {counts[state]:,} {state}" for state in MOST_PRESSING if counts[state])
    if not counts["running"]:
        return line
    by_rule: dict[str, list[JobState]] = {}
    for state in itertools.chain(*states.values()):
        by_rule.setdefault(state.job.rule, []).append(state)
    seconds = sum(_seconds_left(found) for found in by_rule.values()) / counts["running"]
    return f"{line}; at least {as_duration(seconds)} left" if seconds else line


def _seconds_left(found: list[JobState]) -> float:
    """Seconds of work in the unfinished jobs of a rule; 0 where none of them is done yet."""
    done = [state for state in found if state.state == "done"]
    taken = [seconds for state in done[-TIMED_JOBS:] if (seconds := _seconds_taken(state))]
    return (len(found) - len(done)) * sum(taken) / len(taken) if taken else 0.0


def _seconds_taken(state: JobState) -> float:
    try:
        return float(_benchmark_of(state.log).read_text().splitlines()[1].split("\t")[0])
    except (OSError, IndexError, ValueError):  # being written just now, or removed
        return 0.0


def states_as_json(states: Mapping[str, list[JobState]]) -> dict[str, Any]:
    """Give all of it for programs."""
    jobs = {
        name: {
            state.job.rule: {"state": state.state, "log": str(state.log), "last_line": state.last_line}
            for state in found
        }
        for name, found in states.items()
    }
    return {"jobs": jobs, "n_jobs": dict(Counter(state.state for found in states.values() for state in found))}


class _Files:
    """Which files are in a folder: each folder below is listed once, which is quicker than a look at each file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[str, frozenset[str]] = {}

    def __contains__(self, name: str) -> bool:
        below, _, file = name.rpartition("/")
        if below not in self._listed:
            try:
                self._listed[below] = frozenset(entry.name for entry in os.scandir(self._folder / below))
            except (FileNotFoundError, NotADirectoryError):
                self._listed[below] = frozenset()
        return file in self._listed[below]
