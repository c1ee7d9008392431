"""`remots import-tracklets` and `remots refine`, through the command line."""

import json

import numpy as np
import pytest

from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import describe_frames, geometry_columns, read_table, write_table
from remots.masks.rle import Rle, areas, decode, encode
from tests.commands.walkers import complaint, only_error_line, run_until, run_verb, write_walkers

HEIGHT, WIDTH = 40, 60
FILES = {"sequence": "sequence.json", "masks": "out/masks.parquet", "tracklets": "out/given.parquet"}
SEQUENCE = Sequence("street", "nowhere.mp4", "video", HEIGHT, WIDTH, 10.0, 1, 6)


def ellipse(left, top, width, height):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (columns + 0.5 - left) / width - 0.5, (rows + 0.5 - top) / height - 0.5
    return encode(x**2 + y**2 < 0.25)


def write_detections(folder, found):
    """A table of (frame, score, mask)."""
    masks = [mask for *_, mask in found]
    columns = {"frame": [frame for frame, *_ in found], "class_id": [2] * len(found)}
    columns |= {"score": [score for _, score, _ in found], **geometry_columns(masks)}
    write_table(folder / "detections.parquet", "detections", columns, describe_frames(SEQUENCE))


def run_import(folder, name, *flags):
    write_sequence(folder / "sequence.json", SEQUENCE)
    return run_verb(folder, "import-tracklets", str(folder / name), *flags, **FILES)


def read_back(folder):
    masks = read_table(folder / "out/masks.parquet", "masks")
    tracklets = read_table(folder / "out/given.parquet", "short_tracklets")
    assert masks["mask_id"].tolist() == tracklets["mask_id"].tolist() == list(range(len(masks)))
    assert masks["frame"].tolist() == tracklets["frame"].tolist()
    rles = [Rle(size=(HEIGHT, WIDTH), counts=counts) for counts in masks["rle"]]
    return masks, tracklets, rles


def test_boxes_take_the_mask_that_overlaps_them_best_and_else_stay_boxes(tmp_path, capsys):
    (tmp_path / "byte.txt").write_text(
        "1,5,11,6,10,20,0.8,-1,-1,-1\n1,9,41,6,10,20,0.7,-1,-1,-1\n4,5,13,6,10,20,0.9,-1,-1,-1\n"
    )
    good, poor = ellipse(10, 5, 10, 20), ellipse(12, 5, 10, 16)
    write_detections(tmp_path, [(1, 0.5, poor), (1, 0.9, good), (2, 0.9, good), (4, 0.6, ellipse(11, 5, 11, 20))])
    assert run_import(tmp_path, "byte.txt", "--detections", str(tmp_path / "detections.parquet")) == 0
    masks, tracklets, rles = read_back(tmp_path)
    assert tracklets["tracklet_id"].tolist() == [0, 1, 0]
    assert masks["frame"].tolist() == [1, 1, 4]
    assert rles[0] == good
    assert masks["score"].to_numpy() == pytest.approx([0.9, 0.7, 0.6])
    assert areas(rles)[1] == 200
    assert decode(rles[1])[5:25, 40:50].all()
    assert "1 of 3 masks are mere boxes" in capsys.readouterr().err


def test_of_two_boxes_the_lower_one_is_in_front_and_a_mask_is_in_front_of_a_box(tmp_path):
    (tmp_path / "byte.txt").write_text("1,1,11,1,10,20,1\n1,2,16,6,10,20,1\n2,1,11,1,10,20,1\n2,2,16,6,10,20,1\n")
    write_detections(tmp_path, [(2, 0.9, ellipse(10, 0, 10, 20))])
    assert run_import(tmp_path, "byte.txt", "--detections", str(tmp_path / "detections.parquet")) == 0
    _, _, rles = read_back(tmp_path)
    whole = areas([ellipse(10, 0, 10, 20)])[0]
    assert areas(rles).tolist()[:2] == [200 - 5 * 15, 200]
    assert areas(rles).tolist()[2] == whole
    assert not (decode(rles[2]) & decode(rles[3])).any()


