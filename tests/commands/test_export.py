"""`remots export`, through the command line, read again by the tools of the benchmarks."""

import contextlib
import io
import json

import numpy as np
import pytest
import trackeval
from pycocotools import mask as coco_mask

from remots.cli import main
from remots.formats.footage.frames import probe_frames
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import iterate_frames, read_table, write_table
from tests.formats.drawn import HEIGHT, WIDTH, block, some_sequence, write_images
from tests.formats.test_tracks import write_join, write_masks

A, B, C, D = block(0, 0, 4, 5), block(10, 0, 4, 5), block(0, 10, 4, 5), block(10, 10, 4, 5)
OUTPUTS = {"--mots": "mots.txt", "--kitti": "kitti_mots.txt", "--coco": "coco_video.json"}


def export(folder, *flags):
    inputs = {"--sequence": "sequence.json", "--masks": "masks.parquet"}
    inputs |= {"--short-tracklets": "short_tracklets.parquet", "--tracks": "tracks.parquet"}
    words = [word for flag, name in inputs.items() for word in (flag, str(folder / name))]
    words += [word for flag, name in OUTPUTS.items() for word in (flag, str(folder / "out" / name))]
    return main(["export", *words, *flags])


def write_result(folder, sequence=None, track_ids=(1, 2, 1)):
    """Two tracks in frames 2 and 4 of a sequence of frames 2 to 5."""
    sequence = sequence or some_sequence(2, 5)
    write_sequence(folder / "sequence.json", sequence)
    write_masks(folder, [(2, A), (2, B), (4, C)], sequence)
    write_join(folder, [(0, 0), (1, 1), (2, 2)], list(enumerate(track_ids)))
    return folder


def lines_of(folder, name):
    return [line.split() for line in (folder / "out" / name).read_text().splitlines()]


def test_both_texts_have_a_line_per_mask_and_differ_only_in_the_number_of_the_first_frame(tmp_path):
    assert export(write_result(tmp_path)) == 0
    size = [str(HEIGHT), str(WIDTH)]
    assert lines_of(tmp_path, "mots.txt") == [
        ["2", "2001", "2", *size, A["counts"].decode()],
        ["2", "2002", "2", *size, B["counts"].decode()],
        ["4", "2001", "2", *size, C["counts"].decode()],
    ]
    kitti = lines_of(tmp_path, "kitti_mots.txt")
    assert [row[0] for row in kitti] == ["1", "1", "3"]
    assert [row[1:] for row in kitti] == [row[1:] for row in lines_of(tmp_path, "mots.txt")]


def test_coco_video_has_a_track_per_annotation_and_null_where_it_is_not_seen(tmp_path):
    assert export(write_result(tmp_path)) == 0
    stored = json.loads((tmp_path / "out" / "coco_video.json").read_text())
    (video,) = stored["videos"]
    assert (video["length"], video["height"], video["width"], video["first_frame"]) == (4, HEIGHT, WIDTH, 2)
    first, second = stored["annotations"]
    assert (first["track_id"], second["track_id"]) == (1, 2)
    assert [one is None for one in first["segmentations"]] == [False, True, False, True]
    assert [one is None for one in second["segmentations"]] == [False, True, True, True]
    assert first["areas"] == [20, None, 20, None]
    assert first["bboxes"] == [[0, 0, 4, 5], None, [0, 10, 4, 5], None]
    assert first["score"] == 0.5
    assert {one["category_id"] for one in stored["annotations"]} == {one["id"] for one in stored["categories"]}
    assert np.array_equal(coco_mask.decode(first["segmentations"][2]), coco_mask.decode(C))


def test_coco_video_names_the_images_of_a_folder(tmp_path):
    sequence = probe_frames(write_images(tmp_path / "street", 6), 2, 5)
    assert export(write_result(tmp_path, sequence)) == 0
    stored = json.loads((tmp_path / "out" / "coco_video.json").read_text())
    assert stored["videos"][0]["file_names"] == ["2.png", "3.png", "4.png", "5.png"]


