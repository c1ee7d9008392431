"""Frames of MOT folders, image folders and videos."""

import dataclasses
import logging
import os

import cv2
import numpy as np
import pytest

from remots.errors import InputError
from remots.formats.footage.frames import iterate_images, probe_frames
from remots.formats.footage.images import list_images, read_image
from tests.formats.drawn import HEIGHT, WIDTH, image, write_image, write_images, write_numbered_video


def mot_folder(folder, n_images, seqinfo, inner="img1"):
    write_images(folder / inner, n_images)
    (folder / "seqinfo.ini").write_text(seqinfo)
    return folder


def shades(sequence, first=None, last=None):
    """(frame, number of the image whose shade of blue it has) of every frame."""
    return [
        (frame, round(float(np.median(pixels[..., 2])) / 10)) for frame, pixels in iterate_images(sequence, first, last)
    ]


# --- folders of images


def test_images_come_in_natural_order_and_not_in_that_of_the_alphabet(tmp_path):
    sequence = probe_frames(write_images(tmp_path / "street", 12))
    assert (sequence.sequence, sequence.kind, sequence.first_frame, sequence.last_frame) == ("street", "images", 1, 12)
    assert (sequence.height_px, sequence.width_px) == (HEIGHT, WIDTH)
    assert shades(sequence) == [(number, number) for number in range(1, 13)]


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".bmp", ".webp", ".tif", ".TIFF"])
def test_each_suffix_is_an_image_in_rgb(tmp_path, suffix):
    sequence = probe_frames(write_images(tmp_path, 1, suffix))
    ((frame, pixels),) = iterate_images(sequence)
    assert frame == 1
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - image(1)).mean() < 8
    red, green = pixels[..., 0].astype(int), pixels[..., 1].astype(int)
    assert red[0, 0] > green[0, 0]
    assert red[0, -1] < green[0, -1]


def test_other_and_hidden_files_and_folders_are_passed_over(tmp_path):
    write_images(tmp_path, 3)
    (tmp_path / "detections.json").write_text("[]")
    (tmp_path / "._1.png").write_bytes(b"mac")
    write_images(tmp_path / "masks.png", 1)
    assert probe_frames(tmp_path).last_frame == 3


def test_a_grey_image_and_one_with_transparency_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), image(1)[..., 0])
    cv2.imwrite(str(tmp_path / "2.png"), cv2.cvtColor(image(2), cv2.COLOR_RGB2BGRA))
    assert [pixels.shape for _, pixels in iterate_images(probe_frames(tmp_path))] == [(HEIGHT, WIDTH, 3)] * 2


def test_a_part_keeps_its_numbers(tmp_path):
    sequence = probe_frames(write_images(tmp_path, 9), first_frame=4, last_frame=7, name="part")
    assert (sequence.sequence, sequence.first_frame, sequence.last_frame, sequence.n_frames) == ("part", 4, 7, 4)
    assert shades(sequence) == [(4, 4), (5, 5), (6, 6), (7, 7)]
    assert shades(sequence, 5, 6) == [(5, 5), (6, 6)]


@pytest.mark.parametrize("kind", ["images", "video"])
@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ((0, None), "first frame 0 asked for; frames are numbered from 1"),
        ((-2, 3), "first frame -2 asked for"),
        ((3, 2), "first frame 3 comes after last frame 2"),
        ((None, 6), "frame 6 was asked for, but the last frame is 5"),
        ((6, None), "frame 6 was asked for, but the last frame is 5"),
        ((7, 9), "frame 9 was asked for, but the last frame is 5"),
    ],
)
def test_a_part_outside_the_frames_is_refused(tmp_path, kind, part, complaint):
    frames = write_images(tmp_path, 5) if kind == "images" else write_numbered_video(tmp_path / "v.mp4", 5)
    with pytest.raises(InputError, match=complaint) as raised:
        probe_frames(frames, *part)
    assert str(frames) in str(raised.value)


