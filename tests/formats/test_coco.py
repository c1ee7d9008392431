"""COCO results."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from remots.errors import InputError
from remots.formats.exchange.coco import iterate_coco_results, open_coco_results, write_coco_results
from remots.formats.exchange.mask_source import select_masks
from remots.masks.rle import decode, decode_runs, encode
from tests.formats.drawn import HEIGHT, WIDTH, block, some_sequence

MASK = block(3, 4, 5, 6)


def record(frame=1, category=1, score=0.9, mask=MASK, **changes):
    segmentation = {"size": list(mask["size"]), "counts": mask["counts"].decode()}
    stored = {"image_id": frame, "category_id": category, "score": score, "segmentation": segmentation}
    return stored | changes


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(path, sequence=None, category=1, min_score=0.0):
    return list(select_masks(open_coco_results(path, HEIGHT, WIDTH), sequence or some_sequence(), category, min_score))


def test_records_come_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path / "a.json", [record(3, score=0.25), record(1), record(3, score=1)])
    found = read(path)
    assert [(mask.number, mask.frame, mask.score) for mask in found] == [(0, 3, 0.25), (1, 1, 0.9), (2, 3, 1.0)]
    assert all(np.array_equal(decode(mask.rle), decode(MASK)) for mask in found)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["compressed", "uncompressed"]))
@settings(deadline=None, max_examples=25)
def test_both_kinds_of_rle_give_the_mask(tmp_path_factory, seed, kind):
    pixels = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.3
    mask = encode(pixels)
    counts = mask["counts"].decode() if kind == "compressed" else decode_runs(mask).tolist()
    segmentation = {"size": [HEIGHT, WIDTH], "counts": counts}
    (found,) = read(write(tmp_path_factory.mktemp("coco") / "a.json", [record(segmentation=segmentation)]))
    assert np.array_equal(decode(found.rle), pixels)


def test_polygons_give_the_mask_that_pycocotools_draws(tmp_path):
    polygons = [[2.0, 3.0, 12.0, 3.0, 12.0, 10.0, 2.0, 10.0], [20, 12, 30, 12, 25, 20]]
    (found,) = read(write(tmp_path / "a.json", [record(segmentation=polygons)]))
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, HEIGHT, WIDTH)))
    assert expected.sum() > 80
    assert np.array_equal(decode(found.rle), expected.astype(bool))


def test_a_polygon_that_leaves_the_frame_is_clipped(tmp_path):
    (found,) = read(write(tmp_path / "a.json", [record(segmentation=[[-9, -9, 60, -9, 60, 40, -9, 40]])]))
    assert decode(found.rle).all()


def test_annotations_without_scores_have_score_one(tmp_path):
    stored = record(2)
    del stored["score"]
    (found,) = read(write(tmp_path / "a.json", {"images": [], "annotations": [stored], "categories": []}))
    assert (found.frame, found.score) == (2, 1.0)


def test_a_list_that_starts_after_a_byte_order_mark_and_blanks_is_read(tmp_path):
    for content in ([record()], {"annotations": [record()]}):
        path = write(tmp_path / "a.json", "\ufeff\n  " + json.dumps(content))
        assert path.read_bytes().startswith(b"\xef\xbb\xbf\n  ")
        assert len(read(path)) == 1


@pytest.mark.parametrize("content", ["[]", '{"annotations": []}'])
def test_no_records_are_valid_and_warned_of(tmp_path, caplog, content):
    assert read(write(tmp_path / "a.json", content)) == []
    assert "holds no masks" in caplog.text


def test_repeated_detections_are_kept(tmp_path):
    assert len(read(write(tmp_path / "a.json", [record(), record(), record()]))) == 3


def test_other_categories_are_left_out_without_a_look_at_their_masks(tmp_path):
    others = [record(category=3, segmentation="?"), record(category=17, segmentation=None)]
    assert len(read(write(tmp_path / "a.json", [*others, record()]))) == 1


def test_low_scores_are_left_out_and_the_least_score_stays(tmp_path):
    path = write(tmp_path / "a.json", [record(score=score) for score in (0.0, 0.49, 0.5, 1.0)])
    assert [mask.score for mask in read(path, min_score=0.5)] == [0.5, 1.0]


def test_masks_without_a_pixel_are_left_out_with_a_warning(tmp_path, caplog):
    empty = encode(np.zeros((HEIGHT, WIDTH), bool))
    assert len(read(write(tmp_path / "a.json", [record(mask=empty), record()]))) == 1
    assert "1 masks without a pixel" in caplog.text


def test_frames_outside_the_part_are_left_out_with_one_warning(tmp_path, caplog):
    path = write(tmp_path / "a.json", [record(frame) for frame in (1, 2, 3, 4, 9)])
    assert [mask.frame for mask in read(path, some_sequence(2, 3))] == [2, 3]
    assert "3 masks are outside frames 2 to 3 of street" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (record(mask=block(1, 1, 2, 2, size=(10, 12))), r"record 1 \(frame 1\): the mask is of a frame of 12x10 px"),
        (record(2, segmentation={"size": [HEIGHT, WIDTH], "counts": "abc"}), r"record 1 \(frame 2\): malformed mask"),
        (
            record(segmentation={"size": [HEIGHT, WIDTH], "counts": [5, 5]}),
            r"record 1 \(frame 1\): malformed mask.* 10 px",
        ),
        (record(segmentation={"size": [HEIGHT, WIDTH], "counts": [-5, 773]}), "malformed mask"),
        (record(segmentation={"size": [HEIGHT, WIDTH], "counts": ["a"]}), "malformed mask"),
        (record(segmentation={"size": "24", "counts": [768]}), r"malformed mask: the segmentation's size is '24'"),
        (record(segmentation={"counts": "abc"}), "malformed mask: a mask has a size"),
        (record(segmentation=[]), r"record 1 \(frame 1\): malformed mask: there is no segmentation"),
        (record(segmentation=[[1, 2, 3, 4]]), "a polygon is a list"),
        (record(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "a polygon is a list"),
        (record(segmentation=[[1, 2, 3, 4, 5, 1e9]]), "in or near the frame"),
        (record(score=1.5), r"record 1 \(frame 1\): the score is 1.5; scores lie in \[0, 1\]"),
        (record(score=-0.1), r"the score is -0.1"),
        (record(score="high"), r"record 1 \(frame 1\): the score is 'high', not a number"),
        (record(score=None), "the score is None, not a number"),
        (record(0), r"record 1 \(frame 0\): frames are numbered from 1"),
        (record(-3), r"record 1 \(frame -3\): frames are numbered from 1"),
        (record("7"), "record 1: image_id is '7', not a whole number"),
        (record(1.5), "record 1: image_id is 1.5, not a whole number"),
        (record(category=None), r"record 1 \(frame 1\): category_id is None"),
        ([], "record 1 is not an object"),
        ({"score": 1}, "record 1: has no image_id"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, wrong, complaint):
    path = write(tmp_path / "a.json", [record(), wrong])
    with pytest.raises(InputError, match=complaint) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: record 1")


def test_a_record_without_segmentation_is_refused(tmp_path):
    stored = record()
    del stored["segmentation"]
    with pytest.raises(InputError, match="there is no segmentation"):
        read(write(tmp_path / "a.json", [stored]))


@pytest.mark.parametrize("content", ["", "[", "{", "{}", "7", "null", '"a"', '{"annotations": 3}', "nonsense"])
def test_what_is_no_list_of_records_is_refused(tmp_path, content):
    path = write(tmp_path / "a.json", content)
    with pytest.raises(InputError, match=r"a\.json: (not valid JSON|holds no list of records)"):
        read(path)


def test_a_file_that_was_cut_off_names_the_record(tmp_path):
    text = json.dumps([record(), record(), record()])
    path = write(tmp_path / "a.json", text[: len(text) - 30])
    with pytest.raises(InputError, match=r"not valid JSON at record 2 \(the first is 0\)"):
        read(path)


def test_a_score_that_is_not_a_number_names_the_record(tmp_path):
    path = write(tmp_path / "a.json", [record(), record(score=float("nan"))])
    assert "NaN" in path.read_text()
    with pytest.raises(InputError, match="not valid JSON at record 1"):
        read(path)


def test_a_category_that_is_not_there_lists_those_that_are(tmp_path):
    path = write(tmp_path / "a.json", [record(category=3), record(category=3), record(category=44)])
    with pytest.raises(InputError, match=r"no mask has category_id 1; it has 3 \(2 times\), 44 \(1 times\)"):
        read(path)


def test_masks_of_another_part_only_are_refused(tmp_path):
    path = write(tmp_path / "a.json", [record(7), record(8)])
    with pytest.raises(InputError, match="none of its 2 masks lies in frames 1 to 5 of street; are they of this video"):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: no such file"):
        read(tmp_path / "a.json")


def test_results_read_as_they_were_written_also_by_pycocotools(tmp_path):
    masks = [block(1, 1, 4, 5), block(6, 2, 3, 9), block(0, 0, 1, 1)]
    write_coco_results(tmp_path / "a.json", zip([1, 1, 4], [0.9, 0.125, 1.0], masks, strict=True))
    assert [(mask.frame, mask.score) for mask in read(tmp_path / "a.json")] == [(1, 0.9), (1, 0.125), (4, 1.0)]
    truth = COCO()
    truth.dataset = {"images": [{"id": 1}, {"id": 4}], "annotations": [], "categories": [{"id": 1}], "info": {}}
    truth.createIndex()
    loaded = truth.loadRes(str(tmp_path / "a.json"))
    assert [loaded.anns[number]["area"] for number in (1, 2, 3)] == [20, 27, 1]
    assert loaded.anns[2]["bbox"] == [6.0, 2.0, 3.0, 9.0]


def test_results_without_records_are_an_empty_list(tmp_path):
    write_coco_results(tmp_path / "a.json", [])
    assert json.loads((tmp_path / "a.json").read_text()) == []


@pytest.mark.parametrize("name", ["vtest", "market", "mot17_mini/MOT17-02-FRCNN", "mot17_mini/MOT17-13-FRCNN"])
def test_real_detections_are_read_whole(shared_data, name):
    for path in sorted((shared_data / name).glob("detections_*.json")):
        expected = json.loads(path.read_text())
        found = list(iterate_coco_results(path))
        assert len(found) == len(expected) > 0
        assert [(mask.frame, mask.score) for mask in found] == [(one["image_id"], one["score"]) for one in expected]
