import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from remots.errors import InputError
from remots.formats.excerpt.small_video import SmallVideoWriter, iterate_chosen_images, write_small_video
from remots.formats.footage.sequence import Sequence
from remots.formats.footage.video import write_video
from remots.formats.results.result_folder import ResultFolder
from remots.report.clip import plan_clip
from remots.report.colours import track_colour
from tests.commands.walkers import HEIGHT, N_FRAMES, WIDTH, run_until, write_walkers


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    folder = tmp_path_factory.mktemp("walkers")
    write_walkers(folder)
    run_until(folder, "merge")
    return ResultFolder(folder)


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("max_bytes", [60_000, 200_000])
def test_even_noise_stays_within_the_size_and_two_runs_give_the_same_bytes(tmp_path: Path, max_bytes: int) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (180, 320, 3), dtype=np.uint8) for _ in range(60)]
    files = [tmp_path / f"{run}.mp4" for run in range(2)]
    for file in files:
        with SmallVideoWriter(file, 10, len(images), max_bytes) as writer:
            for image in images:
                writer.append(image)
    assert files[0].stat().st_size <= 1.05 * max_bytes
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(frames_of(files[0])) == len(images)


def test_it_is_h264_that_browsers_play_with_the_tracks_in_their_colours(tmp_path: Path, walkers: ResultFolder) -> None:
    plan = plan_clip(1, N_FRAMES, 10, 100)
    path = tmp_path / "small.mp4"
    first = write_small_video(path, walkers, plan, 1000, 10**6)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width, float(stream.average_rate)) == (HEIGHT, WIDTH, 10)
    assert len(frames_of(path)) == N_FRAMES
    middle = first[30, 4 + 3 + 7]  # within the first person, in track 1
    assert np.abs(middle.astype(int) - track_colour(1)).max() < 128


def test_larger_frames_are_scaled_down(tmp_path: Path, walkers: ResultFolder) -> None:
    path = tmp_path / "small.mp4"
    assert write_small_video(path, walkers, plan_clip(1, N_FRAMES, 10, 3), 30, 10**6).shape == (30, 60, 3)
    assert len(frames_of(path)) == 3


@pytest.fixture(params=["images", "video"])
def numbered(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence:
    """Eight frames whose grey says their number."""
    images = [np.full((48, 64, 3), 25 * number, np.uint8) for number in range(1, 9)]
    if request.param == "video":
        write_video(tmp_path / "frames.mp4", images, 10, crf=1)
        return Sequence("grey", str(tmp_path / "frames.mp4"), "video", 48, 64, 10.0, 1, 8)
    (tmp_path / "images").mkdir()
    for number, image in enumerate(images, start=1):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), image)
    return Sequence("grey", str(tmp_path / "images"), "images", 48, 64, 10.0, 1, 8)


@pytest.mark.parametrize("frames", [[1], [8], [2, 3, 7], list(range(1, 9))])
def test_just_the_chosen_frames_are_read(numbered: Sequence, frames: list[int]) -> None:
    found = [round(image.mean() / 25) for image in iterate_chosen_images(numbered, frames)]
    assert found == frames


def test_frames_that_are_no_longer_there_are_named(numbered: Sequence) -> None:
    path = Path(numbered.frames)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match="run `remots probe` again"):
        list(iterate_chosen_images(numbered, [1, 2]))


def test_a_video_that_has_become_shorter_is_named(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [np.zeros((48, 64, 3), np.uint8)] * 3, 10)
    sequence = Sequence("a", str(tmp_path / "a.mp4"), "video", 48, 64, 10.0, 1, 9)
    with pytest.raises(InputError, match="ends before frame 7"):
        list(iterate_chosen_images(sequence, [2, 7]))
