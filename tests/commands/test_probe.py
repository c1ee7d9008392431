"""`remots probe`, through the command line."""

import json

import pytest

from remots.cli import main
from remots.formats.footage.sequence import read_sequence
from tests.commands.walkers import complaint
from tests.formats.drawn import HEIGHT, WIDTH, image, write_image, write_images, write_numbered_video


def probe(folder, frames, *flags):
    return main(["probe", str(frames), "--out", str(folder / "out" / "sequence.json"), *flags])


def test_a_video_becomes_a_sequence(tmp_path, capsys):
    video = write_numbered_video(tmp_path / "street.mp4", 7, fps=12.0)
    assert probe(tmp_path, video) == 0
    stored = json.loads((tmp_path / "out" / "sequence.json").read_text())
    assert stored == {
        "sequence": "street",
        "frames": str(video),
        "kind": "video",
        "height_px": HEIGHT,
        "width_px": WIDTH,
        "fps": 12.0,
        "first_frame": 1,
        "last_frame": 7,
    }
    assert "street: frames 1 to 7 of 32x24 px, 12 a second" in capsys.readouterr().err


def test_a_part_of_a_folder_gets_a_name(tmp_path):
    flags = ("--name", "part", "--first-frame", "3", "--last-frame", "5", "--fps", "7.5")
    assert probe(tmp_path, write_images(tmp_path / "street", 8), *flags) == 0
    sequence = read_sequence(tmp_path / "out" / "sequence.json")
    assert (sequence.sequence, sequence.fps, sequence.first_frame, sequence.last_frame) == ("part", 7.5, 3, 5)


def test_two_runs_give_the_same_bytes(tmp_path):
    written = []
    for _ in range(2):
        assert probe(tmp_path, write_numbered_video(tmp_path / "street.mp4", 7)) == 0
        written.append((tmp_path / "out" / "sequence.json").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--last-frame", "9"), "frame 9 was asked for, but the last frame is 4"),
        (("--first-frame", "0"), "first frame 0 asked for; frames are numbered from 1"),
        (("--first-frame", "3", "--last-frame", "2"), "first frame 3 comes after last frame 2"),
        (("--fps", "0"), "0 frames per second"),
        (("--fps", "nan"), "nan frames per second"),
    ],
)
@pytest.mark.parametrize("kind", ["images", "video"])
def test_a_part_that_is_not_there_ends_in_one_line(tmp_path, capsys, kind, flags, expected):
    frames = write_images(tmp_path / "street", 4) if kind == "images" else write_numbered_video(tmp_path / "v.mp4", 4)
    assert probe(tmp_path, frames, "--quiet", *flags) == 2
    line = complaint(capsys, "probe", tmp_path)
    assert expected in line
    assert str(frames) in line


@pytest.mark.parametrize("what", ["missing", "empty folder", "empty file", "text", "cut off", "other size"])
def test_frames_that_cannot_be_used_end_in_one_line(tmp_path, capsys, what):
    frames = tmp_path / "street"
    if what == "empty folder":
        frames.mkdir()
    elif what in ("empty file", "text"):
        frames.write_text("no video\n" * 50 if what == "text" else "")
    elif what in ("cut off", "other size"):
        write_images(frames, 3, ".jpg")
        if what == "cut off":
            (frames / "2.jpg").write_bytes((frames / "2.jpg").read_bytes()[:-100])
        else:
            write_image(frames / "2.jpg", image(2, 30, 40))
    assert probe(tmp_path, frames, "--quiet") == 2
    line = complaint(capsys, "probe", tmp_path)
    expected = {
        "missing": "street: no such file or folder; give a folder of images or a video",
        "empty folder": "street: no images in this folder",
        "empty file": "street: cannot be opened as a video",
        "text": "street: ",
        "cut off": "2.jpg: cannot be decoded as an image (cut off or damaged?); replace it",
        "other size": "2.jpg: frame 2 is 40x30 px, not 32x24 px; all frames must be of one size",
    }
    assert expected[what] in line


def test_real_frames_are_probed(shared_data, tmp_path):
    assert probe(tmp_path, shared_data / "mot17_mini" / "MOT17-13-FRCNN", "--quiet") == 0
    sequence = read_sequence(tmp_path / "out" / "sequence.json")
    assert (sequence.sequence, sequence.n_frames, sequence.fps) == ("MOT17-13-FRCNN", 5, 25.0)
