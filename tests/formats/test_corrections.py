"""`corrections.tsv`: what is read, and which files are refused with their lines named."""

import numpy as np
import pytest

from remots.errors import InputError
from remots.formats.results.corrections import digest_tracklets, read_corrections

IDS, FRAMES = np.array([0, 1, 0, 1, 2, 2]), np.array([1, 1, 2, 2, 9, 10])
BOXES = np.array([[x, 0, 5, 9] for x in (1, 50, 2, 52, 90, 91)])
HEADER = "action\ta\tb\tframe\tnote"


def read(folder, *lines, digest=True, text=None):
    path = folder / "corrections.tsv"
    mark = [f"# tracklets: {digest_tracklets(IDS, FRAMES, BOXES)}"] if digest else []
    path.write_text("\n".join([*mark, HEADER, *lines]) + "\n" if text is None else text)
    return read_corrections(path, IDS, FRAMES, BOXES)


def test_all_actions_are_read(tmp_path):
    found = read(
        tmp_path,
        "must_link\t0@2\t2\t\tcame back",
        "",
        "# a remark",
        "cannot_link\t1\t2\t\t",
        "split\t0\t\t2\t",
        "drop\t0@1",
    )
    assert found.splits.tolist() == [[0, 2]]
    assert found.must_links.tolist() == [[2, 3]]
    assert found.cannot_links.tolist() == [[1, 2]]
    assert found.dropped.tolist() == [0]


def test_columns_may_come_in_another_order_and_notes_be_left_out(tmp_path):
    mark = f"# tracklets: {digest_tracklets(IDS, FRAMES, BOXES)}"
    found = read(tmp_path, text=f"\ufeff{mark}\r\nframe\tb\ta\taction\r\n\t2\t0\tmust_link\r\n")
    assert found.must_links.tolist() == [[0, 2]]


def test_a_quotation_mark_in_a_note_is_a_note(tmp_path):
    assert read(tmp_path, 'drop\t1\t\t\tthe "poster', "drop\t2\t\t\t").dropped.tolist() == [1, 2]


def test_a_file_without_rows_asks_for_nothing_and_needs_no_digest(tmp_path):
    assert len(read(tmp_path, digest=False).dropped) == 0
    assert len(read(tmp_path, text="").dropped) == 0


def test_rows_for_unknown_tracklets_are_refused_and_the_line_to_add_is_told(tmp_path):
    with pytest.raises(InputError) as error:
        read(tmp_path, "drop\t1", digest=False)
    assert f"add the line: # tracklets: {digest_tracklets(IDS, FRAMES, BOXES)}" in str(error.value)


@pytest.mark.parametrize("changed", ["ids", "frames", "boxes"])
def test_rows_for_the_tracklets_of_other_settings_are_noticed(tmp_path, changed):
    read(tmp_path, "drop\t1")
    ids = np.array([1, 0, 1, 0, 2, 2]) if changed == "ids" else IDS
    frames = FRAMES + (changed == "frames")
    boxes = BOXES[[1, 0, 3, 2, 4, 5]] if changed == "boxes" else BOXES
    with pytest.raises(InputError, match="line 1: made for other tracklets"):
        read_corrections(tmp_path / "corrections.tsv", ids, frames, boxes)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("join\t0\t2", "line 3: unknown action 'join'; one of must_link, cannot_link, drop, split"),
        ("must_link\t0", "line 3: must_link needs a and b; b is empty"),
        ("must_link\t0\t2\t5", "line 3: must_link needs a and b alone; frame is '5'"),
        ("drop\t0\t2", "line 3: drop needs a alone; b is '2'"),
        ("split\t0", "line 3: split needs a and frame; frame is empty"),
        ("drop\tzero", "line 3: a is 'zero', not a tracklet"),
        ("drop\t-1", "line 3: a is '-1', not a tracklet"),
        ("split\t0\t\t2.5", "line 3: frame is '2.5', not a whole number"),
        ("drop\t0\t\t\t\tmore", "line 3: 6 cells, but the header has 5 columns"),
        ("drop\t9", "line 3 (drop 9): there is no tracklet 9"),
        ("must_link\t0\t1", "line 3 (must_link 0, 1) would join 0 and 1, which share frame 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, words):
    with pytest.raises(InputError) as error:
        read(tmp_path, line)
    assert str(error.value).startswith(f"{tmp_path / 'corrections.tsv'}: ")
    assert words in str(error.value)


def test_another_header_a_missing_file_and_bytes_are_refused(tmp_path):
    with pytest.raises(InputError, match="line 1: the header must be: action a b frame note"):
        read(tmp_path, text="who\twhat\n")
    with pytest.raises(InputError, match="no such file"):
        read_corrections(tmp_path / "none.tsv", IDS, FRAMES, BOXES)
    (tmp_path / "corrections.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_corrections(tmp_path / "corrections.tsv", IDS, FRAMES, BOXES)
