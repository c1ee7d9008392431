import numpy as np
import pytest
import torch
from torch import nn

from remots.appearance.encoder import Encoder, load_weights, rename_in_order
from remots.appearance.last_stride import set_last_stride_to_one
from tests.appearance.drawn_people import draw_people

CROPS = torch.from_numpy(draw_people(3, 2, 64, 32)[0])
MEAN = torch.tensor([0.485, 0.456, 0.406])
DEVIATION = torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def encoder():
    return Encoder("test_resnet").eval()


def last_map(encoder, size=(64, 32)):
    with torch.no_grad():
        return encoder.backbone.eval().forward_features(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("backbone", ["test_resnet", "resnet10t", "test_efficientnet", "seresnext26d_32x4d"])
def test_last_stride_one_doubles_the_last_map_and_keeps_every_weight(backbone):
    wide, narrow = Encoder(backbone, last_stride=1), Encoder(backbone, last_stride=2)
    height, width = last_map(narrow).shape[2:]
    assert last_map(wide).shape[2:] == (2 * height, 2 * width)
    assert {name: tensor.shape for name, tensor in wide.state_dict().items()} == {
        name: tensor.shape for name, tensor in narrow.state_dict().items()
    }
    assert wide.description.last_stride == 1
    assert wide.description.n_dimensions == narrow.description.n_dimensions


def test_the_paper_s_backbone_gives_2048_dimensions_from_a_map_of_16_by_8():
    encoder = Encoder("seresnext50_32x4d", last_stride=1)
    assert encoder.description.n_dimensions == 2048
    assert last_map(encoder, (256, 128)).shape == (1, 2048, 16, 8)


def test_a_feature_is_the_global_average_of_the_last_map(encoder):
    with torch.no_grad():
        maps = encoder.backbone.forward_features(encoder.preprocess(CROPS))
        torch.testing.assert_close(encoder(CROPS), maps.mean(dim=(2, 3)))


def test_a_transformer_has_no_last_stride_and_says_so(caplog):
    encoder = Encoder("test_vit", last_stride=1)
    assert encoder.description.last_stride == 2
    assert "no last stride that can be set to 1" in caplog.text
    with torch.no_grad():
        assert encoder.eval()(CROPS).shape == (6, encoder.description.n_dimensions)


def test_a_network_whose_map_does_not_double_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 4, 3, stride=2), nn.AdaptiveAvgPool2d(4))
    network.forward_features = network.forward
    assert not set_last_stride_to_one(network, torch.zeros(1, 3, 32, 32))
    assert network[1].stride == (2, 2)


def test_a_kept_background_leaves_the_normalised_colours():
    seen = Encoder("test_resnet", background="kept").preprocess(CROPS)
    expected = ((CROPS[..., :3] / 255 - MEAN) / DEVIATION).permute(0, 3, 1, 2)
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-5)


def test_a_blanked_background_is_the_mean_colour():
    seen = Encoder("test_resnet", background="blanked").preprocess(CROPS)
    kept = Encoder("test_resnet", background="kept").preprocess(CROPS)
    inside = (CROPS[..., 3] == 255)[:, None].expand_as(seen)
    assert torch.equal(seen[inside], kept[inside])
    assert (seen[~inside] == 0).all()
    assert 0 < (~inside).float().mean() < 1


def test_a_blurred_background_is_smoother_and_leaves_the_person_alone():
    seen = Encoder("test_resnet", background="blurred").preprocess(CROPS)
    kept = Encoder("test_resnet", background="kept").preprocess(CROPS)
    inside = (CROPS[..., 3] == 255)[:, None].expand_as(seen)
    assert torch.equal(seen[inside], kept[inside])
    outside_pairs = (~inside)[..., 1:] & (~inside)[..., :-1]
    steps, kept_steps = (values.diff(dim=3).abs()[outside_pairs].mean() for values in (seen, kept))
    assert steps < 0.7 * kept_steps


def test_what_lies_outside_the_mask_does_not_reach_a_blanked_feature(encoder):
    changed = CROPS.clone()
    changed[..., :3][changed[..., 3] == 0] = 255
    with torch.no_grad():
        assert torch.equal(encoder(CROPS), encoder(changed))


def test_an_unknown_backbone_is_answered_with_close_names():
    with pytest.raises(ValueError, match=r"no backbone 'seresnext50'; did you mean .*seresnext50_32x4d"):
        Encoder("seresnext50")
    with pytest.raises(ValueError, match="no backbone 'qqqq'"):
        Encoder("qqqq")


def test_a_backbone_too_large_for_the_crops_is_answered_in_one_line():
    with pytest.raises(ValueError, match=r"cannot take crops of 16x16 px .* another crop size") as error:
        Encoder("inception_v3", crop_size=(16, 16))
    assert "\n" not in str(error.value)


def test_weights_of_the_same_architecture_are_loaded_without_their_classifier(encoder):
    other = Encoder("test_resnet")
    weights = {name: torch.rand_like(tensor.float()) for name, tensor in encoder.backbone.state_dict().items()}
    load_weights(other, weights | {"fc.weight": torch.zeros(10, 96), "fc.bias": torch.zeros(10)})
    assert torch.equal(other.backbone.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])


def test_weights_of_another_architecture_are_refused_with_the_tensors_that_differ(encoder):
    with pytest.raises(ValueError, match=r"not of a test_resnet: \d+ of \d+ tensors differ: .* is missing"):
        load_weights(encoder, Encoder("test_efficientnet").backbone.state_dict())
    weights = dict(encoder.backbone.state_dict())
    weights["conv1.0.weight"] = torch.zeros(1, 2)
    with pytest.raises(ValueError, match=r"1 of \d+ tensors differ: conv1.0.weight has shape \(1, 2\), not"):
        load_weights(encoder, weights)


def test_weights_under_other_names_are_renamed_in_order_or_refused(encoder):
    expected = encoder.backbone.state_dict()
    other_names = {f"layer_{number}": tensor for number, tensor in enumerate(expected.values())}
    assert list(rename_in_order(other_names, encoder)) == list(expected)
    with pytest.raises(ValueError, match="tensors do not fit test_resnet"):
        rename_in_order(dict(list(other_names.items())[:-1]), encoder)
    swapped = dict(reversed(other_names.items()))
    with pytest.raises(ValueError, match=r"does not fit conv1\.0\.weight of test_resnet: its shape is"):
        rename_in_order(swapped, encoder)


def test_crops_of_any_number_go_through(encoder):
    with torch.no_grad():
        assert encoder(CROPS[:1]).shape == (1, 96)
        assert encoder(CROPS[:0]).shape == (0, 96)
    assert np.isfinite(encoder(CROPS).detach().numpy()).all()
