"""`remots crop`, through the command line."""

import numpy as np
import pytest

from remots.appearance.crops import cut_crop
from remots.cli import main
from remots.formats.footage.images import read_image
from remots.formats.footage.sequence import Sequence, write_sequence
from remots.masks.rle import encode_crop
from tests.commands.appearance_files import SIZE, complaint, write_masks
from tests.formats.drawn import write_image

FLAGS = ["--crop-height-px", "32", "--crop-width-px", "16"]


def block(left, top, width, height):
    return encode_crop(np.ones((height, width)), left, top, SIZE)


MASKS = [(2, block(3, 4, 6, 12)), (2, block(20, 4, 5, 9)), (4, block(30, 10, 16, 32))]


@pytest.fixture
def folder(tmp_path):
    frames = tmp_path / "frames"
    for number in range(1, 6):
        write_image(
            frames / f"{number}.png", np.random.default_rng(number).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        )
    write_sequence(tmp_path / "sequence.json", Sequence("street", str(frames), "images", *SIZE, 10.0, 1, 5))
    write_masks(tmp_path / "masks.parquet", *zip(*MASKS, strict=True))
    return tmp_path


def crop(folder, masks="masks.parquet", flags=FLAGS):
    places = ["--sequence", folder / "sequence.json", "--masks", folder / masks, "--out", folder / "out" / "crops.npy"]
    return main(["crop", *map(str, places), *flags])


def test_row_i_is_the_crop_of_mask_i(folder):
    assert crop(folder) == 0
    crops = np.load(folder / "out" / "crops.npy", allow_pickle=False)
    assert crops.shape == (3, 32, 16, 4)
    assert crops.dtype == np.uint8
    for row, (frame, mask) in zip(crops, MASKS, strict=True):
        np.testing.assert_array_equal(row, cut_crop(read_image(folder / "frames" / f"{frame}.png"), mask, 32, 16))


def test_ground_truth_of_a_training_sequence_is_cut_as_well(folder):
    frames, masks = zip(*MASKS, strict=True)
    write_masks(folder / "truth.parquet", frames, masks, identities=[5, 6, -1])
    assert crop(folder) == crop(folder, "truth.parquet") == 0


def test_no_masks_give_an_array_of_no_crops(folder, capsys):
    write_masks(folder / "empty.parquet", [], [])
    assert crop(folder, "empty.parquet") == 0
    assert np.load(folder / "out" / "crops.npy", allow_pickle=False).shape == (0, 32, 16, 4)
    assert "no masks, so no crops" in capsys.readouterr().err


def nothing_is_left(folder):
    return not list((folder / "out").glob("*")) if (folder / "out").exists() else True


def test_masks_of_a_video_of_another_size_are_refused(folder, capsys):
    write_masks(folder / "other.parquet", [1], [encode_crop(np.ones((3, 3)), 0, 0, (20, 30))], size=(20, 30))
    line = complaint(capsys, "crop", crop(folder, "other.parquet"))
    assert "other.parquet: masks of frames of 30x20 px, but street has 64x48" in line
    assert nothing_is_left(folder)


def test_masks_in_frames_that_the_video_lacks_are_refused(folder, capsys):
    write_masks(folder / "late.parquet", [2, 9], [MASKS[0][1], MASKS[1][1]])
    line = complaint(capsys, "crop", crop(folder, "late.parquet"))
    assert "late.parquet: has masks in frame 9, but street has only the frames 1 to 5" in line
    assert nothing_is_left(folder)


def test_a_missing_or_broken_table_is_one_line(folder, capsys):
    assert "nowhere.parquet: no such file" in complaint(capsys, "crop", crop(folder, "nowhere.parquet"))
    (folder / "broken.parquet").write_bytes(b"PAR1")
    assert "not a readable parquet file" in complaint(capsys, "crop", crop(folder, "broken.parquet"))
    assert nothing_is_left(folder)


def test_an_empty_mask_names_its_frame(folder, capsys):
    write_masks(folder / "hollow.parquet", [3], [encode_crop(np.zeros((2, 2)), 0, 0, SIZE)])
    line = complaint(capsys, "crop", crop(folder, "hollow.parquet"))
    assert "hollow.parquet: frame 3: an empty mask cannot be cut out" in line
    assert nothing_is_left(folder)


def test_a_crop_too_small_to_see_is_refused(folder, capsys):
    line = complaint(capsys, "crop", crop(folder, flags=["--crop-height-px", "3"]))
    assert "--crop-height-px is 3" in line
