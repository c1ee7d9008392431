"""Writing videos."""

import av
import numpy as np
import pytest

from remots.formats.footage.frames import iterate_images, probe_frames
from remots.formats.footage.video import VideoWriter, write_video
from tests.formats.drawn import image


def test_a_video_has_the_images_that_were_written(tmp_path):
    images = [image(number, 48, 64) for number in range(1, 16)]
    write_video(tmp_path / "v.mp4", images, fps=10.0, crf=10)
    read = [pixels for _, pixels in iterate_images(probe_frames(tmp_path / "v.mp4"))]
    assert len(read) == 15
    for written, again in zip(images, read, strict=True):
        assert np.abs(written.astype(int) - again).mean() < 3


def test_browsers_can_play_it(tmp_path):
    write_video(tmp_path / "v.mp4", [image(1, 48, 64)] * 3, fps=10.0)
    with av.open(str(tmp_path / "v.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    stored = (tmp_path / "v.mp4").read_bytes()
    assert stored.index(b"moov") < stored.index(b"mdat")  # playing starts before all is loaded


def test_the_same_images_give_the_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (30, 64, 64, 3), np.uint8)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, images, fps=29.97)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(("height", "width"), [(25, 33), (24, 33), (25, 32)])
def test_odd_sides_grow_by_one_pixel_that_repeats_the_edge(tmp_path, height, width):
    write_video(tmp_path / "v.mp4", [image(2, height, width)], fps=5.0, crf=5)
    sequence = probe_frames(tmp_path / "v.mp4")
    assert (sequence.height_px, sequence.width_px) == (height + height % 2, width + width % 2)
    ((_, pixels),) = iterate_images(sequence)
    assert np.abs(pixels[:height, :width].astype(int) - image(2, height, width)).mean() < 6


@pytest.mark.parametrize("fps", [10.0, 29.97, 30000 / 1001, 0.5, 14.0])
def test_the_rate_is_kept(tmp_path, fps):
    write_video(tmp_path / "v.mp4", [image(1)] * 4, fps=fps)
    assert probe_frames(tmp_path / "v.mp4").fps == pytest.approx(fps, rel=1e-4)


def test_images_of_different_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="image 2 is 16x24 px, the first one 32x24 px"):
        write_video(tmp_path / "v.mp4", [image(1), image(2, width=16)], fps=5.0)


def test_a_video_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one image"):
        write_video(tmp_path / "v.mp4", [], fps=5.0)


def test_an_error_inside_the_block_comes_through(tmp_path):
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "v.mp4", 5.0) as writer:  # noqa: PT012
        writer.append(image(1))
        raise ZeroDivisionError


def test_a_path_that_cannot_be_written_ends_in_an_oserror(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        write_video(tmp_path / "nowhere" / "v.mp4", [image(1)] * 3, 5.0)
