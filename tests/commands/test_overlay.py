from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from remots.cli import main
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.formats.results.tables import write_table
from remots.masks.rle import Rle, areas, boxes, encode
from remots.report.colours import track_colour

HEIGHT, WIDTH, N_FRAMES = 96, 160, 6
STREET = (70, 80, 90)


def person(left: int) -> Rle:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[40:90, left : left + 30] = True
    return encode(pixels)


def write_result(folder: Path, rows: list[tuple[int, Rle, int, int]], size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """Write rows of (frame, mask, tracklet, track); tracklet or track -1 for none."""
    masks = [row[1] for row in rows]
    left, top, width, height = boxes(masks).T
    columns = {
        "mask_id": range(len(rows)),
        "frame": [row[0] for row in rows],
        "class_id": [2] * len(rows),
        "score": [1.0] * len(rows),
        "left_px": left,
        "top_px": top,
        "width_px": width,
        "height_px": height,
        "area_px": areas(masks),
        "rle": [mask["counts"] for mask in masks],
    }
    facts = {"height_px": size[0], "width_px": size[1], "first_frame": 1, "last_frame": N_FRAMES}
    write_table(folder / "masks.parquet", "masks", columns, facts)
    members = [(mask_id, row[0], row[2]) for mask_id, row in enumerate(rows) if row[2] >= 0]
    names = ("mask_id", "frame", "tracklet_id")
    write_table(folder / "short_tracklets.parquet", "short_tracklets", _columns(names, members))
    tracks = sorted({(row[2], row[3]) for row in rows if row[2] >= 0 and row[3] >= 0})
    write_table(folder / "tracks.parquet", "tracks", _columns(("tracklet_id", "track_id"), tracks))


def _columns(names: tuple[str, ...], rows: list[tuple]) -> dict[str, list]:
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


@pytest.fixture
def street(tmp_path) -> Path:
    """A plain street; one person stands still in track 4 from frame 1 to 5, one in no track in frame 2."""
    (tmp_path / "img1").mkdir()
    for frame in range(1, N_FRAMES + 1):
        image = np.full((HEIGHT, WIDTH, 3), STREET, dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "img1" / f"{frame:06d}.png"), image[..., ::-1])
    write_sequence(
        tmp_path / "sequence.json",
        Sequence("street", str(tmp_path / "img1"), "images", HEIGHT, WIDTH, 10.0, 1, N_FRAMES),
    )
    rows = [(frame, person(20), 3 if frame < 3 else 7, 4) for frame in range(1, 6)]
    write_result(tmp_path, [rows[0], rows[1], (2, person(110), -1, -1), *rows[2:]])
    return tmp_path


def overlay(folder: Path, *flags: str) -> int:
    words = ["--sequence", "sequence.json", "--masks", "masks.parquet", "--short-tracklets", "short_tracklets.parquet"]
    words += ["--tracks", "tracks.parquet", "--out", "overlay.mp4"]
    return main(["overlay", *(str(folder / word) if "." in word else word for word in words), *flags])


def read_video(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(int)


def test_the_video_shows_each_track_in_its_colour(street):
    assert overlay(street) == 0
    video = read_video(street / "overlay.mp4")
    assert video.shape == (N_FRAMES, HEIGHT, WIDTH, 3)
    tinted = 0.5 * np.array(STREET) + 0.5 * np.array(track_colour(4))
    for frame in range(5):  # two tracklets, one track: one colour
        assert np.abs(video[frame, 60:80, 28:42] - tinted).max() < 12
    assert np.abs(video[5, 60:80, 28:42] - STREET).max() < 12
    assert np.abs(video[1, 60:80, 118:132] - STREET).max() < 12  # in no track: not tinted


def test_settings_reach_the_picture(street):
    assert overlay(street, "--opacity", "0", "--max-height-px", "64") == 0
    video = read_video(street / "overlay.mp4")
    assert video.shape[1] == 64
    assert np.abs(video[0, 42:52, 20:27] - STREET).max() < 12


def test_the_same_result_gives_the_same_bytes(street):
    contents = []
    for _ in range(2):
        assert overlay(street) == 0
        contents.append((street / "overlay.mp4").read_bytes())
    assert contents[0] == contents[1]


def test_without_any_mask_the_video_shows_the_frames(street, capsys):
    write_result(street, [])
    assert overlay(street) == 0
    assert np.abs(read_video(street / "overlay.mp4") - STREET).max() < 12
    assert "no tracks to draw" in capsys.readouterr().err


def fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert overlay(folder) == 2
    assert not (folder / "overlay.mp4").exists()
    assert not list(folder.glob(".*partial*"))
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("name", ["sequence.json", "masks.parquet", "short_tracklets.parquet", "tracks.parquet"])
def test_a_missing_file_is_named(street, capsys, name):
    (street / name).unlink()
    assert f"{name}: no such file" in fail(street, capsys)


def test_masks_of_another_size_are_refused(street, capsys):
    write_result(street, [], size=(7, 9))
    assert "masks.parquet: masks of frames of 9x7 px, but street has 160x96 px" in fail(street, capsys)


def test_masks_of_another_part_of_the_video_are_refused(street, capsys):
    write_result(street, [(N_FRAMES + 3, person(20), 1, 1)])
    assert "masks.parquet: has masks in frame 9, but street has only the frames 1 to 6" in fail(street, capsys)


def test_a_frame_that_is_missing_leaves_no_video(street, capsys):
    (street / "img1" / "000006.png").unlink()
    assert "img1" in fail(street, capsys)
