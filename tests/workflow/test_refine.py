"""Tracks of another tracker through the real workflow."""

import sys
from pathlib import Path

import pytest

from remots.cli import main
from remots.evaluation.metrics import summarise
from remots.formats.results.evaluation_file import read_evaluation
from remots.formats.results.tables import read_table, write_table
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

HEADER = "sequence\tsplit\tframes\tdetections\ttracklets\tground_truth\tfirst_frame\tlast_frame\n"


def test_given_tracks_take_the_place_of_fusion_and_association(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    (tmp_path / "byte.txt").write_text("1,1,20,20,20,60,1\n")
    scene = "results/scenes/plaza"
    workplace.sheet = f"{HEADER}plaza\ttarget\t{scene}/frames.mp4\t{scene}/detections_a.json\tbyte.txt\t\t\t\n"
    workplace.write()
    rules = workplace.rules_to_run()
    assert {"import_tracklets", "refine", "detect", "train_inter", "merge"} <= set(rules)
    assert not {"fuse", "associate"} & set(rules)


def _evaluate_as_given(result: Path) -> dict[str, float]:
    """The metrics of the tracks as they were given, with the masks that they got."""
    tracks = result / "given_tracks.parquet"
    ids = sorted(set(read_table(result / "given_tracklets.parquet", "short_tracklets")["tracklet_id"]))
    write_table(tracks, "tracks", {"tracklet_id": ids, "track_id": [own + 1 for own in ids]})
    files = {"sequence": "sequence.json", "masks": "masks.parquet", "short-tracklets": "given_tracklets.parquet"}
    words = [word for name, file in files.items() for word in (f"--{name}", str(result / file))]
    made = [word for kind in ("mots", "kitti", "coco") for word in (f"--{kind}", str(result / f"given.{kind}"))]
    assert main(["export", *words, "--tracks", str(tracks), *made]) == 0
    words = ["--truth", str(result / "truth.parquet"), "--mots", str(result / "given.mots"), "--unlabelled", "drop"]
    out = result / "given.json"
    assert main(["evaluate", "--sequence", str(result / "sequence.json"), *words, "--out", str(out)]) == 0
    return summarise(read_evaluation(out)[1])


def test_bytetrack_on_a_real_video_is_better_once_refined(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any training: that would take minutes. `python -m tests.benchmarks refine` measures with it."""
    for package in ("supervision", "trackers"):
        pytest.importorskip(package, reason="needs the extra `benchmark`")
    from tests.benchmarks.refine import write_mot_text
    from tests.benchmarks.tracking_data import prepare, video_in

    clip = shared_data / "vtest"
    if not clip.is_dir():
        pytest.skip(f"{clip} is not here")
    prepare(tmp_path / "video", "vtest")
    write_mot_text(video_in(tmp_path / "video", "vtest"), "ByteTrack", tmp_path / "byte.txt")
    (tmp_path / "workplace").mkdir()
    workplace = Workplace(tmp_path / "workplace")
    weights = shared_data / "weights" / "osnet_x0_25_msmt17.onnx"
    workplace.config |= {
        "initialise": {"weights": str(weights)},
        "crop": {},
        "train": {"steps": 0},
        "evaluate": {"unlabelled": "drop"},
    }
    row = [
        "vtest",
        "target",
        f"{clip}/vtest.avi",
        f"{clip}/masks.txt",
        f"{tmp_path}/byte.txt",
        f"{clip}/gt.txt",
        "",
        "400",
    ]
    workplace.sheet = HEADER + "\t".join(row) + "\n"
    workplace.write()
    result = workplace.folder / "results" / "vtest"
    workplace.run("results/vtest/evaluation.json")
    before, after = _evaluate_as_given(result), summarise(read_evaluation(result / "evaluation.json")[1])
    with capsys.disabled():
        told = [f"IDF1 {found['IDF1']:.1f}, HOTA {found['HOTA']:.1f}" for found in (before, after)]
        sys.stdout.write(f"\nByteTrack on vtest: {told[0]}; refined: {told[1]}\n")
    assert after["IDF1"] > before["IDF1"] + 3
    assert after["HOTA"] > before["HOTA"] + 3
