"""``remots render``: a scene as video, truth and raw detections."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from remots.cli import main
from remots.formats.exchange.mots_text import iterate_mots_text
from remots.formats.footage.video import iterate_video, to_rgb
from remots.masks.rle import check_rle
from remots.synthetic.scene import SceneParameters, render_scene

FILES = ["detections_a.json", "detections_b.json", "frames.mp4", "truth.txt"]
SMALL = {"--n-frames": 12, "--n-people": 4, "--height-px": 120, "--width-px": 214, "--seed": 3}


def render(folder: Path, **changed: object) -> int:
    flags = {**SMALL, **{f"--{name.replace('_', '-')}": value for name, value in changed.items()}}
    words = [str(word) for flag in flags.items() for word in flag]
    return main(["render", "--quiet", "--name", "street", "--out-dir", str(folder), *words])


def test_the_four_files_hold_the_scene(tmp_path: Path) -> None:
    assert render(tmp_path / "scenes" / "street") == 0
    folder = tmp_path / "scenes" / "street"
    assert sorted(path.name for path in folder.glob("[!.]*")) == FILES
    scene = list(render_scene(SceneParameters(n_frames=12, n_people=4, height_px=120, width_px=214, seed=3)))
    decoded = [to_rgb(frame).astype(int) for frame in iterate_video(folder / "frames.mp4")]
    assert len(decoded) == 12
    assert all(np.abs(a - b.image).mean() < 6 for a, b in zip(decoded, scene, strict=True))
    true = [(found.frame, found.class_id, found.object_id) for found in iterate_mots_text(folder / "truth.txt")]
    assert true == [(frame.frame, 2, 2000 + who) for frame in scene for who in frame.identities]


@pytest.mark.parametrize(("flag", "n_identities"), [("--no-lasting-identities", 2), ("--lasting-identities", 1)])
def test_who_leaves_and_comes_back_is_somebody_new_unless_identities_last(
    tmp_path: Path, flag: str, n_identities: int
) -> None:
    words = ["--n-frames", "60", "--n-people", "1", "--height-px", "180", "--width-px", "320", "--seed", "1", flag]
    assert main(["render", "--quiet", "--name", "street", "--out-dir", str(tmp_path), *words]) == 0
    seen = {found.object_id for found in iterate_mots_text(tmp_path / "truth.txt")}
    assert seen == {2001 + number for number in range(n_identities)}


def test_detections_are_coco_results_with_boxes_around_their_masks(tmp_path: Path) -> None:
    render(tmp_path)
    for name in FILES[:2]:
        records = json.loads((tmp_path / name).read_text())
        assert len(records) > 12
        assert {record["category_id"] for record in records} == {1}
        assert [record["image_id"] for record in records] == sorted(record["image_id"] for record in records)
        for record in records:
            mask = check_rle(record["segmentation"])
            assert tuple(mask["size"]) == (120, 214)
            left, top, width, height = record["bbox"]
            assert 0 <= left <= left + width <= 214
            assert 0 <= top <= top + height <= 120
            assert 0 < record["score"] <= 1


def test_the_same_flags_write_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        render(tmp_path / folder, seed=seed)
    for name in FILES:
        a, b, c = (hashlib.sha256((tmp_path / folder / name).read_bytes()).digest() for folder in "abc")
        assert a == b
        assert a != c


def test_the_video_does_not_depend_on_what_lay_in_memory_before(tmp_path: Path) -> None:
    """Glibc fills new memory with a byte of choice; x264's macroblock tree once read such memory at this width."""
    words = ["--quiet", "--name", "a", "--pan", "--n-frames", "12", "--height-px", "120", "--width-px", "214"]
    for byte in ("0", "85"):
        command = [sys.executable, "-m", "remots", "render", *words, "--out-dir", str(tmp_path / byte)]
        subprocess.run(command, check=True, env={**os.environ, "MALLOC_PERTURB_": byte})
    assert (tmp_path / "0" / "frames.mp4").read_bytes() == (tmp_path / "85" / "frames.mp4").read_bytes()


def test_nobody_gives_an_empty_truth_and_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render(tmp_path, n_people=0) == 0
    assert (tmp_path / "truth.txt").read_text() == ""
    assert "nobody is seen" in capsys.readouterr().err


def test_an_odd_size_and_a_single_frame_can_be_rendered(tmp_path: Path) -> None:
    assert render(tmp_path, n_frames=1, height_px=65, width_px=97) == 0
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == FILES


def test_a_bad_setting_is_one_line_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render(tmp_path / "scene", n_frames=0) == 2
    error = capsys.readouterr().err
    assert error.startswith("remots render: error: --n-frames is 0")
    assert error.count("\n") == 1
    assert not (tmp_path / "scene").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert render(tmp_path / "file" / "scene") == 2
    assert str(tmp_path / "file" / "scene") in capsys.readouterr().err
