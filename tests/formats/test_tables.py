"""The parquet tables."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.formats.results import tables
from remots.formats.results.tables import (
    SCHEMAS,
    TableWriter,
    count_rows,
    iterate_frames,
    read_metadata,
    read_table,
    write_table,
)

IOU = {"mask_id_prev": [0, 1], "mask_id_curr": [2, 3], "iou": [0.5, 1.0]}


def detections(frames):
    columns = {field.name: np.arange(len(frames)) for field in SCHEMAS["detections"]}
    return columns | {"frame": frames, "rle": [b"%d" % number for number in range(len(frames))]}


def test_a_table_reads_as_it_was_written(tmp_path):
    write_table(tmp_path / "a.parquet", "warped_iou", IOU, {"height_px": 3})
    table = read_table(tmp_path / "a.parquet", "warped_iou")
    assert {name: table[name].tolist() for name in table} == IOU
    assert [str(dtype) for dtype in table.dtypes] == ["int32", "int32", "float32"]
    assert read_metadata(tmp_path / "a.parquet", "warped_iou") == {"height_px": 3}
    assert count_rows(tmp_path / "a.parquet", "warped_iou") == 2


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_table_can_be_empty(tmp_path, kind):
    with TableWriter(tmp_path / "a.parquet", kind):
        pass
    assert read_table(tmp_path / "a.parquet", kind).columns.tolist() == SCHEMAS[kind].names
    assert count_rows(tmp_path / "a.parquet", kind) == 0


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 7))
@settings(deadline=None, max_examples=30)
def test_frames_come_whole_wherever_the_groups_of_rows_are_cut(tmp_path_factory, frames, rows_per_group):
    frames = sorted(frames)
    path = tmp_path_factory.mktemp("tables") / "a.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROWS_PER_GROUP", rows_per_group)
        with TableWriter(path, "detections") as writer:
            for start in range(0, len(frames), 3):
                part = detections(frames)
                writer.append({name: column[start : start + 3] for name, column in part.items()})
        found = list(iterate_frames(path, "detections"))
    assert [frame for frame, _ in found] == sorted(set(frames))
    assert [frame for frame, columns in found for _ in columns["rle"]] == frames
    assert b",".join(one for _, columns in found for one in columns["rle"]) == b",".join(detections(frames)["rle"])


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        write_table(tmp_path / name, "detections", detections([1, 2, 2]), {"b": 1, "a": 2})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_rows_that_are_not_sorted_by_frame_are_refused(tmp_path):
    write_table(tmp_path / "a.parquet", "detections", detections([2, 1]))
    with pytest.raises(InputError, match="not sorted by frame"):
        list(iterate_frames(tmp_path / "a.parquet", "detections"))


def test_a_missing_a_foreign_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.parquet: no such file"):
        read_table(tmp_path / "a.parquet", "tracks")
    write_table(tmp_path / "a.parquet", "warped_iou", IOU)
    with pytest.raises(
        InputError, match="a table of tracks has the columns tracklet_id, track_id; this one has mask_id_prev"
    ):
        read_table(tmp_path / "a.parquet", "tracks")
    stored = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(stored[:-20])
    with pytest.raises(InputError, match="not a readable parquet file"):
        count_rows(tmp_path / "a.parquet", "warped_iou")


def test_a_table_that_is_damaged_inside_is_named(tmp_path):
    columns = detections(np.arange(2000))
    columns["rle"] = [np.random.default_rng(0).bytes(40)] * 2000
    write_table(tmp_path / "a.parquet", "detections", columns)
    stored = bytearray((tmp_path / "a.parquet").read_bytes())
    stored[4:400] = bytes(396)
    (tmp_path / "a.parquet").write_bytes(stored)
    with pytest.raises(InputError, match="not a readable parquet file"):
        read_table(tmp_path / "a.parquet", "detections")
    with pytest.raises(InputError, match="not a readable parquet file"):
        list(iterate_frames(tmp_path / "a.parquet", "detections"))


def test_an_error_inside_the_block_leaves_no_table(tmp_path):
    path = tmp_path / "a.parquet"
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        atomic_output(path) as temporary,
        TableWriter(temporary, "warped_iou") as writer,
    ):
        writer.append(IOU)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_rows_that_do_not_fit_are_an_error_and_leave_no_table(tmp_path):
    with (  # noqa: PT012
        pytest.raises((pa.ArrowException, OverflowError)),
        atomic_output(tmp_path / "a.parquet") as temporary,
        TableWriter(temporary, "warped_iou") as writer,
    ):
        writer.append(IOU)
        writer.append(IOU | {"mask_id_curr": [2**40, 1]})
    assert list(tmp_path.iterdir()) == []
