import os
from pathlib import Path

import pytest

from remots.errors import InputError
from remots.formats.project.benchmarks import StepCost, read_benchmarks

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(rows))
    return path


def test_repetitions_are_averaged_and_unknown_memory_stays_unknown(tmp_path):
    write(
        tmp_path / "merge.tsv", "2.0\t0:00:02\t30.5\t1\t1\t1\t0\t0\t0\t1\n", "4.0\t0:00:04\t31.5\t1\t1\t1\t0\t0\t0\t1\n"
    )
    os.utime(tmp_path / "merge.tsv", ns=(1, 1))
    write(tmp_path / "detect_a" / "1_of_2.tsv", "0.1\t0:00:00\t-\t-\t-\t-\t-\t-\t0\t0\n")
    assert read_benchmarks(tmp_path) == [StepCost("merge", 3.0, 31.0), StepCost("detect_a/1_of_2", 0.1, None)]


def test_without_a_folder_nothing_is_known(tmp_path):
    assert read_benchmarks(tmp_path / "no") == []


@pytest.mark.parametrize("text", ["", "a\tb\n1\t2\n", "s\tmax_rss\nsoon\t1\n"])
def test_what_is_no_benchmark_is_named(tmp_path, text):
    (tmp_path / "merge.tsv").write_text(text)
    with pytest.raises(InputError, match=r"merge\.tsv: not a benchmark"):
        read_benchmarks(tmp_path)
