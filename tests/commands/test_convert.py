"""`remots convert`, through the command line; what is written is read by the tools of each format's own world."""

import json
import xml.etree.ElementTree as ElementTree  # of files that this test has written
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from remots.cli import main
from remots.formats.footage.sequence import write_sequence
from remots.masks.rle import boxes, encode
from tests.formats import official_readers
from tests.formats.drawn import HEIGHT, WIDTH, block, mots_line, some_sequence
from tests.formats.test_tracks import write_join, write_masks

SIZE = (HEIGHT, WIDTH)
N_FRAMES = 4
A, B, C, IGNORED = block(0, 0, 4, 5), block(10, 0, 4, 5), block(0, 10, 6, 5), block(20, 12, 8, 6)
# Two pedestrians, a car, an ignore region; nobody in frame 3.
SCENE = [(1, 2001, A), (1, 1005, C), (1, 10000, IGNORED), (2, 2001, B), (2, 2007, A), (4, 1005, B), (4, 2007, C)]
SUFFIXES = {"mots": ".txt", "mots-zip": ".zip", "kitti": ".txt", "coco-video": ".json", "cvat": ".xml", "boxes": ".csv"}


def write_text(path, rows=SCENE, first_number=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{mots_line(frame + first_number - 1, who, mask)}\n" for frame, who, mask in rows))
    return path


def convert(source, target, out, *flags):
    return main(["convert", str(source), "--to", target, "--out", str(out), *flags])


def converted(tmp_path, target, rows=SCENE, *flags):
    """The scene as one sequence of `N_FRAMES` frames, in a format."""
    write_sequence(tmp_path / "sequence.json", some_sequence(1, N_FRAMES))
    source = write_text(tmp_path / "street.txt", rows)
    out = tmp_path / f"out{SUFFIXES.get(target, '')}"
    assert convert(source, target, out, "--sequence", str(tmp_path / "sequence.json"), *flags) == 0
    return out


def expected_masks(rows=SCENE, with_ignored=False):
    return {(frame, who): (who // 1000, mask["counts"]) for frame, who, mask in rows if with_ignored or who != 10000}


# --- read by the others' tools


def test_trackeval_reads_mots_text_with_its_classes_and_its_ignore_region(tmp_path):
    masks, ignored = official_readers.read_mots_challenge(
        converted(tmp_path, "mots"), N_FRAMES, tmp_path / "w", is_gt=True
    )
    assert masks == expected_masks()
    assert [int(coco_mask.area(region)) if region["counts"] else 0 for region in ignored] == [48, 0, 0, 0]


def test_trackeval_reads_the_zip_for_the_server_which_has_a_file_per_sequence(tmp_path):
    pedestrians = [row for row in SCENE if row[1] // 1000 == 2]
    folder = tmp_path / "results"
    write_text(folder / "MOTS20-01.txt", pedestrians)
    write_text(folder / "MOTS20-06.txt", pedestrians[:2])
    assert convert(folder, "mots-zip", tmp_path / "mots20.zip") == 0
    with zipfile.ZipFile(tmp_path / "mots20.zip") as zipped:
        assert zipped.namelist() == ["MOTS20-01.txt", "MOTS20-06.txt"]
    read = official_readers.read_mots_zip(tmp_path / "mots20.zip", {"MOTS20-01": 4, "MOTS20-06": 4}, tmp_path / "w")
    assert read == {"MOTS20-01": expected_masks(pedestrians), "MOTS20-06": expected_masks(pedestrians[:2])}


def test_trackeval_reads_kitti_mots_text_from_frame_zero(tmp_path):
    masks, ignored = official_readers.read_kitti_mots(converted(tmp_path, "kitti"), N_FRAMES, tmp_path / "w")
    assert masks == expected_masks()
    assert int(coco_mask.area(ignored[0])) == 48


@pytest.mark.parametrize(("target", "first"), [("mots-png", 1), ("kitti-png", 0)])
def test_mots_png_holds_the_ids_in_sixteen_bits_with_an_image_for_every_frame(tmp_path, target, first):
    folder = converted(tmp_path, target)
    assert sorted(path.name for path in folder.iterdir()) == [f"{n:06d}.png" for n in range(first, first + N_FRAMES)]
    found = {}
    for frame in range(1, N_FRAMES + 1):  # as the benchmark's page says that they are read
        image = np.array(Image.open(folder / f"{frame + first - 1:06d}.png"))
        for who in np.unique(image)[1:].tolist():
            found[frame, who] = (who // 1000, encode(image == who)["counts"])
    assert found == expected_masks(with_ignored=True)


def test_trackeval_reads_davis_png_whose_palette_is_that_of_davis(tmp_path):
    folder = converted(tmp_path, "davis", SCENE)
    with Image.open(folder / "00000.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    masks, void = official_readers.read_davis(folder, tmp_path / "w")
    assert masks == {(frame, who % 1000): (None, mask["counts"]) for frame, who, mask in SCENE if who != 10000}
    assert [int(coco_mask.area(one)) for one in void] == [48, 0, 0, 0]


def test_trackeval_reads_coco_video_as_youtube_vis_and_finds_every_track(tmp_path):
    file = converted(tmp_path, "coco-video")
    scores = official_readers.read_youtube_vis(file, tmp_path / "w")
    assert {key: value["CLR_TP"] for key, value in scores.items()} == {
        ("street", "car"): 2, ("street", "pedestrian"): 4, ("street", "ignore region"): 1
    }  # fmt: skip
    tracks = scores["street", "pedestrian"]["data"]["gt_tracks"]
    assert [[frame for frame, mask in track.items() if mask] for track in tracks] == [[0, 1], [1, 3]]
    stored = json.loads(file.read_text())
    crowds = {one["track_id"]: one["iscrowd"] for one in stored["annotations"]}
    assert crowds == {1005: 0, 2001: 0, 2007: 0, 10000: 1}


def test_trackeval_reads_the_boxes_with_the_classes_of_motchallenge(tmp_path):
    read = official_readers.read_mot_boxes(converted(tmp_path, "boxes"), N_FRAMES, tmp_path / "w")
    classes = {1: 3, 2: 1, 10: 13}
    assert read == {
        (frame, who): (classes[who // 1000], *(boxes([mask])[0] + [1, 1, 0, 0]).tolist()) for frame, who, mask in SCENE
    }


def import_as_cvat_does(file):
    """What CVAT keeps of a file for video: of a track of masks, the first shape, its label and its group.

    Its importer (`load_anno`) makes a shape of such a track: tracks of masks it has none.
    """
    kept = []
    for track in ElementTree.parse(file).getroot().iter("track"):  # noqa: S314
        shapes = [shape for shape in track if shape.tag == "mask" and shape.attrib["keyframe"] == "1"]
        first = shapes[0].attrib
        runs = [int(run) for run in first["rle"].split(",")]
        left, top, width, height = (int(first[side]) for side in ("left", "top", "width", "height"))
        dense = np.zeros(SIZE, bool)
        for place in np.flatnonzero(np.repeat(np.arange(len(runs)) % 2, runs)):  # along the rows of the box
            dense[top + place // width, left + place % width] = True
        assert sum(runs) == width * height
        kept.append((int(first["frame"]) + 1, int(track.attrib["group_id"]), track.attrib["label"], dense))
        assert [shape.attrib["outside"] for shape in shapes] in (["0"], ["0", "1"])
    return kept


def test_cvat_keeps_every_mask_with_its_label_and_the_group_of_its_object(tmp_path):
    file = converted(tmp_path, "cvat")
    names = {1: "car", 2: "pedestrian", 10: "ignore region"}
    found = {
        (frame, group): (label, encode(dense)["counts"]) for frame, group, label, dense in import_as_cvat_does(file)
    }
    assert found == {(frame, who): (names[who // 1000], mask["counts"]) for frame, who, mask in SCENE}
    task = ElementTree.parse(file).getroot().find("meta/task")  # noqa: S314
    assert (task.find("size").text, task.find("original_size/width").text) == ("4", str(WIDTH))
    assert {label.find("name").text for label in task.iter("label")} == set(names.values())


# --- there and back


@pytest.mark.parametrize("target", ["mots", "mots-zip", "mots-png", "kitti", "kitti-png", "coco-video", "cvat"])
def test_there_and_back_nothing_is_lost(tmp_path, target):
    out = converted(tmp_path, target)
    assert convert(out, "mots", tmp_path / "back.txt") == 0
    assert sorted((tmp_path / "back.txt").read_text().splitlines()) == sorted(
        (tmp_path / "street.txt").read_text().splitlines()
    )


def test_davis_and_back_loses_only_the_classes_and_says_so(tmp_path, capsys):
    out = converted(tmp_path, "davis", [row for row in SCENE if row[1] // 1000 != 1])
    assert "classes are not kept (ignore region, pedestrian)" in capsys.readouterr().err
    assert convert(out, "mots", tmp_path / "back.txt") == 0
    assert sorted((tmp_path / "back.txt").read_text().splitlines()) == sorted(
        (tmp_path / "street.txt").read_text().splitlines()
    )


def test_boxes_become_masks_that_fill_them_cut_off_at_the_border(tmp_path, capsys):
    write_sequence(tmp_path / "sequence.json", some_sequence(1, 2))
    (tmp_path / "boxes.csv").write_text(
        "1,7,-3,1,8,5,0.9,-1,-1,-1\n2,7,1,1,500,500,0.4,-1,-1,-1\n1,8,3,1,8,5,0.5,3,1\n"
    )
    assert (
        convert(
            tmp_path / "boxes.csv", "coco-video", tmp_path / "o.json", "--sequence", str(tmp_path / "sequence.json")
        )
        == 0
    )
    assert "its masks are boxes" in capsys.readouterr().err
    first, second = json.loads((tmp_path / "o.json").read_text())["annotations"]
    assert (first["track_id"], second["track_id"]) == (1008, 2007)
    assert second["bboxes"] == [[0, 0, 4, 5], [0, 0, WIDTH, HEIGHT]]
    assert second["score"] == 0.65


def test_results_of_remots_go_out_with_their_scores(tmp_path, capsys):
    sequence = some_sequence(1, 4)
    folder = tmp_path / "street"
    folder.mkdir()
    write_sequence(folder / "sequence.json", sequence)
    write_masks(folder, [(2, A), (2, B), (4, C)], sequence)
    write_join(folder, [(0, 0), (1, 1), (2, 2)], [(0, 1), (1, 2), (2, 1)])
    assert convert(tmp_path, "coco-video", tmp_path / "all.json") == 0
    stored = json.loads((tmp_path / "all.json").read_text())
    assert [(one["track_id"], one["score"]) for one in stored["annotations"]] == [(2001, 0.5), (2002, 0.5)]
    capsys.readouterr()
    assert convert(folder, "mots", tmp_path / "street.txt") == 0
    assert "street: scores are not kept" in capsys.readouterr().err
    table = pd.read_csv(tmp_path / "street.txt", sep=" ", header=None)
    assert table[[0, 1]].to_numpy().tolist() == [[2, 2001], [2, 2002], [4, 2001]]


def test_a_data_set_of_motchallenge_goes_out_sequence_by_sequence(tmp_path):
    for name in ("MOTS20-02", "MOTS20-05"):
        write_text(tmp_path / "train" / name / "gt" / "gt.txt")
        (tmp_path / "train" / name / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nseqLength=6\n")
    assert convert(tmp_path / "train", "kitti-png", tmp_path / "png") == 0
    assert sorted(path.name for path in (tmp_path / "png").iterdir()) == ["MOTS20-02", "MOTS20-05"]
    assert len(list((tmp_path / "png" / "MOTS20-05").iterdir())) == 6
    assert convert(tmp_path / "train", "coco-video", tmp_path / "all.json") == 0
    videos = json.loads((tmp_path / "all.json").read_text())["videos"]
    assert [(video["name"], video["length"]) for video in videos] == [("MOTS20-02", 6), ("MOTS20-05", 6)]
    assert convert(tmp_path / "all.json", "mots", tmp_path / "texts") == 0
    assert sorted(path.name for path in (tmp_path / "texts").iterdir()) == ["MOTS20-02.txt", "MOTS20-05.txt"]


# --- what does not fit


def overlapping_video(tmp_path, score_of_small):
    """Two tracks of COCO video that overlap: a small mask within a large one."""
    large, small = block(0, 0, 10, 10), block(2, 2, 3, 3)
    annotations = [
        {"id": n, "video_id": 1, "category_id": 1, "score": score, "segmentations": [
            {"size": list(SIZE), "counts": mask["counts"].decode()}]}
        for n, (mask, score) in enumerate([(large, 0.5), (small, score_of_small)], start=1)
    ]  # fmt: skip
    stored = {
        "videos": [{"id": 1, "height": HEIGHT, "width": WIDTH, "length": 1, "file_names": ["street/0.jpg"]}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
        "annotations": [*annotations, {"id": 3, "video_id": 1, "category_id": 2, "segmentations": [None]}],
    }
    (tmp_path / "v.json").write_text(json.dumps(stored))
    return tmp_path / "v.json"


@pytest.mark.parametrize(("score", "areas_px"), [(0.9, [91, 9]), (0.5, [91, 9]), (0.1, [100])])
def test_pixels_claimed_twice_go_to_the_higher_score_and_of_equal_scores_to_the_smaller_mask(
    tmp_path, capsys, score, areas_px
):
    assert convert(overlapping_video(tmp_path, score), "mots", tmp_path / "street.txt") == 0
    rows = [line.split() for line in (tmp_path / "street.txt").read_text().splitlines()]
    assert [int(coco_mask.area({"size": SIZE, "counts": row[5]})) for row in rows] == areas_px
    warnings = [line for line in capsys.readouterr().err.splitlines() if "not all is the same" in line]
    assert len(warnings) == 1
    for said in ("scores are not kept", "9 px claimed twice", "1 of class 'dog' are left out"):
        assert said in warnings[0]
    assert ("1 masks had no pixel left" in warnings[0]) == (len(areas_px) == 1)
    official_readers.read_mots_challenge(tmp_path / "street.txt", 1, tmp_path / "w")


def test_more_objects_than_a_palette_has_are_refused_with_another_way(tmp_path, capsys):
    rows = [(1 + n // 20, 2001 + n, block(n % 20, 0, 1, 1)) for n in range(300)]
    assert convert(write_text(tmp_path / "s.txt", rows), "davis", tmp_path / "davis") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "s: 300 objects, but a palette PNG has room for 254" in error
    assert not (tmp_path / "davis").exists()
    assert not list(tmp_path.glob(".*partial*"))


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path, capsys):
    (tmp_path / "png").mkdir()
    (tmp_path / "png" / "mine.txt").write_text("mine")
    assert convert(write_text(tmp_path / "s.txt"), "mots-png", tmp_path / "png") == 2
    assert "is there already and not empty" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "png").iterdir()] == ["mine.txt"]


WRONG = {
    "no.txt": (None, "no such file or folder"),
    "s.tiff": ("x", "unknown format; name it with --from"),
    "s.txt": ("1 2001 2 24 32 zz\n", "malformed mask"),
    "s.json": ("[]", "has no videos; COCO video is an object of"),
    "t.json": ('{"videos": [', "not valid JSON"),
    "s.xml": ("<a/>", "an XML of <a>, not CVAT's <annotations>"),
    "t.xml": ('<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "has a document type"),
    "u.xml": ("<annotations><image id='0'/></annotations>", "'CVAT for images' has no tracks"),
    "v.xml": ("<annotations><track", "not valid XML"),
    "s.csv": ("1,1,1,1,2,2,1\n", "boxes do not say how large the frames are; give --sequence"),
    "s.zip": ("PK", "not a readable zip archive"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_source_that_cannot_be_read_is_one_line_and_leaves_nothing(tmp_path, capsys, name):
    content, expected = WRONG[name]
    if content is not None:
        (tmp_path / name).write_text(content)
    assert convert(tmp_path / name, "kitti", tmp_path / "out" / "o.txt", "--quiet") == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


def test_a_mask_of_cvat_whose_runs_do_not_fill_its_box_is_refused_with_its_line(tmp_path, capsys):
    (tmp_path / "s.xml").write_text(
        "<annotations><meta><task><size>1</size><original_size><width>9</width><height>9</height></original_size></task>"
        '</meta>\n<track id="0" label="person"><mask frame="0" keyframe="1" outside="0" rle="1, 2" left="0" top="0" '
        'width="2" height="2"/></track></annotations>'
    )
    assert convert(tmp_path / "s.xml", "mots", tmp_path / "o.txt") == 2
    assert "line 2 (frame 1): malformed mask: its runs add up to 3 px, its box is 2 x 2 px" in capsys.readouterr().err


def test_boxes_and_polygons_of_cvat_tracks_become_masks(tmp_path):
    (tmp_path / "s.xml").write_text(
        "<annotations><meta><task><size>3</size><original_size><width>9</width><height>9</height></original_size></task>"
        '</meta><track id="0" label="car"><box frame="0" keyframe="1" outside="0" xtl="0" ytl="0" xbr="2" ybr="3"/>'
        '<box frame="1" keyframe="1" outside="1" xtl="0" ytl="0" xbr="2" ybr="3"/></track>'
        '<track id="1" label="person"><polygon frame="2" keyframe="1" outside="0" points="0,0;4,0;4,4;0,4"/></track>'
        "</annotations>"
    )
    assert convert(tmp_path / "s.xml", "mots", tmp_path / "o.txt") == 0
    rows = [line.split() for line in (tmp_path / "o.txt").read_text().splitlines()]
    assert [row[:3] for row in rows] == [["1", "1001", "1"], ["3", "2001", "2"]]
    assert [int(coco_mask.area({"size": (9, 9), "counts": row[5]})) for row in rows] == [6, 16]


# --- any scene


@st.composite
def scenes(draw):
    """Frames of random disjoint masks of random classes."""
    n_frames = draw(st.integers(1, 4))
    rows = []
    for frame in range(1, n_frames + 1):
        labels = draw(st.lists(st.sampled_from([0, 1, 2, 3, 4]), min_size=12, max_size=12))
        dense = np.array(labels).reshape(3, 4)
        rows += [(frame, (2001, 2002, 1001, 10000)[n - 1], encode(dense == n)) for n in np.unique(dense[dense > 0])]
    return rows


@pytest.mark.parametrize("target", ["mots-zip", "mots-png", "coco-video", "cvat"])
@given(rows=scenes())
@settings(deadline=None, max_examples=12)
def test_any_scene_comes_back_as_it_was(tmp_path_factory, target, rows):
    if not rows:
        return
    folder = tmp_path_factory.mktemp("any")
    source = write_text(folder / "s.txt", rows)
    out = folder / f"o{SUFFIXES.get(target, '')}"
    assert convert(source, target, out, "--quiet") == 0
    assert convert(out, "mots", folder / "back.txt", "--quiet") == 0
    assert sorted((folder / "back.txt").read_text().splitlines()) == sorted(source.read_text().splitlines())


def test_the_true_masks_of_vtest_pass_through_every_format(shared_data, tmp_path):
    source = shared_data / "vtest" / "gt.txt"
    if not source.is_file():
        pytest.skip(f"{source} is not here")
    lines = source.read_text().splitlines()[:300]
    (tmp_path / "vtest.txt").write_text("\n".join(lines) + "\n")
    previous = tmp_path / "vtest.txt"
    for target in ("coco-video", "cvat", "mots-png", "mots-zip", "mots"):
        out = tmp_path / f"{target}{SUFFIXES.get(target, '')}"
        assert convert(previous, target, out, "--quiet") == 0
        previous = out
    assert sorted(previous.read_text().splitlines()) == sorted(lines)
