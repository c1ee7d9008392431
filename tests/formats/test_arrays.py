import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.files.arrays import ArrayReader, ArrayWriter


def write(path, parts, row_shape=(2, 3), dtype=np.uint8):
    with ArrayWriter(path, row_shape, dtype) as writer:
        for part in parts:
            writer.append(part)
    return path


ROWS = np.arange(60, dtype=np.uint8).reshape(10, 2, 3)


@pytest.mark.parametrize("cuts", [[], [3], [0, 0, 5, 5, 10]])
def test_numpy_reads_what_was_written_in_parts(tmp_path, cuts):
    path = write(tmp_path / "a.npy", np.split(ROWS, cuts))
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), ROWS)
    assert (tmp_path / "b.npy").write_bytes(b"") == 0
    np.save(tmp_path / "b.npy", ROWS)
    assert path.read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_no_rows_give_an_array_of_no_rows(tmp_path):
    path = write(tmp_path / "a.npy", [])
    assert np.load(path, allow_pickle=False).shape == (0, 2, 3)
    assert ArrayReader(path, (2, 3), np.uint8)[np.zeros(0, np.int64)].shape == (0, 2, 3)


@settings(deadline=None, max_examples=50)
@given(rows=st.lists(st.integers(0, 9), max_size=20))
def test_rows_are_read_in_the_order_asked_for(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.npy"
    if not path.exists():
        np.save(path, ROWS)
    with ArrayReader(path, (2, None), np.uint8) as reader:
        np.testing.assert_array_equal(reader[np.array(rows, np.int64)], ROWS[rows])
        assert reader.shape == (10, 2, 3)
        assert len(reader) == 10


def test_rows_outside_are_an_error(tmp_path):
    with ArrayReader(write(tmp_path / "a.npy", [ROWS]), (2, 3), np.uint8) as reader:
        for row in (-1, 10):
            with pytest.raises(IndexError, match="it has 10"):
                reader[np.array([row])]


def test_rows_of_another_shape_or_type_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"rows of \(2, 3\) uint8 are written here, not \(2, 3\) float64"):
        write(tmp_path / "a.npy", [ROWS.astype(float)])
    with pytest.raises(ValueError, match=r"not \(3,\) uint8"):
        write(tmp_path / "a.npy", [ROWS[0]])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file"),
        (b"", "not an npy file"),
        (b"\x93NUMPY\x01\x00v", "not an npy file"),
        (b"PK\x03\x04 something else", "not an npy file"),
    ],
)
def test_what_is_no_array_is_refused(tmp_path, content, complaint):
    path = tmp_path / "a.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.npy: {complaint}"):
        ArrayReader(path, (2, 3), np.uint8)


@pytest.mark.parametrize("other", [ROWS.astype(np.float32), ROWS[:, 0], np.asfortranarray(ROWS), ROWS[:, :, :2]])
def test_another_array_is_refused_with_what_was_expected(tmp_path, other):
    np.save(tmp_path / "a.npy", other)
    with pytest.raises(InputError, match=r"expected \(n_masks, any, 3\), uint8"):
        ArrayReader(tmp_path / "a.npy", (None, 3), np.uint8)


def test_an_array_that_is_cut_off_is_refused(tmp_path):
    path = write(tmp_path / "a.npy", [ROWS])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="187 bytes instead of 188: cut off"):
        ArrayReader(path, (2, 3), np.uint8)


def test_an_array_of_objects_is_refused_and_no_pickle_is_run(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="expected"):
        ArrayReader(tmp_path / "a.npy", (), np.uint8)


def test_an_array_left_by_an_error_is_not_taken_for_a_whole_one(tmp_path):
    path = tmp_path / "a.npy"

    def fail_halfway():
        with ArrayWriter(path, (2, 3), np.uint8) as writer:
            writer.append(ROWS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    with pytest.raises(InputError, match="instead of"):
        ArrayReader(path, (2, 3), np.uint8)
