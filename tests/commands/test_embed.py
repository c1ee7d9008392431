"""`remots embed`, through the command line."""

import json

import numpy as np
import pytest

from remots.cli import main
from tests.commands.appearance_files import complaint, write_crops, write_small_encoder


@pytest.fixture
def folder(tmp_path):
    write_small_encoder(tmp_path / "encoder.safetensors")
    return write_crops(tmp_path)


def embed(folder, *flags):
    places = {"encoder": "encoder.safetensors", "crops": "crops.npy", "out": "out/features.npy"}
    words = [word for name, file in places.items() for word in (f"--{name}", str(folder / file))]
    return main(["embed", *words, "--threads", "1", *flags])


def features(folder):
    return np.load(folder / "out" / "features.npy", allow_pickle=False)


def test_row_i_is_the_unit_norm_feature_of_crop_i(folder):
    assert embed(folder, "--precision", "float32") == 0
    found = features(folder)
    assert found.shape == (20, 96)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.save(folder / "crops.npy", np.load(folder / "crops.npy")[::-1])
    assert embed(folder, "--precision", "float32", "--batch-size", "3") == 0
    np.testing.assert_allclose(features(folder)[::-1], found, atol=1e-5)


def test_two_runs_give_the_same_bytes(folder):
    assert embed(folder) == 0
    first = (folder / "out" / "features.npy").read_bytes()
    assert embed(folder) == 0
    assert (folder / "out" / "features.npy").read_bytes() == first


def test_no_crops_give_no_features(folder, capsys):
    np.save(folder / "crops.npy", np.zeros((0, 32, 16, 4), np.uint8))
    assert embed(folder) == 0
    assert features(folder).shape == (0, 96)
    assert "no crops, so no features" in capsys.readouterr().err


def test_an_array_that_holds_no_crops_is_refused(folder, capsys):
    np.save(folder / "crops.npy", np.zeros((5, 7)))
    line = complaint(capsys, "embed", embed(folder))
    assert "crops.npy: has shape (5, 7), float64; expected (n_masks, any, any, 4), uint8" in line
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())


def test_an_encoder_made_for_another_crop_size_is_refused(folder, capsys):
    flags = ["--backbone", "test_vit", "--weights", "random", "--crop-height-px", "64", "--crop-width-px", "32"]
    assert main(["initialise", "--out", str(folder / "encoder.safetensors"), *flags]) == 0
    line = complaint(capsys, "embed", embed(folder))
    assert "crops of 32x16 px (height x width), but" in line
    assert "is for crops of 64x32" in line


def test_an_encoder_whose_weights_are_not_numbers_is_one_line(folder, capsys):
    path = folder / "encoder.safetensors"
    content = bytearray(path.read_bytes())
    n_header = int.from_bytes(content[:8], "little")
    first, last = json.loads(content[8 : 8 + n_header])["conv1.0.weight"]["data_offsets"]
    content[8 + n_header + first : 8 + n_header + last] = b"\xff" * (last - first)
    path.write_bytes(content)
    assert "crops.npy: the feature of mask 0 has norm nan" in complaint(capsys, "embed", embed(folder))
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())
