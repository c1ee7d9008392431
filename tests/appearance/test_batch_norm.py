import pytest
import torch
from torch import nn

from remots.appearance.batch_norm import adapt_statistics, batch_norms, freeze_statistics


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.BatchNorm1d(3), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, track_running_stats=False)
    )


def test_layers_with_running_statistics_are_found(network):
    assert batch_norms(network) == [network[0], network[2]]


def test_frozen_statistics_stay_and_the_weights_are_still_trained(network):
    network.train()
    freeze_statistics(network)
    before = network[2].running_mean.clone()
    network[:3](torch.randn(8, 3) + 5).sum().backward()
    assert torch.equal(network[2].running_mean, before)
    assert network[2].bias.grad.abs().sum() > 0
    assert network[1].training


def test_adapted_statistics_are_the_means_over_the_batches(network):
    network = network[:3]
    batches = [torch.randn(6, 3) * 2 + 3 for _ in range(4)]
    adapt_statistics(network, batch_norms(network), batches)
    means = torch.stack([batch.mean(dim=0) for batch in batches]).mean(dim=0)
    variances = torch.stack([batch.var(dim=0) for batch in batches]).mean(dim=0)
    torch.testing.assert_close(network[0].running_mean, means)
    torch.testing.assert_close(network[0].running_var, variances)
    assert network[0].momentum == 0.1
    assert not network.training


def test_only_the_layers_named_are_adapted(network):
    network = network[:3]
    before = network[0].running_mean.clone()
    adapt_statistics(network, [network[2]], [torch.randn(6, 3) + 3])
    assert torch.equal(network[0].running_mean, before)
    assert network[2].running_mean.abs().sum() > 0
