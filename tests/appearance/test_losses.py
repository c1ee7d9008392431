import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from remots.appearance.losses import IdentityLosses, hardest_triplets, triplet_loss


@st.composite
def batches(draw):
    n = draw(st.integers(1, 12))
    labels = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    seed = draw(st.integers(0, 10**6))
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)), labels, groups


def triplets_by_loops(distances, labels, groups):
    found = []
    for a in range(len(labels)):
        others = [i for i in range(len(labels)) if i != a and groups[i] == groups[a]]
        same = [i for i in others if labels[i] == labels[a]]
        different = [i for i in others if labels[i] != labels[a]]
        if same and different:
            found.append((a, max(same, key=lambda i: distances[a, i]), min(different, key=lambda i: distances[a, i])))
    return found


@settings(deadline=None, max_examples=100)
@given(batch=batches())
def test_the_hardest_triplets_are_those_that_loops_find(batch):
    features, labels, groups = batch
    distances = torch.cdist(features, features)
    found = hardest_triplets(distances, torch.tensor(labels), torch.tensor(groups))
    assert list(zip(*(index.tolist() for index in found), strict=True)) == triplets_by_loops(
        distances.numpy(), labels, groups
    )


@settings(deadline=None, max_examples=100)
@given(batch=batches(), normalise=st.booleans(), soft=st.booleans())
def test_loss_and_active_share_are_the_formula_over_the_hardest_triplets(batch, normalise, soft):
    features, labels, groups = batch
    points = features.double().numpy()
    if normalise:
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    triplets = triplets_by_loops(distances, labels, groups)
    violations = [distances[a, p] - distances[a, n] + 0.3 for a, p, n in triplets]
    loss, active_share = triplet_loss(features, torch.tensor(labels), torch.tensor(groups), 0.3, normalise, soft)
    penalties = [np.log1p(np.exp(violation)) if soft else max(violation, 0) for violation in violations]
    expected = np.mean(penalties) if violations else 0
    assert float(loss) == pytest.approx(expected, abs=1e-5)
    expected_share = np.mean([violation > 0 for violation in violations]) if violations else 0
    assert float(active_share) == pytest.approx(expected_share)


def test_a_batch_without_triplets_can_be_differentiated():
    features = torch.randn(3, 4, requires_grad=True)
    loss, active_share = triplet_loss(features, torch.tensor([0, 1, 2]), torch.zeros(3), 0.3, normalise=True)
    loss.backward()
    assert float(loss.detach()) == float(active_share) == 0


def test_the_loss_falls_along_its_gradient():
    features = torch.randn(12, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, groups = torch.arange(12) // 2, torch.arange(12) // 6
    loss, _ = triplet_loss(features, labels, groups, 0.3, normalise=True)
    loss.backward()
    closer, _ = triplet_loss(features.detach() - 0.05 * features.grad, labels, groups, 0.3, normalise=True)
    assert closer < loss


def identity_losses(identity_weight, centre_weight, smoothing=0.1, n_identities=3):
    torch.manual_seed(0)
    return IdentityLosses(n_identities, 4, identity_weight, centre_weight, smoothing)


FEATURES = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
NAMES = torch.tensor([0, 2, -1, 0, -1, 1])


def test_the_identity_loss_is_the_smoothed_cross_entropy_of_the_crops_with_a_name():
    losses = identity_losses(2.0, 0.0)
    with torch.no_grad():
        losses.classifier.weight.normal_()
    logits = (FEATURES @ losses.classifier.weight.T).detach().double()
    log_chances = logits - logits.exp().sum(dim=1, keepdim=True).log()
    targets = {0: 0, 1: 2, 3: 0, 5: 1}
    by_loops = [-(0.9 * log_chances[row, name] + 0.1 * log_chances[row].mean()) for row, name in targets.items()]
    loss = losses(torch.zeros_like(FEATURES), FEATURES, NAMES)
    assert float(loss.detach()) == pytest.approx(2 * float(sum(by_loops)) / 4, rel=1e-5)


def test_the_centre_loss_is_half_the_squared_distance_to_centres_that_move_half_way_to_the_mean():
    losses = identity_losses(0.0, 1.0)
    losses.centres.copy_(torch.ones(3, 4))
    loss = losses(FEATURES, FEATURES, NAMES)
    known = FEATURES[[0, 1, 3, 5]]
    assert float(loss.detach()) == pytest.approx(0.5 * float((known - 1).square().sum(dim=1).mean()), rel=1e-5)
    moved = 1 - 0.5 * ((1 - FEATURES[0]) + (1 - FEATURES[3])) / 3  # Wen et al. 2016, equation 4
    torch.testing.assert_close(losses.centres[0], moved)


def test_crops_without_a_name_have_no_identity_loss():
    losses = identity_losses(1.0, 1.0)
    before = losses.centres.clone()
    loss = losses(FEATURES, FEATURES, torch.full((6,), -1))
    assert float(loss) == 0
    assert torch.equal(losses.centres, before)
