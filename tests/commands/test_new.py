"""`remots new`, through the command line: a sensible detector, files that hold, and nothing overwritten."""

import shlex
from itertools import islice

import numpy as np
import pytest

from remots.cli import main
from remots.formats.footage.video import iterate_video, to_rgb, write_video
from remots.formats.project.config_files import read_config
from remots.formats.project.sample_sheet import read_sample_sheet
from tests.formats.drawn import write_image


def new(*words):
    return main(["new", *map(str, words)])


@pytest.fixture(autouse=True)
def _no_weights_at_hand(tmp_path_factory, monkeypatch):
    """Whatever this machine has in its caches, these tests see none of it."""
    empty = tmp_path_factory.mktemp("caches")
    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "FVCORE_CACHE"):
        monkeypatch.setenv(name, str(empty / name))
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


def textured(seed, height=96, width=160):
    return (
        np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    )


def still_video(path, n_frames=30):
    """A textured wall, and a bright block that walks in front of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wall = textured(1)
    images = []
    for frame in range(n_frames):
        one = wall.copy()
        one[30:70, 4 * frame : 4 * frame + 14] = 255
        images.append(one)
    write_video(path, images, 10)
    return path


def panned_video(path, n_frames=30):
    wall = textured(1, width=400)
    write_video(path, [wall[:, 4 * frame : 4 * frame + 160] for frame in range(n_frames)], 10)
    return path


def test_a_still_camera_gets_motion_and_the_files_hold(tmp_path, capsys):
    video = still_video(tmp_path / "my street (1).mp4")
    assert new(video, "--out", tmp_path / "mine") == 0
    config = read_config(tmp_path / "mine" / "config.yaml")
    (row,) = read_sample_sheet(config.sequences)
    assert (row.sequence, row.split, row.frames, row.detections) == ("my_street_1", "target", str(video), ["motion"])
    assert config.results == str(tmp_path / "mine" / "results")
    assert config.initialise.weights in ("lite0", "random")
    words = shlex.split(capsys.readouterr().out.removeprefix("Next: "))
    assert words[0] == "snakemake"
    assert words[-2:] == ["--configfile", str(tmp_path / "mine" / "config.yaml")]


def test_a_moving_camera_without_weights_gets_a_network_that_fetches_its_own_and_says_so(tmp_path, capsys):
    assert new(panned_video(tmp_path / "pan.mp4"), still_video(tmp_path / "still.mp4"), "--out", tmp_path / "o") == 0
    assert "the camera moves, so motion would not do" in capsys.readouterr().err
    rows = read_sample_sheet(tmp_path / "o" / "sequences.tsv")
    assert [row.detections for row in rows] == [["torchvision"], ["motion"]]


def test_weights_that_are_at_hand_make_their_network_the_detector(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth").touch()
    assert new(still_video(tmp_path / "a.mp4"), "--out", tmp_path / "o") == 0
    assert read_sample_sheet(tmp_path / "o" / "sequences.tsv")[0].detections == ["torchvision"]


def test_a_named_detector_and_its_weights_count(tmp_path):
    (tmp_path / "x.pth").touch()
    video = still_video(tmp_path / "a.mp4")
    assert new(video, "--out", tmp_path / "o", "--detector", "mmdet", "--weights", tmp_path / "x.pth") == 0
    config = read_config(tmp_path / "o" / "config.yaml")
    assert config.detectors["mmdet"].weights == str(tmp_path / "x.pth")
    assert read_sample_sheet(tmp_path / "o" / "sequences.tsv")[0].detections == ["mmdet"]


def test_folders_of_images_and_videos_of_one_name_are_told_apart(tmp_path):
    for frame in range(1, 9):
        write_image(tmp_path / "a" / "street" / "img1" / f"{frame:06d}.png", textured(1))
    still_video(tmp_path / "b" / "street.mp4")
    assert new(tmp_path / "a" / "street", tmp_path / "b" / "street.mp4", "--out", tmp_path / "o") == 0
    assert [row.sequence for row in read_sample_sheet(tmp_path / "o" / "sequences.tsv")] == ["street", "street_2"]


@pytest.mark.parametrize("name", ["config.yaml", "sequences.tsv"])
def test_a_file_of_mine_is_never_overwritten(tmp_path, capsys, name):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / name).write_text("mine")
    assert new(still_video(tmp_path / "a.mp4"), "--out", tmp_path / "o") == 2
    assert f"{name}: is there already and is not overwritten; name another folder with --out" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "o").iterdir()] == [name]
    assert (tmp_path / "o" / name).read_text() == "mine"


@pytest.mark.parametrize("detector", [[], ["--detector", "motion"]])
@pytest.mark.parametrize("name", ["no.mp4", "text.mp4", "empty"])
def test_what_is_no_video_is_one_line_and_leaves_nothing(tmp_path, capsys, name, detector):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    assert new(tmp_path / name, "--out", tmp_path / "o", *detector) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_images_of_different_sizes_are_refused(tmp_path, capsys):
    write_image(tmp_path / "a" / "1.png", textured(1))
    write_image(tmp_path / "a" / "2.png", textured(1, 48))
    assert new(tmp_path / "a", "--out", tmp_path / "o") == 2
    assert "its images differ in size" in capsys.readouterr().err


def test_real_videos_are_seen_for_what_they_are(shared_data, tmp_path):
    still, moving = shared_data / "vtest" / "vtest.avi", shared_data / "market"
    if not still.is_file() or not moving.is_dir():
        pytest.skip("needs vtest and market")
    assert new(still, moving, "--out", tmp_path / "o") == 0
    rows = read_sample_sheet(tmp_path / "o" / "sequences.tsv")
    assert [row.detections for row in rows] == [["motion"], ["torchvision"]]


def test_a_glimpse_of_a_video_is_spread_over_it(tmp_path):
    from remots.formats.footage.glimpses import glimpse

    video = still_video(tmp_path / "a.mp4", 36)
    frames = [to_rgb(frame).astype(int) for frame in islice(iterate_video(video), 36)]
    seen = [int(np.argmin([np.abs(one - frame).mean() for frame in frames])) for one in glimpse(video, 9)]
    assert seen[0] == 0
    assert np.abs(np.diff(seen) - 36 / 9).max() <= 1