def test_mots_text_and_coco_video_keep_their_masks(tmp_path):
    mask = ellipse(10, 5, 12, 20)
    text = "".join(f"{frame} 2007 2 {HEIGHT} {WIDTH} {mask['counts'].decode()}\n" for frame in (2, 3, 6))
    (tmp_path / "tracks.txt").write_text(text)
    video = {"id": 1, "name": "street", "height": HEIGHT, "width": WIDTH, "length": 6}
    shown = {"size": [HEIGHT, WIDTH], "counts": mask["counts"].decode()}
    track = {"id": 1, "video_id": 1, "category_id": 1, "segmentations": [None, shown, shown, None, None, shown]}
    everything = {"videos": [video], "categories": [{"id": 1, "name": "person"}], "annotations": [track]}
    (tmp_path / "tracks.json").write_text(json.dumps(everything))
    for name in ("tracks.txt", "tracks.json"):
        assert run_import(tmp_path, name) == 0
        masks, tracklets, rles = read_back(tmp_path)
        assert masks["frame"].tolist() == [2, 3, 6]
        assert tracklets["tracklet_id"].tolist() == [0, 0, 0]
        assert rles == [mask] * 3


def test_a_file_without_tracks_gives_empty_tables(tmp_path, capsys):
    (tmp_path / "byte.csv").write_text("")
    assert run_import(tmp_path, "byte.csv") == 0
    assert len(read_back(tmp_path)[0]) == 0
    assert "holds no masks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,5,11,6,10,20,1\n1,5,30,6,10,20,1\n", "lines 1 and 2 both have id 5 in frame 1"),
        ("1,5,11,6,10\n", "line 1: 5 columns"),
        ("1,5,left,6,10,20,1\n", "line 1"),
        ("1,5,11,6,10,20,1,3\n", "no mask has class 2"),
        ("9,5,11,6,10,20,1\n", "none of its 1 masks lies in frames 1 to 6"),
    ],
)
def test_tracks_that_make_no_sense_end_in_one_line(tmp_path, capsys, text, words):
    (tmp_path / "byte.csv").write_text(text)
    assert run_import(tmp_path, "byte.csv") == 2
    line = complaint(capsys, "import-tracklets", tmp_path)
    assert "byte.csv" in line
    assert words in line


REFINED = {
    "given": "given.parquet",
    "features": "features.npy",
    "warped_iou": "warped_iou.parquet",
    "out": "short_tracklets.parquet",
    "summary": "short_tracklets.json",
}


def test_a_track_that_goes_over_to_somebody_else_is_split(tmp_path):
    """Track 1 follows the right person until frame 10, then the left one; track 0 the other way round."""
    people = write_walkers(tmp_path, n_frames=20, step_px=1, hidden={(9, 0), (10, 0)})
    run_until(tmp_path, "warp")
    frames = read_table(tmp_path / "masks.parquet", "masks")["frame"].to_numpy()
    columns = {"mask_id": range(len(people)), "frame": frames, "tracklet_id": (people == 1) ^ (frames > 10)}
    write_table(tmp_path / "given.parquet", "short_tracklets", columns)
    assert run_verb(tmp_path, "refine", **REFINED) == 0
    refined = read_table(tmp_path / "short_tracklets.parquet", "short_tracklets")["tracklet_id"].to_numpy()
    assert not set(refined[people == 0]) & set(refined[people == 1])
    summary = json.loads((tmp_path / "short_tracklets.json").read_text())
    assert (summary["n_given_tracklets"], summary["n_split_tracklets"]) == (2, 2)


def test_two_masks_of_a_track_in_one_frame_end_in_one_line(tmp_path, capsys):
    write_walkers(tmp_path, n_frames=3)
    run_until(tmp_path, "warp")
    capsys.readouterr()
    columns = {"mask_id": range(6), "frame": [1, 1, 2, 2, 3, 3], "tracklet_id": [0, 1, 0, 0, 0, 1]}
    write_table(tmp_path / "given.parquet", "short_tracklets", columns)
    assert run_verb(tmp_path, "refine", **REFINED) == 2
    line = only_error_line(capsys, "refine", tmp_path, "short_tracklets.parquet")
    assert "tracklet 0 has two masks in frame 2" in line
