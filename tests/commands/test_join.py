"""`remots join`: the parts of a video become one table again."""

from pathlib import Path

import pytest

from remots.cli import main
from remots.detectors.batches import split_frames
from remots.formats.results.tables import TableWriter, geometry_columns, read_metadata
from tests.formats.drawn import block

FACTS = {"height_px": 60, "width_px": 90, "first_frame": 1, "last_frame": 3000}


def write_part(path: Path, frames: range, facts: dict[str, int] = FACTS) -> Path:
    """Write a table with a mask or two in two of three frames."""
    with TableWriter(path, "detections", facts) as writer:
        for frame in frames:
            masks = [block(frame % 70, number * 9, 4 + frame % 7, 8, (60, 90)) for number in range(frame % 3)]
            if masks:
                rows = {"frame": [frame] * len(masks), "class_id": [2] * len(masks), "score": [0.5] * len(masks)}
                writer.append(rows | geometry_columns(masks))
    return path


@pytest.mark.parametrize("n_parts", [1, 2, 7, 5000])
def test_the_joined_parts_have_the_bytes_of_the_whole(tmp_path: Path, n_parts: int) -> None:
    whole = write_part(tmp_path / "whole.parquet", range(1, 3001))
    parts = split_frames(1, 3000, n_parts, batch_size=2)
    written = [str(write_part(tmp_path / f"{i}.parquet", part)) for i, part in enumerate(parts) if part or i < 5]
    assert main(["join", *written, "--out", str(tmp_path / "joined.parquet")]) == 0
    assert (tmp_path / "joined.parquet").read_bytes() == whole.read_bytes()
    assert read_metadata(tmp_path / "joined.parquet", "detections") == FACTS


@pytest.mark.parametrize("what", ["order", "sequence", "missing"])
def test_parts_that_do_not_go_together_are_named_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    first, second = write_part(tmp_path / "1.parquet", range(1, 9)), write_part(tmp_path / "2.parquet", range(9, 20))
    if what == "order":
        first, second = second, first
    elif what == "sequence":
        write_part(second, range(9, 20), FACTS | {"height_px": 61})
    else:
        second.unlink()
    assert main(["join", str(first), str(second), "--out", str(tmp_path / "joined.parquet")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"remots join: error: {second}: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "joined.parquet").exists()