def test_another_class_has_ids_of_its_own(tmp_path):
    assert export(write_result(tmp_path), "--class-id", "1") == 0
    assert [row[1:3] for row in lines_of(tmp_path, "mots.txt")] == [["1001", "1"], ["1002", "1"], ["1001", "1"]]
    assert json.loads((tmp_path / "out" / "coco_video.json").read_text())["categories"][0]["name"] == "car"


def test_tracks_from_1000_on_keep_their_class(tmp_path):
    assert export(write_result(tmp_path, track_ids=(999, 8000, 1000))) == 0
    assert [row[1] for row in lines_of(tmp_path, "mots.txt")] == ["2999", "2008000", "2001000"]


def test_masks_without_a_track_are_left_out_with_a_warning(tmp_path, capsys):
    write_result(tmp_path)
    write_join(tmp_path, [(0, 0), (2, 2)], [(0, 1), (2, 1)])
    assert export(tmp_path, "--quiet") == 0
    assert [row[1] for row in lines_of(tmp_path, "mots.txt")] == ["2001", "2001"]
    assert "1 masks are in no track" in capsys.readouterr().err


def test_a_result_without_masks_is_three_valid_files(tmp_path):
    write_sequence(tmp_path / "sequence.json", some_sequence(2, 5))
    write_masks(tmp_path, [])
    write_join(tmp_path, [], [])
    assert export(tmp_path) == 0
    assert lines_of(tmp_path, "mots.txt") == lines_of(tmp_path, "kitti_mots.txt") == []
    assert json.loads((tmp_path / "out" / "coco_video.json").read_text())["annotations"] == []


def test_two_runs_give_the_same_bytes(tmp_path):
    write_result(tmp_path)
    written = []
    for _ in range(2):
        assert export(tmp_path) == 0
        written.append([(tmp_path / "out" / name).read_bytes() for name in OUTPUTS.values()])
    assert written[0] == written[1]


def test_what_is_written_can_be_imported_again(tmp_path):
    assert export(write_result(tmp_path)) == 0
    for name in ("mots.txt", "kitti_mots.txt"):
        words = ["import-truth", str(tmp_path / "out" / name), "--sequence", str(tmp_path / "sequence.json")]
        first = "0" if name.startswith("kitti") else "1"
        assert main([*words, "--out", str(tmp_path / "truth.parquet"), "--first-frame-number", first]) == 0
        table = read_table(tmp_path / "truth.parquet", "truth")
        assert table["identity"].tolist() == [2001, 2002, 2001]
        assert table["frame"].tolist() == [2, 2, 4]
        assert table["rle"].tolist() == [A["counts"], B["counts"], C["counts"]]


def wrong_size(folder):
    write_sequence(folder / "sequence.json", some_sequence(2, 5, 48, 64))
    return "masks.parquet: masks of frames of 32x24 px, but street has 64x48 px"


def other_frames(folder):
    write_sequence(folder / "sequence.json", some_sequence(3, 5))
    return "masks.parquet: has masks in frame 2, but street has only the frames 3 to 5"


def two_masks_in_a_frame(folder):
    write_join(folder, [(0, 0), (1, 1), (2, 2)], [(0, 1), (1, 1), (2, 1)])
    return "tracks.parquet: track 1 has two masks in frame 2"


def other_masks(folder):
    write_join(folder, [(0, 0), (3, 1)], [(0, 1), (1, 1)])
    return "short_tracklets.parquet: mask_id 3, but there are 3 masks"


def no_tracks(folder):
    (folder / "tracks.parquet").unlink()
    return "tracks.parquet: no such file"


def wrong_table(folder):
    (folder / "tracks.parquet").write_bytes((folder / "masks.parquet").read_bytes())
    return "tracks.parquet: a table of tracks has the columns tracklet_id, track_id"


def broken_table(folder):
    (folder / "masks.parquet").write_bytes(b"PAR1")
    return "masks.parquet: not a readable parquet file; make it again"


@pytest.mark.parametrize(
    "damage", [wrong_size, other_frames, two_masks_in_a_frame, other_masks, no_tracks, wrong_table, broken_table]
)
def test_inputs_that_do_not_belong_together_end_in_one_line(tmp_path, capsys, damage):
    expected = damage(write_result(tmp_path))
    assert export(tmp_path, "--quiet") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("remots export: error: ")
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))
    assert not list(tmp_path.glob("out/.*"))


