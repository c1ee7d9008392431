"""``sequence.json``."""

import dataclasses
import json

import pytest

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence, read_sequence, write_sequence

STREET = Sequence("street", "videos/street.mp4", "video", 480, 640, 29.97, 101, 200)


def test_a_sequence_reads_as_it_was_written(tmp_path):
    write_sequence(tmp_path / "sequence.json", STREET)
    assert read_sequence(tmp_path / "sequence.json") == STREET


def test_keys_are_sorted_and_nothing_else_is_in_the_folder(tmp_path):
    write_sequence(tmp_path / "sequence.json", STREET)
    stored = json.loads((tmp_path / "sequence.json").read_text())
    assert list(stored) == sorted(stored)
    assert [path.name for path in tmp_path.iterdir()] == ["sequence.json"]


def test_both_ends_of_a_part_count():
    assert STREET.n_frames == 100
    assert dataclasses.replace(STREET, last_frame=101).n_frames == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"first_frame": 201}, "first_frame 201 comes after last_frame 200"),
        ({"first_frame": 0}, "first_frame"),
        ({"kind": "movie"}, "kind"),
        ({"height_px": "480"}, "height_px"),
        ({"fps": 0}, "fps"),
        ({"colour": "red"}, "colour"),
        ({"frames": None}, "frames"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, changes, complaint):
    path = tmp_path / "sequence.json"
    path.write_text(json.dumps(dataclasses.asdict(STREET) | changes))
    with pytest.raises(InputError, match=complaint) as raised:
        read_sequence(path)
    assert str(path) in str(raised.value)
    assert "remots probe" in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"frames": "a'])
def test_what_is_no_sequence_is_refused(tmp_path, text):
    path = tmp_path / "sequence.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"not a sequence\.json"):
        read_sequence(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file; make it with `remots probe`"):
        read_sequence(tmp_path / "sequence.json")
