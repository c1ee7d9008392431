"""Thousands of sequences: what is done for each while a run is planned, and the chunks of docs/scale.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.dag import write_sequences
from tests.workflow.conftest import REPOSITORY

pytestmark = pytest.mark.workflow

# Runs Snakemake and counts the calls of functions in our rules; looks at the disk apart, which come once in ten
# seconds, however many ask.
COUNTER = """
import collections, sys
from snakemake.cli import main
calls = collections.Counter()
def count(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.endswith(".smk"):
        if "look_for_size" not in (frame.f_code.co_name, frame.f_back.f_code.co_name):
            calls[frame.f_code.co_name] += 1
sys.setprofile(count)
try:
    main(sys.argv[1:])
finally:
    sys.setprofile(None)
    print("COUNTED", calls.total(), calls.most_common(12))
"""


def calls_in_planning(folder: Path, n_sequences: int) -> int:
    write_sequences(folder, n_sequences)
    snakefile = ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", "config.yaml"]
    words = [*snakefile, "--cores", "1", "--dry-run", "--quiet", "all"]
    done = subprocess.run(
        [sys.executable, "-c", COUNTER, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    found = re.search(r"COUNTED (\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1])


def test_each_further_sequence_takes_a_few_calls_of_our_functions_and_not_more_the_more_there_are(
    tmp_path: Path,
) -> None:
    few, more, many = (calls_in_planning(tmp_path, number) for number in (5, 15, 25))
    assert many - more == more - few
    # 21 jobs a sequence: each asks for its memory and its time, and most for the sequence's size as well; beyond that
    # only those of detection, training, cropping, frames and the report ask a function.
    assert (more - few) / 10 <= 21 * 4 + 80


def test_chunks_of_the_sample_sheet_hold_each_target_once_with_all_training_sequences_and_can_be_planned(
    tmp_path: Path,
) -> None:
    commands = re.search(r"```sh\n(mkdir -p chunks\n.*?)```", (REPOSITORY / "docs/scale.md").read_text(), re.DOTALL)
    assert commands
    write_sequences(tmp_path, 5)
    (tmp_path / "config").mkdir()
    (tmp_path / "config.yaml").rename(tmp_path / "config" / "config.yaml")
    header, *targets = (tmp_path / "sequences.tsv").read_text().splitlines(keepends=True)
    teachers = [f"t{number}\ttrain\tother{number}.mp4\t\ttruth.txt\n" for number in range(2)]
    for number in range(2):
        (tmp_path / f"other{number}.mp4").touch()
    (tmp_path / "sequences.tsv").write_text("".join([header, *teachers, "# a remark\n", *targets]))
    program = Path(sys.executable).with_name("snakemake")
    script = (
        commands[1]
        .replace("size=1000", "size=2")
        .replace(
            "snakemake --profile local",
            f"{program} --snakefile {REPOSITORY}/Snakefile --cores 1 --dry-run --quiet rules",
        )
    )
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    chunks = [path.read_text().splitlines(keepends=True) for path in sorted((tmp_path / "chunks").iterdir())]
    assert [len(chunk) for chunk in chunks] == [5, 5, 4]
    assert all(chunk[:3] == [header, *teachers] for chunk in chunks)
    assert [row for chunk in chunks for row in chunk[3:]] == targets
    counted = re.findall(r"^fuse +(\d)$", done.stdout + done.stderr, re.MULTILINE)
    assert counted[::2] == ["2", "2", "1"] or counted == ["2", "2", "1"]
