"""What an encoder learns and gives does not depend on the number of threads, to the byte."""

import numpy as np
import pytest
import torch
from torch import nn

from remots.appearance.encoder import Encoder
from remots.appearance.features import embed_crops
from remots.appearance.parts import can_be_split, side_by_side
from remots.appearance.sampling import BatchSampler, InterShortTracklet, IntraFrame
from remots.appearance.training import train_encoder
from remots.appearance.training_plan import TrainingPlan
from tests.appearance.drawn_people import draw_people

CROPS, FRAMES, PEOPLE = draw_people(8, 8)


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def make_encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Encoder("test_resnet")


def train(n_threads, network=lambda encoder: encoder, **changes):
    torch.set_num_threads(n_threads)
    encoder = network(make_encoder())
    plan = TrainingPlan(steps=3, evaluate_every=2, **{"precision": "float32", **changes})
    held_out = BatchSampler(InterShortTracklet(FRAMES, PEOPLE), [], 40, 2, 4, 0)
    log = train_encoder(encoder, BatchSampler(IntraFrame(FRAMES), [], 48, 2, 4, 0), [CROPS], plan, held_out=held_out)
    weights = np.concatenate([tensor.numpy().ravel() for tensor in encoder.state_dict().values()])
    assert torch.get_num_threads() == n_threads
    return weights.tobytes(), log.tobytes()


def with_dropout(encoder):
    encoder.backbone.layer4 = nn.Sequential(encoder.backbone.layer4, nn.Dropout(0.2))
    return encoder


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"precision": "bfloat16"},
        {"batch_norm": "batch"},
        {"batch_norm": "frozen", "neck": "behind_triplet"},
        {"network": with_dropout},
    ],
    ids=str,
)
def test_a_training_gives_the_same_bytes_with_any_number_of_threads(changes):
    alone = train(1, **changes)
    assert train(3, **changes) == alone
    assert train(1, **changes | {"learning_rate": 1e-4}) != alone


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_are_the_same_bytes_with_any_number_of_threads(precision):
    found = []
    for n_threads in (1, 2, 7):
        torch.set_num_threads(n_threads)
        found.append(np.concatenate(list(embed_crops(make_encoder(), CROPS, 48, precision))).tobytes())
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_a_batch_in_parts_has_the_gradient_of_the_whole_batch():
    """A step of plain gradient descent in one piece, by hand, against the first step of a training."""
    torch.set_num_threads(3)
    split, whole = make_encoder(), make_encoder()
    sampler = BatchSampler(IntraFrame(FRAMES), [], 48, 2, 4, 0)
    plan = TrainingPlan(steps=1, precision="float32", batch_norm="frozen")
    train_encoder(split, sampler, [CROPS], plan)
    whole.backbone.layer4 = nn.Sequential(whole.backbone.layer4, nn.Dropout(1e-12))  # cannot be split, changes nothing
    train_encoder(whole, sampler, [CROPS], plan)
    other = [value for name, value in whole.state_dict().items()]
    for (name, value), expected in zip(split.state_dict().items(), other, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-4, err_msg=name)


def test_results_come_in_the_order_of_the_parts_and_errors_come_through():
    torch.set_num_threads(3)
    with side_by_side() as threads:
        assert torch.get_num_threads() == 1
        assert threads.compute(lambda number: (number, torch.get_num_threads()), range(9)) == [(n, 1) for n in range(9)]
        with pytest.raises(ZeroDivisionError):
            threads.compute(lambda number: 1 // number, [1, 0, 2])
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Identity(), True),
        (nn.GroupNorm(1, 4), True),
        (nn.BatchNorm2d(4).eval(), True),
        (nn.BatchNorm2d(4), False),
        (nn.BatchNorm2d(4, track_running_stats=False).eval(), False),
        (nn.Dropout(0.1), False),
        (nn.Dropout(0.0), True),
        (nn.Dropout(0.1).eval(), True),
    ],
    ids=str,
)
def test_batches_stay_whole_where_their_parts_know_of_each_other(layer, expected):
    before = torch.get_rng_state()
    assert can_be_split(nn.Sequential(layer), torch.ones(1, 4, 8, 8)) is expected
    assert torch.equal(torch.get_rng_state(), before)
