"""What jobs ask for follows the size of their input, and grows when they are tried again."""

import json
import re
from pathlib import Path

import pytest

from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import write_table
from tests.workflow.conftest import HEADER, Workplace

pytestmark = pytest.mark.workflow

LONG = "long\ttarget\tvideo.mp4\ta.json\t\t\t\n"


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    """A video of 2 MB, with masks found elsewhere; nothing has been made of it."""
    workplace = Workplace(tmp_path)
    (tmp_path / "video.mp4").write_bytes(bytes(2_000_000))
    (tmp_path / "a.json").write_text("[]")
    workplace.sheet = HEADER + LONG
    workplace.write()
    return workplace


def resources(workplace: Workplace, *options: str) -> dict[str, tuple[int, int]]:
    """Memory in MB and time in minutes of each rule, by a dry run."""
    done = workplace.run("--dry-run", *options)
    found = {}
    for rule, listed in re.findall(
        r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", done.stdout + done.stderr, re.M
    ):
        values = dict(item.split("=") for item in listed.split(", "))
        if rule != "all":
            found[rule] = (int(values["mem_mb"]), int(values["runtime"]))
    return found


def write_masks(folder: Path, n_frames: int, n_masks: int) -> None:
    """Files of a sequence as large as they say, as far as anybody looks who only counts."""
    folder.mkdir(parents=True)
    write_sequence(folder / "sequence.json", Sequence("long", "video.mp4", "video", 1080, 1920, 30.0, 1, n_frames))
    columns = ["mask_id", "frame", "class_id", "score", "top_px", "left_px", "height_px", "width_px", "area_px"]
    write_table(
        folder / "masks.parquet", "masks", {name: [1] * n_masks for name in columns} | {"rle": [b"1"] * n_masks}
    )


def test_before_anything_is_counted_the_size_is_guessed_and_each_rule_asks_for_something(workplace: Workplace) -> None:
    asked = resources(workplace)
    assert {"probe", "detect", "fuse", "train_intra", "embed", "warp", "merge", "overlay"} <= set(asked)
    for rule, (mem_mb, runtime) in asked.items():
        assert 500 <= mem_mb <= 16000, rule
        assert 5 <= runtime <= 240, rule


def test_ten_times_the_video_asks_for_more_where_the_work_grows_and_no_more_elsewhere(workplace: Workplace) -> None:
    results = workplace.folder / "results"
    write_masks(results / "long", 20_000, 100_000)
    few = resources(workplace)
    (results / "long").rename(results / "before")
    write_masks(results / "long", 200_000, 1_000_000)
    many = resources(workplace)
    for rule in ["warp", "overlay", "embed", "associate", "merge"]:
        assert few[rule][1] < many[rule][1] < 11 * few[rule][1], rule
    for rule in ["associate", "merge", "histogram_inter"]:
        assert few[rule][0] < many[rule][0] < 11 * few[rule][0], rule
    for rule in ["train_intra", "train_inter", "threshold_short", "initialise"]:
        assert few[rule] == many[rule], rule


def test_a_larger_mini_batch_asks_for_more_memory_and_time(workplace: Workplace) -> None:
    few = resources(workplace)["train_intra"]
    workplace.config["train"] = {"batch_size": 1024, "steps": 3000}
    workplace.write()
    assert all(more > less for more, less in zip(resources(workplace)["train_intra"], few, strict=True))


def test_the_second_attempt_asks_for_twice_as_much(workplace: Workplace) -> None:
    first, second = resources(workplace), resources(workplace, "--attempt", "2")
    for rule in ["fuse", "train_intra", "embed", "warp", "merge"]:
        assert second[rule] == tuple(2 * value for value in first[rule]), rule


def test_broken_files_are_as_good_as_none(workplace: Workplace) -> None:
    folder = workplace.folder / "results/long"
    asked = resources(workplace)
    folder.mkdir(parents=True)
    (folder / "sequence.json").write_text(json.dumps({"n_frames": "many"}))
    (folder / "masks.parquet").write_text("half a fi")
    # What these files stand for is not planned any more.
    still_asked = resources(workplace)
    assert still_asked.items() <= asked.items()
    assert {"crop", "warp", "merge"} <= set(still_asked)
