"""``remots detect``: masks of moving people, as a table of detections."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from remots.cli import main
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.footage.video import VideoWriter, iterate_video, to_rgb
from remots.formats.results.tables import read_metadata, read_table
from remots.masks.rle import Rle, areas, boxes
from remots.synthetic.scene import SceneParameters, render_scene


def make_sequence(folder: Path, n_people: int = 4, first_frame: int = 1) -> Path:
    """Write a video of 40 frames, and the sequence that goes from `first_frame` to its end."""
    scene = SceneParameters(n_frames=40, n_people=n_people, height_px=240, width_px=426, seed=1)
    with VideoWriter(folder / "frames.mp4", scene.fps) as writer:
        for frame in render_scene(scene):
            writer.append(frame.image)
    sequence = Sequence("street", str(folder / "frames.mp4"), "video", 240, 426, 10.0, first_frame, 40)
    write_sequence(folder / "sequence.json", sequence)
    return folder / "sequence.json"


def detect(sequence: Path, out: Path, *flags: str, detector: str = "motion") -> int:
    return main(["detect", "--quiet", "--detector", detector, "--sequence", str(sequence), "--out", str(out), *flags])


def test_the_table_holds_masks_with_their_boxes_and_areas_by_frame(tmp_path: Path) -> None:
    out = tmp_path / "detections" / "motion.parquet"
    assert detect(make_sequence(tmp_path, first_frame=6), out) == 0
    table = read_table(out, "detections")
    assert len(table) > 40
    assert table.frame.is_monotonic_increasing
    assert table.frame.min() >= 6
    assert table.frame.max() <= 40
    masks = [Rle(size=(240, 426), counts=counts) for counts in table.rle]
    assert np.array_equal(areas(masks), table.area_px)
    assert np.array_equal(boxes(masks), table[["left_px", "top_px", "width_px", "height_px"]])
    assert set(table.class_id) == {2}
    assert table.score.between(0, 1, inclusive="right").all()
    assert read_metadata(out, "detections") == {"first_frame": 6, "height_px": 240, "last_frame": 40, "width_px": 426}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    sequence = make_sequence(tmp_path)
    for name in "ab":
        detect(sequence, tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_folder_of_images_gives_the_masks_of_the_video_they_come_from(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    video = make_sequence(tmp_path)
    for number, frame in enumerate(iterate_video(tmp_path / "frames.mp4"), start=1):
        cv2.imwrite(str(folder / f"{number:06}.png"), to_rgb(frame)[..., ::-1])
    write_sequence(tmp_path / "images.json", Sequence("street", str(folder), "images", 240, 426, 10.0, 1, 40))
    for name, sequence in (("video", video), ("images", tmp_path / "images.json")):
        assert detect(sequence, tmp_path / f"{name}.parquet", "--history-frames", "15") == 0
    assert (tmp_path / "video.parquet").read_bytes() == (tmp_path / "images.parquet").read_bytes()


def test_settings_reach_the_detector(tmp_path: Path) -> None:
    sequence = make_sequence(tmp_path)
    detect(sequence, tmp_path / "all.parquet")
    detect(sequence, tmp_path / "high.parquet", "--min-height-px", "60", "--history-frames", "20")
    n_all, high = (
        len(read_table(tmp_path / "all.parquet", "detections")),
        read_table(tmp_path / "high.parquet", "detections"),
    )
    assert 0 < len(high) < n_all
    assert high.height_px.min() >= 60


def test_an_empty_street_gives_an_empty_table_and_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect(make_sequence(tmp_path, n_people=0), tmp_path / "out.parquet") == 0
    assert len(read_table(tmp_path / "out.parquet", "detections")) == 0
    assert "found nothing" in capsys.readouterr().err


def test_an_unknown_detector_lists_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect(tmp_path / "sequence.json", tmp_path / "out.parquet", detector="yolo") == 2
    error = capsys.readouterr().err
    for name in ["detectron2", "mmdet", "torchvision", "transformers", "motion", "precomputed"]:
        assert name in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--detector", "motion", "--weights", "a.pth"], "--weights is no setting of detector motion; leave it out"),
        (["--detector", "mmdet", "--blur-px", "1"], "--blur-px is no setting of detector mmdet; leave it out"),
        (["--detector", "motion", "--masks", "a.json"], "--masks is only for detector precomputed, not motion"),
        (["--detector", "precomputed"], "name the file with --masks"),
        (["--detector", "motion", "--part", "1/2"], "only networks look at each frame alone"),
        (["--detector", "mmdet", "--part", "3/2"], "--part is 3/2: write K/N"),
        (["--detector", "mmdet", "--part", "half"], "--part is half: write K/N"),
        (["--detector", "mmdet", "--device", "tpu"], "--device is 'tpu': "),
        (["--detector", "mmdet", "--min-score", "2"], "--min-score is 2.0: input should be less than or equal to 1"),
        (["--detector", "mmdet", "--classes"], "--classes is []: "),
    ],
)
def test_flags_that_do_not_suit_the_detector_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    write_sequence(tmp_path / "sequence.json", Sequence("street", "frames.mp4", "video", 240, 426, 10.0, 1, 40))
    files = ["--sequence", str(tmp_path / "sequence.json"), "--out", str(tmp_path / "out.parquet")]
    assert main(["detect", *files, *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("remots detect: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sequence.json"]


def test_a_missing_sequence_or_video_is_named_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(tmp_path / "sequence.json", tmp_path / "out.parquet") == 2
    assert str(tmp_path / "sequence.json") in capsys.readouterr().err
    sequence = make_sequence(tmp_path)
    (tmp_path / "frames.mp4").unlink()
    assert detect(sequence, tmp_path / "out.parquet") == 2
    error = capsys.readouterr().err
    assert "frames.mp4" in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["sequence.json"]
