import numpy as np
import pytest
import torch

from remots.appearance.devices import pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from tests.appearance.drawn_people import draw_people

CROPS = draw_people(5, 4)[0]


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Encoder("test_resnet")


def embed(encoder, crops, batch_size=64, precision="float32"):
    return np.concatenate(list(embed_crops(encoder, crops, batch_size, precision)))


def test_features_are_the_encoder_s_outputs_at_unit_norm(encoder):
    features = embed(encoder, CROPS)
    with torch.no_grad():
        raw = encoder.eval()(torch.from_numpy(CROPS)).numpy().astype(np.float64)
    np.testing.assert_allclose(features, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    assert features.dtype == np.float32


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.03)])
def test_a_feature_does_not_depend_on_its_batch_beyond_rounding(encoder, precision, tolerance):
    together = embed(encoder, CROPS, 64, precision)
    for batch_size in (1, 7):
        np.testing.assert_allclose(embed(encoder, CROPS, batch_size, precision), together, atol=tolerance)


def test_features_follow_their_crops_into_another_order(encoder):
    order = np.random.default_rng(0).permutation(len(CROPS))
    np.testing.assert_allclose(embed(encoder, CROPS[order], 6), embed(encoder, CROPS, 6)[order], atol=1e-5)


def test_two_runs_give_the_same_bytes(encoder):
    np.testing.assert_array_equal(embed(encoder, CROPS), embed(encoder, CROPS))


def test_an_encoder_left_in_training_mode_gives_the_same_features(encoder):
    expected = embed(encoder, CROPS)
    encoder.train()
    np.testing.assert_array_equal(embed(encoder, CROPS), expected)


def test_no_crops_give_no_batches(encoder):
    assert list(embed_crops(encoder, CROPS[:0])) == []


def test_a_feature_that_is_not_finite_names_its_mask():
    encoder = Encoder("test_resnet")
    with torch.no_grad():
        next(encoder.backbone.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="the feature of mask 0 has norm nan"):
        embed(encoder, CROPS)


def test_automatic_precision_keeps_float32_for_depthwise_networks_on_a_cpu():
    cpu = torch.device("cpu")
    assert pick_precision("auto", Encoder("test_efficientnet"), cpu) == torch.float32
    for name in ("float32", "bfloat16"):
        assert pick_precision(name, Encoder("test_resnet"), cpu) == getattr(torch, name)
