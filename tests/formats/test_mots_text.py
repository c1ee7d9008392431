"""MOTS text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.exchange.mask_source import select_masks
from remots.formats.exchange.mask_store import MaskStore, check_frames
from remots.formats.exchange.mots_text import MotsTextWriter, find_first_frame_number, mots_object_ids, open_mots_text
from remots.masks.rle import decode
from tests.formats.drawn import HEIGHT, WIDTH, block, mots_line, some_sequence

A, B = block(1, 1, 4, 8), block(10, 2, 5, 9)


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def read(path, sequence=None, first_frame_number=None, class_id=None):
    return list(select_masks(open_mots_text(path, first_frame_number), sequence or some_sequence(), class_id))


def frames_of(path, disjoint, sequence=None):
    source = open_mots_text(path)
    with MaskStore(HEIGHT, WIDTH) as store:
        for mask in select_masks(source, sequence or some_sequence()):
            store.add(mask)
        return list(check_frames(source, store.iterate_frames(), disjoint))


def test_a_line_is_a_mask(tmp_path):
    path = write(tmp_path / "a.txt", mots_line(2, 2007, A), "", mots_line(1, 1001, B))
    found = read(path)
    assert [(mask.number, mask.frame, mask.class_id, mask.object_id, mask.score) for mask in found] == [
        (1, 2, 2, 2007, 1.0),
        (3, 1, 1, 1001, 1.0),
    ]
    assert np.array_equal(decode(found[0].rle), decode(A))


def test_a_file_with_a_frame_0_is_kittis(tmp_path):
    kitti = write(tmp_path / "kitti.txt", mots_line(1, 2001, A), mots_line(0, 2001, A))
    challenge = write(tmp_path / "challenge.txt", mots_line(1, 2001, A), mots_line(10, 2001, A))
    assert (find_first_frame_number(kitti), find_first_frame_number(challenge)) == (0, 1)
    assert [mask.frame for mask in read(kitti)] == [2, 1]
    assert [mask.frame for mask in read(challenge, some_sequence(1, 10))] == [1, 10]
    assert [mask.frame for mask in read(challenge, some_sequence(1, 11), first_frame_number=0)] == [2, 11]


def test_the_id_of_ignore_regions_makes_an_ignore_region(tmp_path):
    path = write(tmp_path / "a.txt", mots_line(1, 10000, A, class_id=10), mots_line(1, 10000, B, class_id=2))
    assert [mask.class_id for mask in read(path)] == [10, 10]


def test_windows_line_ends_are_read(tmp_path):
    (tmp_path / "a.txt").write_bytes((mots_line(1, 2001, A) + "\r\n").encode())
    assert len(read(tmp_path / "a.txt")) == 1


def test_an_empty_file_is_valid(tmp_path, caplog):
    assert read(write(tmp_path / "a.txt")) == []
    assert "holds no masks" in caplog.text


GOOD = mots_line(1, 2001, A)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("1 2001 2 24 32", "line 2: 5 fields instead of 6"),
        (f"{GOOD} 1", "line 2: 7 fields instead of 6"),
        (GOOD.replace("1 2001", "x 2001"), "line 2: the frame is 'x', not a whole number"),
        (GOOD.replace("1 2001", "-1 2001"), "line 2: the frame is '-1'"),
        (GOOD.replace("1 2001", "1.0 2001"), "line 2: the frame is '1.0'"),
        (GOOD.replace("2001", "person"), "line 2: the id is 'person'"),
        (GOOD.replace("2001", "9" * 30), "line 2: the id is '99999999999999999999'"),
        (GOOD.replace("2001 2", "2001 two"), "line 2: the class is 'two'"),
        (GOOD.replace("24 32", "24px 32"), "line 2: the height is '24px'"),
        (GOOD.replace("2001 2", "2001 3"), "line 2: unknown class 3; 1 = car, 2 = pedestrian, 10 = ignore region"),
        (GOOD.replace("2001 2", "2001 0"), "line 2: unknown class 0"),
        (
            mots_line(1, 2002, block(0, 0, 2, 2, size=(10, 12))),
            r"line 2 \(frame 1\): the mask is of a frame of 12x10 px",
        ),
        (GOOD.replace("24 32", "24 33"), r"line 2 \(frame 1\): malformed mask: the runs add up to 768 px"),
        (GOOD[:-2], r"line 2 \(frame 1\): malformed mask"),
        ("1 2001 2 24 32 \x7f\x7f", r"line 2 \(frame 1\): malformed mask"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, wrong, complaint):
    path = write(tmp_path / "a.txt", mots_line(1, 2009, B), wrong)
    with pytest.raises(InputError, match=complaint) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: line 2")


def test_frame_0_is_refused_where_frames_are_to_be_numbered_from_1(tmp_path):
    with pytest.raises(InputError, match=r"line 1: frame 0, but frames are to be numbered from 1"):
        read(write(tmp_path / "a.txt", mots_line(0, 2001, A)), first_frame_number=1)


def test_two_masks_with_one_id_in_a_frame_are_refused_with_both_lines(tmp_path):
    path = write(tmp_path / "a.txt", mots_line(1, 2001, A), mots_line(2, 2001, A), "", mots_line(1, 2001, B))
    with pytest.raises(InputError, match="lines 1 and 4 both have id 2001 in frame 1"):
        frames_of(path, disjoint=False)


def test_ignore_regions_may_repeat_and_overlap(tmp_path):
    ignored = mots_line(1, 10000, A, class_id=10)
    path = write(tmp_path / "a.txt", ignored, mots_line(1, 2001, A), ignored)
    assert len(frames_of(path, disjoint=True)[0].masks) == 3


def test_true_masks_that_share_a_single_pixel_are_refused_with_frame_ids_and_lines(tmp_path):
    corner = block(4, 8, 3, 3)
    assert np.sum(decode(A) & decode(corner)) == 1
    path = write(tmp_path / "a.txt", mots_line(1, 2005, B), mots_line(3, 2001, A), mots_line(3, 2002, corner))
    with pytest.raises(InputError, match=r"in frame 3 the masks of ids 2001 and 2002 \(lines 2 and 3\) overlap"):
        frames_of(path, disjoint=True)
    assert len(frames_of(path, disjoint=False)) == 2


def test_masks_that_touch_do_not_overlap(tmp_path):
    path = write(tmp_path / "a.txt", mots_line(1, 2001, block(0, 0, 4, 4)), mots_line(1, 2002, block(4, 0, 4, 4)))
    assert len(frames_of(path, disjoint=True)) == 1


def test_a_class_that_is_not_there_lists_those_that_are(tmp_path):
    with pytest.raises(InputError, match=r"no mask has class 2; it has 1 \(1 times\)"):
        read(write(tmp_path / "a.txt", mots_line(1, 1001, A)), class_id=2)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt: no such file"):
        read(tmp_path / "a.txt")


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 8), st.sampled_from([A, B])),
        max_size=30,
        unique_by=lambda x: x[:2],
    )
)
@settings(deadline=None, max_examples=30)
def test_frames_rise_and_keep_the_order_of_their_lines(tmp_path_factory, rows):
    path = write(tmp_path_factory.mktemp("m") / "a.txt", *(mots_line(frame, 2000 + n, mask) for frame, n, mask in rows))
    found = frames_of(path, disjoint=False, sequence=some_sequence(1, 30))
    expected = {frame: [(2000 + n, mask) for other, n, mask in rows if other == frame] for frame, _, _ in rows}
    assert [one.frame for one in found] == sorted(expected)
    for one in found:
        assert list(zip(one.object_ids.tolist(), one.masks, strict=True)) == expected[one.frame]


def test_a_track_number_never_makes_the_id_of_an_ignore_region_or_of_another_class():
    track_ids = np.arange(1, 20_000)
    object_ids = mots_object_ids(2, track_ids)
    assert object_ids[:3].tolist() == [2001, 2002, 2003]
    assert object_ids[998:1001].tolist() == [2999, 2001000, 2001001]
    assert len(np.unique(object_ids)) == len(track_ids)
    assert 10000 not in object_ids
    assert set(np.unique(object_ids // 1000)) & {1, 10} == set()


@pytest.mark.parametrize("first_frame_number", [0, 1])
def test_text_reads_as_it_was_written(tmp_path, first_frame_number):
    with MotsTextWriter(tmp_path / "a.txt", HEIGHT, WIDTH, first_frame_number) as writer:
        writer.append(1, [2001, 2002], 2, [A["counts"], B["counts"]])
        writer.append(4, [2002], 2, [A["counts"]])
    expected = [(1, 2001, A), (1, 2002, B), (4, 2002, A)]
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert lines == [mots_line(frame - 1 + first_frame_number, number, mask) for frame, number, mask in expected]
    found = read(tmp_path / "a.txt")
    assert [(mask.frame, mask.object_id, mask.rle) for mask in found] == expected


@pytest.mark.parametrize("name", ["0012", "0014", "0015", "0017"])
def test_real_kitti_text_comes_out_as_it_went_in(shared_data, tmp_path, name):
    path = shared_data / "kitti_mots_gt" / f"{name}.txt"
    lines = path.read_text().splitlines()
    height, width = (int(field) for field in lines[0].split()[3:5])
    sequence = some_sequence(1, 10_000, height, width)
    source = open_mots_text(path)
    with MaskStore(height, width) as store:
        for mask in select_masks(source, sequence):
            store.add(mask)
        with MotsTextWriter(tmp_path / "again.txt", height, width, first_frame_number=0) as writer:
            for found in check_frames(source, store.iterate_frames(), disjoint=True):
                for number, class_id, mask in zip(found.object_ids, found.class_ids, found.masks, strict=True):
                    writer.append(found.frame, [number], class_id, [mask["counts"]])
    written = (tmp_path / "again.txt").read_text().splitlines()
    assert written == sorted(lines, key=lambda line: int(line.split()[0]))
    assert len(written) > 100


def test_real_challenge_text_is_read(shared_data):
    sequence = some_sequence(1, 400, 576, 768)
    assert len(read(shared_data / "vtest" / "gt.txt", sequence)) == 1995
    assert len(read(shared_data / "vtest" / "masks.txt", sequence)) == 2344
