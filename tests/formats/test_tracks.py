"""The join from masks over short-term tracklets to tracks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.errors import InputError
from remots.formats.results.tables import describe_frames, write_table
from remots.formats.results.tracks import iterate_tracked_frames, read_track_of_mask
from remots.masks.rle import areas, boxes
from tests.formats.drawn import block, some_sequence


def write_join(folder, tracklet_of_mask, track_of_tracklet):
    """Write both tables from pairs (mask_id, tracklet_id) and (tracklet_id, track_id)."""
    mask_ids, tracklet_ids = [row[0] for row in tracklet_of_mask], [row[1] for row in tracklet_of_mask]
    columns = {"mask_id": mask_ids, "frame": [1] * len(mask_ids), "tracklet_id": tracklet_ids}
    write_table(folder / "short_tracklets.parquet", "short_tracklets", columns)
    members = {"tracklet_id": [row[0] for row in track_of_tracklet], "track_id": [row[1] for row in track_of_tracklet]}
    write_table(folder / "tracks.parquet", "tracks", members)
    return folder / "short_tracklets.parquet", folder / "tracks.parquet"


def write_masks(folder, rows, sequence=None):
    """Write a table of masks from pairs (frame, mask)."""
    masks = [mask for _, mask in rows]
    columns = dict(zip(("left_px", "top_px", "width_px", "height_px"), boxes(masks).T, strict=True))
    columns |= {"mask_id": range(len(rows)), "frame": [frame for frame, _ in rows], "class_id": [2] * len(rows)}
    columns |= {"score": [0.5] * len(rows), "area_px": areas(masks), "rle": [mask["counts"] for mask in masks]}
    write_table(folder / "masks.parquet", "masks", columns, describe_frames(sequence or some_sequence()))
    return folder / "masks.parquet"


def test_a_mask_has_the_track_of_its_tracklet(tmp_path):
    tables = write_join(tmp_path, [(0, 5), (1, 6), (2, 5), (3, 9)], [(9, 1), (5, 2), (6, 1)])
    assert read_track_of_mask(*tables, 4).tolist() == [2, 1, 2, 1]


def test_a_mask_without_tracklet_and_a_tracklet_without_track_have_none(tmp_path):
    tables = write_join(tmp_path, [(0, 5), (3, 6)], [(5, 1)])
    assert read_track_of_mask(*tables, 5).tolist() == [1, -1, -1, -1, -1]


def test_no_masks_have_no_tracks(tmp_path):
    assert read_track_of_mask(*write_join(tmp_path, [], []), 0).tolist() == []


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_the_join_is_that_of_two_dictionaries(tmp_path_factory, data):
    n_masks = data.draw(st.integers(0, 20))
    tracklets = data.draw(st.dictionaries(st.integers(0, 9), st.integers(1, 4), max_size=8))
    masks = {}
    if n_masks:
        masks = data.draw(st.dictionaries(st.integers(0, n_masks - 1), st.integers(0, 9), max_size=n_masks))
    tables = write_join(tmp_path_factory.mktemp("join"), list(masks.items()), list(tracklets.items()))
    expected = [tracklets.get(masks.get(mask_id, -1), -1) for mask_id in range(n_masks)]
    assert read_track_of_mask(*tables, n_masks).tolist() == expected


@pytest.mark.parametrize(
    ("masks", "tracks", "complaint"),
    [
        ([(0, 1), (4, 1)], [(1, 1)], "mask_id 4, but there are 3 masks"),
        ([(-1, 1)], [(1, 1)], "mask_id -1, but there are 3 masks"),
        ([(0, 1), (0, 2)], [(1, 1)], "mask_id 0 stands there twice"),
        ([(0, 1)], [(1, 1), (1, 2)], "tracklet_id 1 stands there twice"),
        ([(0, 1)], [(1, 0)], "track_id 0; tracks are numbered from 1"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(tmp_path, masks, tracks, complaint):
    with pytest.raises(InputError, match=complaint):
        read_track_of_mask(*write_join(tmp_path, masks, tracks), 3)


def test_frames_come_with_the_tracks_of_their_masks(tmp_path, caplog):
    masks = write_masks(tmp_path, [(1, block(0, 0, 2, 2)), (1, block(4, 0, 2, 2)), (3, block(8, 0, 2, 2))])
    tables = write_join(tmp_path, [(0, 1), (2, 2)], [(1, 7), (2, 8)])
    frames = list(iterate_tracked_frames(some_sequence(), masks, *tables))
    assert [(frame, columns["track_id"].tolist(), columns["left_px"].tolist()) for frame, columns in frames] == [
        (1, [7], [0]),
        (3, [8], [8]),
    ]
    assert "1 masks are in no track" in caplog.text


def test_a_track_with_two_masks_in_a_frame_is_refused(tmp_path):
    masks = write_masks(tmp_path, [(2, block(0, 0, 2, 2)), (2, block(4, 0, 2, 2))])
    tables = write_join(tmp_path, [(0, 1), (1, 2)], [(1, 7), (2, 7)])
    with pytest.raises(InputError, match=r"tracks\.parquet: track 7 has two masks in frame 2"):
        list(iterate_tracked_frames(some_sequence(), masks, *tables))


def test_masks_of_another_sequence_are_refused(tmp_path):
    masks = write_masks(tmp_path, [(2, block(0, 0, 2, 2))])
    tables = write_join(tmp_path, [(0, 1)], [(1, 7)])
    with pytest.raises(InputError, match="masks of frames of 32x24 px, but street has 64x48 px"):
        list(iterate_tracked_frames(some_sequence(height=48, width=64), masks, *tables))
    with pytest.raises(InputError, match="has masks in frame 2, but street has only the frames 3 to 5"):
        list(iterate_tracked_frames(some_sequence(3, 5), masks, *tables))
    assert np.array_equal(read_track_of_mask(*tables, 1), [7])
