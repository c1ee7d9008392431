import pytest
import timm
import torch
from torch import nn

from remots.appearance.folding import fold, foldable_pairs, folded

SIZE = (64, 32)


def with_statistics(network):
    """Give batch normalisation statistics and weights at which a wrong fold shows."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for values, low, high in (
                    (layer.running_mean, -1, 1),
                    (layer.running_var, 0.5, 2),
                    (layer.weight, 0.5, 1.5),
                    (layer.bias, -1, 1),
                ):
                    if values is not None:
                        values.copy_(low + (high - low) * torch.rand(values.shape, generator=generator))
    return network.eval()


def images():
    return torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "tf_efficientnet_lite0", "seresnext26d_32x4d", "densenet121"]
)
def test_a_folded_network_gives_the_same_features(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = with_statistics(timm.create_model(name, num_classes=0))
    pairs = foldable_pairs(network, *SIZE)
    names = set(network.state_dict())
    with torch.inference_mode():
        expected = network(images())
        with folded(fold(pairs)):
            features = network(images())
            assert set(network.state_dict()) == names
        again = network(images())
    assert len(pairs) > 3
    assert not torch.equal(features, expected)  # something has been folded, or this would say nothing
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    assert torch.equal(again, expected)


class Branching(nn.Module):
    """Nothing here may be folded: each normalisation is fed otherwise, or the convolution's output has other uses."""

    def __init__(self):
        super().__init__()
        self.shared, self.norm_of_shared = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.before_relu, self.norm_of_relu = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.twice, self.norm_of_twice = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.plain, self.without_weights = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False)
        self.before_batch, self.of_batch = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x):
        x = self.shared(x)
        x = x + self.norm_of_shared(x)
        x = self.norm_of_relu(nn.functional.relu_(self.before_relu(x)))
        x = self.twice(self.norm_of_twice(self.twice(x)))
        x = self.of_batch(self.before_batch(self.without_weights(self.plain(x))))
        return x.mean((2, 3))


def test_a_convolution_whose_output_has_another_use_is_not_folded():
    assert foldable_pairs(Branching(), *SIZE) == []


def test_a_convolution_with_a_bias_is_folded():
    network = with_statistics(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    pairs = foldable_pairs(network, *SIZE)
    assert pairs == [(network[0], network[1])]
    with torch.inference_mode(), folded(fold(pairs)):
        features = network(images())
    torch.testing.assert_close(features, network(images()), rtol=1e-4, atol=1e-5)


def test_to_look_for_pairs_leaves_the_network_as_it_was():
    network = timm.create_model("test_resnet", num_classes=0).train()
    network.bn1.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert foldable_pairs(network, *SIZE)
    assert network.training
    assert not network.bn1.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


def test_a_network_without_batch_normalisation_has_nothing_to_fold():
    assert foldable_pairs(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), *SIZE) == []