# --- the tools of the benchmarks


def import_masks_as_result(shared_data, folder):
    """The true masks of vtest as a result: a track per person."""
    sequence = Sequence("vtest", str(shared_data / "vtest" / "vtest.avi"), "video", 576, 768, 10.0, 1, 400)
    write_sequence(folder / "sequence.json", sequence)
    places = ["--sequence", str(folder / "sequence.json"), "--out", str(folder / "truth.parquet")]
    assert main(["import-truth", str(shared_data / "vtest" / "gt.txt"), *places]) == 0
    truth = read_table(folder / "truth.parquet", "truth")
    rows = [
        (frame, {"size": (576, 768), "counts": counts})
        for frame, columns in iterate_frames(folder / "truth.parquet", "truth")
        for counts in columns["rle"]
    ]
    write_masks(folder, rows, sequence)
    tracks = {"tracklet_id": sorted(set(truth["identity"]))}
    write_table(folder / "tracks.parquet", "tracks", tracks | {"track_id": range(1, 1 + len(tracks["tracklet_id"]))})
    columns = {"mask_id": truth["mask_id"], "frame": truth["frame"], "tracklet_id": truth["identity"]}
    write_table(folder / "short_tracklets.parquet", "short_tracklets", columns)


def test_trackeval_reads_what_is_written_and_finds_it_perfect(shared_data, tmp_path):
    import_masks_as_result(shared_data, tmp_path)
    assert export(tmp_path) == 0
    (tmp_path / "gt" / "vtest" / "gt").mkdir(parents=True)
    (tmp_path / "gt" / "vtest" / "gt" / "gt.txt").write_bytes((shared_data / "vtest" / "gt.txt").read_bytes())
    (tmp_path / "gt" / "vtest" / "seqinfo.ini").write_text("[Sequence]\nname=vtest\nseqLength=400\n")
    (tmp_path / "trackers" / "remots" / "data").mkdir(parents=True)
    (tmp_path / "out" / "mots.txt").rename(tmp_path / "trackers" / "remots" / "data" / "vtest.txt")
    config = {
        "GT_FOLDER": str(tmp_path / "gt"),
        "TRACKERS_FOLDER": str(tmp_path / "trackers"),
        "OUTPUT_FOLDER": str(tmp_path / "scores"),
        "TRACKERS_TO_EVAL": ["remots"],
        "SEQ_INFO": {"vtest": 400},
        "SKIP_SPLIT_FOL": True,
        "PRINT_CONFIG": False,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        evaluator = trackeval.Evaluator(
            {"PRINT_CONFIG": False, "PRINT_RESULTS": False, "TIME_PROGRESS": False, "PLOT_CURVES": False,
             "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False, "BREAK_ON_ERROR": True}
        )  # fmt: skip
        dataset = trackeval.datasets.MOTSChallenge(config)
        metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(), trackeval.metrics.Identity()]
        results, _ = evaluator.evaluate([dataset], metrics)
    scores = results["MOTSChallenge"]["remots"]["vtest"]["pedestrian"]
    assert scores["CLEAR"]["CLR_TP"] == 1995
    assert (scores["CLEAR"]["MOTA"], scores["CLEAR"]["sMOTA"], scores["Identity"]["IDF1"]) == (1.0, 1.0, 1.0)


def test_pycocotools_decodes_every_mask_of_coco_video(shared_data, tmp_path):
    import_masks_as_result(shared_data, tmp_path)
    assert export(tmp_path) == 0
    stored = json.loads((tmp_path / "out" / "coco_video.json").read_text())
    n_masks = 0
    for annotation in stored["annotations"]:
        assert len(annotation["segmentations"]) == stored["videos"][0]["length"] == 400
        masks = [one for one in annotation["segmentations"] if one is not None]
        assert [int(coco_mask.area(mask)) for mask in masks] == [one for one in annotation["areas"] if one is not None]
        assert [coco_mask.toBbox(mask).tolist() for mask in masks] == [one for one in annotation["bboxes"] if one]
        n_masks += len(masks)
    assert n_masks == 1995
