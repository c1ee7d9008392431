"""The sample sheet: what it may hold, and the message for each mistake."""

from pathlib import Path

import pytest

from remots.errors import InputError
from remots.formats.project.sample_sheet import SampleRow, detector_names, read_sample_sheet, training_rows

HEADER = "sequence\tsplit\tframes\tdetections\tground_truth\tfirst_frame\tlast_frame"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "sequences.tsv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_comments_empty_lines_and_missing_cells_at_the_end_are_fine(tmp_path: Path) -> None:
    rows = read_sample_sheet(write(tmp_path, "# a remark", "", "a\ttarget\tv.mp4\tmotion"))
    assert [(row.sequence, row.detections, row.last_frame) for row in rows] == [("a", ["motion"], None)]


def test_several_detections_are_split_at_commas_and_named_by_their_stems(tmp_path: Path) -> None:
    (row,) = read_sample_sheet(write(tmp_path, "a\ttarget\tv.mp4\tx/detections_a.json, y/b.txt,z/b.txt"))
    assert detector_names(row) == {"a": "x/detections_a.json", "b": "y/b.txt", "b_2": "z/b.txt"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\ttest\tv.mp4\tmotion", "line 2: split is 'test': input should be 'train' or 'target'"),
        ("a\ttrain\tv.mp4", "line 2: .*train sequence needs ground_truth"),
        ("a\ttarget\tv.mp4", "line 2: .*target sequence needs detections"),
        ("a\ttarget\t\tmotion", "line 2: frames is ''"),
        ("a/b\ttarget\tv.mp4\tmotion", "line 2: sequence is 'a/b'"),
        ("a\ttarget\tv.mp4\tmotion\t\tone", "line 2: first_frame is 'one'"),
        ("a\ttarget\tv.mp4\tmotion\t\t0", "line 2: first_frame is '0'"),
        ("a\ttarget\tv.mp4\tmotion\t\t9\t3", "line 2: .*first_frame 9 comes after last_frame 3"),
        ("a\ttarget\tv.mp4\tmotion\t\t\t\textra", "line 2: 8 cells, but the header has 7 columns"),
    ],
)
def test_a_wrong_row_is_named_by_file_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError, match=f"sequences.tsv, {message}"):
        read_sample_sheet(write(tmp_path, row))


def test_an_unknown_column_is_refused_with_the_columns_there_are(tmp_path: Path) -> None:
    path = write(tmp_path, "a\ttarget\tv.mp4\tmotion\tx", header="sequence\tsplit\tframes\tdetections\tcolour")
    with pytest.raises(InputError, match="unknown key colour; allowed here: sequence, split"):
        read_sample_sheet(path)


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sequence a stands in more than one row"):
        read_sample_sheet(write(tmp_path, "a\ttarget\tv.mp4\tmotion", "a\ttarget\tw.mp4\tmotion"))


def test_a_missing_or_empty_sheet_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such sample sheet"):
        read_sample_sheet(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="empty; the first line must be"):
        read_sample_sheet(tmp_path / "empty.tsv")


def test_a_target_learns_from_every_training_sequence_that_has_none_of_its_frames(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")

    def row(name: str, split: str, frames: str, first: int | None = None, last: int | None = None) -> SampleRow:
        cells = {"detections": "motion", "ground_truth": "gt.txt", "first_frame": first, "last_frame": last}
        return SampleRow.model_validate({"sequence": name, "split": split, "frames": str(tmp_path / frames), **cells})

    rows = [
        row("whole", "train", "a"),
        row("start", "train", "a", last=10),
        row("end", "train", "a/", first=11),
        row("other", "train", "b"),
        row("target", "target", "link", first=5, last=10),
    ]
    assert [chosen.sequence for chosen in training_rows(rows[-1], rows)] == ["end", "other"]
    assert training_rows(rows[3], []) == []