@pytest.mark.parametrize("part", [(1, 3), (4, 8), (6, 5)])
def test_only_frames_of_the_sequence_can_be_read(tmp_path, part):
    sequence = probe_frames(write_images(tmp_path, 9), 2, 7)
    with pytest.raises(InputError, match="the sequence has 2 to 7"):
        list(iterate_images(sequence, *part))


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match="no images in this folder"):
        probe_frames(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        probe_frames(tmp_path / "nowhere")


def test_two_images_for_one_frame_are_refused(tmp_path):
    write_images(tmp_path, 2)
    write_images(tmp_path, 1, ".jpg")
    with pytest.raises(InputError, match=r"both 1\.(png|jpg) and 1\.(png|jpg); keep one image per frame"):
        probe_frames(tmp_path)


def test_an_image_of_another_size_is_named_with_both_sizes(tmp_path):
    write_images(tmp_path, 4)
    write_image(tmp_path / "3.png", image(3, height=HEIGHT + 2))
    with pytest.raises(InputError, match=r"3\.png: frame 3 is 32x26 px, not 32x24 px"):
        probe_frames(tmp_path)
    with pytest.raises(InputError, match=r"3\.png: frame 3 is"):
        probe_frames(tmp_path, 2, 4)
    assert probe_frames(tmp_path, 1, 2).n_frames == 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_an_image_that_was_cut_off_is_named(tmp_path, suffix, share):
    write_images(tmp_path, 2, suffix)
    noisy = write_image(
        tmp_path / f"2{suffix}", np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    )
    noisy.write_bytes(noisy.read_bytes()[: int(noisy.stat().st_size * share)])
    with pytest.raises(InputError, match=r"2\.[a-z]+: cannot be decoded as an image"):
        probe_frames(tmp_path)


def test_a_jpeg_that_was_cut_off_behind_its_thumbnail_is_refused(tmp_path):
    whole = write_image(tmp_path / "1.jpg", image(1)).read_bytes()
    thumbnail = b"\xff\xe1" + (2 + len(whole)).to_bytes(2, "big") + whole
    (tmp_path / "1.jpg").write_bytes(whole[:2] + thumbnail + whole[2:])
    assert read_image(tmp_path / "1.jpg").shape == (HEIGHT, WIDTH, 3)
    (tmp_path / "1.jpg").write_bytes((whole[:2] + thumbnail + whole[2:])[:-20])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_image(tmp_path / "1.jpg")


def test_a_folder_that_lost_an_image_after_probing_is_refused(tmp_path):
    sequence = probe_frames(write_images(tmp_path, 4))
    (tmp_path / "4.png").unlink()
    with pytest.raises(InputError, match=r"ends before frame 4, after frame 3; run `remots probe` again"):
        list(iterate_images(sequence))


def test_a_folder_whose_images_changed_after_probing_is_refused(tmp_path):
    sequence = probe_frames(write_images(tmp_path, 4))
    write_image(tmp_path / "2.png", image(2, width=8))
    with pytest.raises(InputError, match=r"frame 2 is 8x24 px, not 32x24 px; run `remots probe` again"):
        list(iterate_images(sequence))


@pytest.mark.parametrize("kind", ["images", "video"])
def test_frames_that_are_gone_after_probing_are_named(tmp_path, kind):
    frames = write_images(tmp_path, 1) if kind == "images" else write_numbered_video(tmp_path / "v.mp4", 1)
    sequence = dataclasses.replace(probe_frames(frames), frames=str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"gone: no such (folder|video); run `remots probe` again"):
        list(iterate_images(sequence))


def test_a_name_with_a_dot_keeps_it(tmp_path):
    assert probe_frames(write_images(tmp_path / "street.v2", 1)).sequence == "street.v2"


# --- MOT folders


def test_a_mot_folder_gives_its_rate_and_its_images(tmp_path):
    seqinfo = "[Sequence]\nname=MOT17-02\nimDir=img1\nframeRate=30\nseqLength=3\nimWidth=32\nimHeight=24\nimExt=.png\n"
    sequence = probe_frames(mot_folder(tmp_path / "MOT17-02", 3, seqinfo))
    assert (sequence.sequence, sequence.fps, sequence.last_frame) == ("MOT17-02", 30.0, 3)
    assert shades(sequence) == [(1, 1), (2, 2), (3, 3)]


def test_a_mot_folder_may_keep_its_images_elsewhere(tmp_path):
    mot_folder(tmp_path, 2, "[Sequence]\nimDir=frames\nframeRate=12.5\n", inner="frames")
    assert (probe_frames(tmp_path).fps, probe_frames(tmp_path).last_frame) == (12.5, 2)


def test_images_count_where_the_length_in_seqinfo_is_wrong(tmp_path, caplog):
    mot_folder(tmp_path, 2, "[Sequence]\nimDir=img1\nframeRate=30\nseqLength=600\n")
    with caplog.at_level(logging.WARNING):
        assert probe_frames(tmp_path).last_frame == 2
    assert "seqLength is 600, but there are 2 images" in caplog.text


def test_a_folder_with_img1_but_without_seqinfo_is_a_mot_folder_without_a_rate(tmp_path):
    write_images(tmp_path / "img1", 2)
    assert (probe_frames(tmp_path).fps, probe_frames(tmp_path).last_frame) == (25.0, 2)


def test_a_rate_that_was_given_comes_first(tmp_path):
    mot_folder(tmp_path, 2, "[Sequence]\nimDir=img1\nframeRate=30\n")
    assert probe_frames(tmp_path, fps=7.5).fps == 7.5


@pytest.mark.parametrize(
    "seqinfo", ["", "frameRate=30\n", "[Other]\na=1\n", "[Sequence]\nframeRate=fast\n", "[Sequence]\nframeRate=0\n"]
)
def test_a_seqinfo_that_is_none_is_refused(tmp_path, seqinfo):
    mot_folder(tmp_path, 1, seqinfo)
    with pytest.raises(InputError, match=r"seqinfo\.ini: "):
        probe_frames(tmp_path)


def test_a_seqinfo_that_points_nowhere_is_refused(tmp_path):
    mot_folder(tmp_path, 1, "[Sequence]\nimDir=img2\nframeRate=30\n")
    with pytest.raises(InputError, match=r"img2: no such folder, but seqinfo\.ini says"):
        probe_frames(tmp_path)


# --- videos


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_gives_every_frame_once(tmp_path, suffix):
    sequence = probe_frames(write_numbered_video(tmp_path / f"street.v2{suffix}", 20, fps=12.5))
    assert (sequence.sequence, sequence.kind, sequence.fps, sequence.last_frame) == ("street.v2", "video", 12.5, 20)
    assert shades(sequence) == [(number, number) for number in range(1, 21)]


def test_a_part_of_a_video_keeps_its_numbers(tmp_path):
    sequence = probe_frames(write_numbered_video(tmp_path / "v.mp4", 20), 7, 9)
    assert (sequence.first_frame, sequence.last_frame) == (7, 9)
    assert shades(sequence) == [(7, 7), (8, 8), (9, 9)]


def test_a_video_of_one_frame_is_a_sequence(tmp_path):
    assert shades(probe_frames(write_numbered_video(tmp_path / "v.mp4", 1))) == [(1, 1)]


def test_a_video_that_was_cut_off_has_the_frames_that_are_left(tmp_path):
    whole = write_numbered_video(tmp_path / "v.mkv", 60, height=64, width=64)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    sequence = probe_frames(cut)
    assert 1 <= sequence.last_frame < 60
    assert [frame for frame, _ in shades(sequence)] == list(range(1, sequence.last_frame + 1))
    with pytest.raises(
        InputError, match=rf"cut\.mkv: frame 60 was asked for, but the last frame is {sequence.last_frame}"
    ):
        probe_frames(cut, 1, 60)


def test_a_video_that_was_cut_off_after_probing_is_refused(tmp_path):
    path = write_numbered_video(tmp_path / "v.mkv", 60, height=64, width=64)
    sequence = probe_frames(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=r"v\.mkv: ends before frame 60"):
        list(iterate_images(sequence))


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 100, b"\x00" * 4096])
@pytest.mark.parametrize("name", ["v.mp4", "v.avi", "v.txt"])
def test_a_file_that_is_no_video_is_refused(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"v\.\w+: (cannot be opened as a|holds no|no frame of this) video"):
        probe_frames(tmp_path / name)


