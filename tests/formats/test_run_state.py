"""How far a run is, from files alone: each state that a job can be in."""

import base64
import os
import time
from pathlib import Path

import pytest

from remots.formats.project.jobs import CROP, FUSE, PROBE, Job
from remots.formats.project.run_state import (
    ALL_SEQUENCES,
    RunRecords,
    describe_jobs,
    read_last_line,
    read_run,
    read_states,
    summarise_steps,
    time_left,
)
from remots.settings import parse_config

OUTPUT = "results/a/masks.parquet"


class Run:
    """A folder in which Snakemake runs, or ran, drawn by hand; its names and places are those of Snakemake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str = "", age_seconds: float = 0.0) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time.time() - age_seconds,) * 2)

    def mark(self, kind: str, output: str, age_seconds: float = 0.0) -> None:
        name = base64.urlsafe_b64encode(output.encode()).decode()
        pieces = [name[start : start + 254] for start in range(0, len(name), 254)]
        self.write(".snakemake/" + "/".join([kind, *(f"@{one}" for one in pieces[:-1]), pieces[-1]]), "{}", age_seconds)

    def lock(self) -> None:
        self.write(".snakemake/locks/0.output.lock", OUTPUT)

    def state(self, job: Job = FUSE) -> str:
        return read_states(Path("results/a"), [job], RunRecords(self.folder))[0].state


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").mkdir()
    return Run(tmp_path)


def test_a_job_without_any_file_waits(run: Run) -> None:
    assert run.state() == "waiting"


def test_a_job_whose_outputs_are_there_is_done(run: Run) -> None:
    run.write(OUTPUT)
    assert run.state() == "done"


def test_a_job_with_one_of_two_outputs_is_not_done(run: Run) -> None:
    run.write("results/a/one")
    assert run.state(Job("fuse", "fuse", ("one", "two"), "logs/fuse.log")) == "waiting"


def test_a_job_whose_outputs_are_marked_is_running_though_an_output_is_there(run: Run) -> None:
    run.lock()
    run.write(OUTPUT)
    run.mark("incomplete", OUTPUT)
    run.write("results/a/logs/fuse.log", "remots fuse: fuse a: 3 of 9, 12 s left\n")
    assert run.state() == "running"


def test_a_submitted_job_without_a_log_or_with_that_of_an_earlier_try_is_queued(run: Run) -> None:
    run.lock()
    run.mark("incomplete", OUTPUT)
    assert run.state() == "queued"
    run.write("results/a/logs/fuse.log", "remots fuse: error: no memory\n", age_seconds=60)
    assert run.state() == "queued"


def test_a_job_that_had_begun_when_its_snakemake_ended_is_stopped(run: Run) -> None:
    run.mark("incomplete", OUTPUT)
    run.write("results/a/logs/fuse.log", "remots fuse: fuse a: 3 of 9, 12 s left\n")
    assert run.state() == "stopped"


def test_a_job_that_left_a_log_and_no_outputs_has_failed(run: Run) -> None:
    run.write("results/a/logs/fuse.log", "remots fuse: error: frame 3 is broken\n\n")
    (state,) = read_states(Path("results/a"), [FUSE], RunRecords(run.folder))
    assert (state.state, state.last_line) == ("failed", "remots fuse: error: frame 3 is broken")
    assert describe_jobs({"a": [state]}) == [
        "failed a fuse: remots fuse: error: frame 3 is broken  (results/a/logs/fuse.log)"
    ]


def test_a_failed_job_with_an_empty_log_may_have_been_killed(run: Run) -> None:
    run.write("results/a/logs/fuse.log")
    states = read_states(Path("results/a"), [FUSE], RunRecords(run.folder))
    assert "may have been killed" in describe_jobs({"a": states})[0]


def test_an_output_that_somebody_removed_waits_but_if_the_job_failed_afterwards_it_has_failed(run: Run) -> None:
    run.write("results/a/logs/fuse.log", "remots fuse: 9 masks\n", age_seconds=20)
    run.write("results/a/benchmarks/fuse.tsv", age_seconds=19)
    assert run.state() == "waiting"
    run.write("results/a/logs/fuse.log", "remots fuse: error: no masks\n", age_seconds=10)
    assert run.state() == "failed"


def test_a_name_too_long_for_one_file_is_found_too(run: Run) -> None:
    name = "/".join(["folder" * 30] * 4)
    run.lock()
    run.mark("incomplete", f"results/a/{name}")
    assert run.state(Job("fuse", "fuse", (name,), "logs/fuse.log")) == "queued"


def test_a_part_whose_file_was_joined_and_removed_is_done(run: Run) -> None:
    part = Job(
        "detect", "detect_mmdet_1_of_2", ("detections/mmdet/1_of_2.parquet",), "logs/x.log", "detections/m.parquet"
    )
    run.write("results/a/logs/x.log", "done")
    assert run.state(part) == "failed"
    run.write("results/a/detections/m.parquet")
    assert run.state(part) == "done"


def test_a_running_job_that_says_nothing_for_long_is_called_silent(run: Run) -> None:
    run.lock()
    run.mark("incomplete", OUTPUT, age_seconds=8000)
    run.write("results/a/logs/fuse.log", "fuse a: 3 of 9, 12 s left", age_seconds=7300)
    states = read_states(Path("results/a"), [FUSE], RunRecords(run.folder))
    assert "3 of 9, 12 s left, silent for 2 h 02 min" in describe_jobs({"a": states})[0]


def test_a_training_sequence_from_which_no_target_learns_has_no_jobs(run: Run) -> None:
    rows = "a\ttarget\tvideo.mp4\tmotion\t\nb\ttrain\tvideo.mp4\t\tt.txt\nc\ttrain\tother.mp4\t\tt.txt\n"
    run.write("sequences.tsv", "sequence\tsplit\tframes\tdetections\tground_truth\n" + rows)
    config = parse_config({"sequences": "sequences.tsv"}, "config")
    assert list(read_run(config, "results", run.folder)) == ["a", "c", ALL_SEQUENCES]
    alone = parse_config({"sequences": "sequences.tsv", "adapt": {"training_set": False}}, "config")
    assert list(read_run(alone, "results", run.folder)) == ["a", ALL_SEQUENCES]


def test_the_last_line_of_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 100_000 + "\nThe last: ö\n \n".encode())
    assert read_last_line(log) == "The last: ö"


def test_a_step_says_the_most_pressing_of_its_jobs(run: Run) -> None:
    run.write("results/a/sequence.json")
    states = read_states(Path("results/a"), [PROBE, FUSE, CROP], RunRecords(run.folder))
    words = summarise_steps(states)
    assert (words["detect"], words["fuse"], words["merge"]) == ("done", "", "-")
    run.write("results/a/logs/crop.log")
    assert summarise_steps(read_states(Path("results/a"), [CROP], RunRecords(run.folder)))["train intra"] == "failed"


def test_the_time_left_is_that_of_the_jobs_of_each_rule_shared_by_those_that_run(run: Run) -> None:
    run.lock()
    for name in "ab":
        run.write(f"results/{name}/masks.parquet")
        run.write(f"results/{name}/benchmarks/fuse.tsv", f"s\th:m:s\n{100 if name == 'a' else 300}.0\t0\n")
    for name in "cd":
        run.mark("incomplete", f"results/{name}/masks.parquet")
        run.write(f"results/{name}/logs/fuse.log", "x")
    records = RunRecords(run.folder)
    states = {name: read_states(Path("results", name), [FUSE], records) for name in "abcdef"}
    # Four jobs of 200 s on the mean are left, and two run at a time.
    assert time_left(states) == "2 of 6 jobs done, 2 running; at least 7 min left"


def test_a_thousand_sequences_are_read_without_a_look_at_each_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write("video.mp4")
    rows = "".join(f"s{number}\ttarget\tvideo.mp4\tmotion\n" for number in range(1000))
    run.write("sequences.tsv", "sequence\tsplit\tframes\tdetections\n" + rows)
    looks = {"stat": 0, "scandir": 0}
    for name in looks:
        original = getattr(os, name)

        def counted(*words: object, name: str = name, original: object = original, **named: object) -> object:
            looks[name] += 1
            return original(*words, **named)  # type: ignore[operator]

        monkeypatch.setattr(os, name, counted)
    states = read_run(parse_config({"sequences": "sequences.tsv"}, "config"), "results", run.folder)
    assert len(states) == 1001
    assert list(states)[-1] == ALL_SEQUENCES
    # Four folders a sequence: its own, those of detections, figures and logs.
    assert looks["scandir"] <= 4 * 1001
    assert looks["stat"] < 100