def test_a_damaged_video_gives_the_same_pixels_each_time(tmp_path):
    path = write_numbered_video(tmp_path / "v.mp4", 40, height=96, width=96)
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 40] = bytes(range(40))
    path.write_bytes(damaged)
    sequence = probe_frames(path)
    first, second = ([pixels.tobytes() for _, pixels in iterate_images(sequence)] for _ in range(2))
    assert first == second


def test_a_video_is_shown_upright(tmp_path):
    path = write_numbered_video(tmp_path / "v.mp4", 2, height=32, width=48)
    stored = path.read_bytes()
    # The matrix in the track's header: rotate by a quarter turn, clockwise.
    upright = b"".join(number.to_bytes(4, "big", signed=True) for number in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    turned = b"".join(number.to_bytes(4, "big", signed=True) for number in (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    place = stored.index(b"tkhd")
    path.write_bytes(stored[:place] + stored[place:].replace(upright, turned, 1))
    sequence = probe_frames(path)
    assert (sequence.height_px, sequence.width_px) == (48, 32)
    (_, pixels), _ = iterate_images(sequence)
    # Red falls and green rises from left to right, so after the turn from top to bottom.
    assert pixels[2, 16, 0] > pixels[-2, 16, 0] + 100
    assert pixels[2, 16, 1] + 100 < pixels[-2, 16, 1]


# --- real data


@pytest.mark.parametrize(
    ("name", "size", "fps", "n_frames"),
    [
        ("vtest/vtest.avi", (576, 768), 10.0, 795),
        ("bedroom/bedroom.mp4", (540, 960), 30.0, 200),
        ("market", (1080, 1920), 25.0, 45),
        ("mot17_mini/MOT17-05-FRCNN", (480, 640), 14.0, 6),
    ],
)
def test_real_frames_are_counted_exactly(shared_data, name, size, fps, n_frames):
    sequence = probe_frames(shared_data / name)
    assert ((sequence.height_px, sequence.width_px), sequence.fps, sequence.last_frame) == (size, fps, n_frames)
    first = sequence.last_frame - 2
    assert [frame for frame, _ in iterate_images(sequence, first)] == [first, first + 1, first + 2]


def test_a_real_video_is_decoded_as_opencv_does(shared_data):
    capture = cv2.VideoCapture(str(shared_data / "vtest" / "vtest.avi"))
    sequence = probe_frames(shared_data / "vtest" / "vtest.avi", last_frame=20)
    for _, pixels in iterate_images(sequence):
        expected = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
        assert np.abs(pixels.astype(int) - expected).mean() < 3


def test_a_real_video_that_was_cut_off_ends_early(shared_data, tmp_path):
    stored = (shared_data / "vtest" / "vtest.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(stored[: len(stored) // 20])
    assert 10 < probe_frames(tmp_path / "cut.avi").last_frame < 100


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs symbolic links")
def test_links_to_images_are_images(tmp_path):
    write_images(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").symlink_to(tmp_path / "a" / "2.png")
    assert [path.name for path in list_images(tmp_path / "b")] == ["1.png"]
    assert shades(probe_frames(tmp_path / "b")) == [(1, 2)]
