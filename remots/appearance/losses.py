"""The triplet loss, on the hardest triplets of each group."""

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

Triplets = tuple[Tensor, Tensor, Tensor]


def hardest_triplets(distances: Tensor, labels: Tensor, groups: Tensor) -> Triplets:
    """Find for each crop its farthest positive and its nearest negative.

    Parameters
    ----------
    distances : Tensor of float, shape (n, n)
        Distance of each pair of crops; grows with dissimilarity.
    labels : Tensor of int, shape (n,)
        The person on each crop.
    groups : Tensor of int, shape (n,)
        Only crops of one group are compared: in another group a different label may be the same person.

    Returns
    -------
    anchors, positives, negatives : Tensors of int, shape (n_triplets,)
        Indices of crops. An anchor without another crop of its label, or without another label, in its group is left
        out. Of equals the first is taken.

    Notes
    -----
    Source: batch-hard mining as in Luo et al. 2019, held to the pairs of which ReMOTS 2.2 and 2.4 are sure.
    """
    same_label = labels[:, None] == labels
    same_group = groups[:, None] == groups
    is_positive = same_label & same_group
    is_positive.fill_diagonal_(False)
    is_negative = same_group & ~same_label
    infinity = torch.tensor(torch.inf, dtype=distances.dtype, device=distances.device)
    farthest = torch.where(is_positive, distances, -infinity).argmax(dim=1)
    nearest = torch.where(is_negative, distances, infinity).argmin(dim=1)
    anchors = torch.nonzero(is_positive.any(dim=1) & is_negative.any(dim=1)).squeeze(1)
    return anchors, farthest[anchors], nearest[anchors]


def triplet_loss(
    features: Tensor, labels: Tensor, groups: Tensor, margin: float, normalise: bool
) -> tuple[Tensor, Tensor]:
    """Compute the mean loss max(0, d(anchor, positive) - d(anchor, negative) + margin) of the hardest triplets.

    Parameters
    ----------
    features : Tensor of float32, shape (n, n_dimensions)
        What the encoder gives, not normalised.
    labels, groups : Tensors of int, shape (n,)
        See `hardest_triplets`.
    margin : float
        In units of the distance.
    normalise : bool
        Take Euclidean distances of unit-norm features; else of features as they are (Luo et al. 2019).

    Returns
    -------
    loss : Tensor of float32, shape ()
        0 where there is no triplet.
    active_share : Tensor of float32, shape ()
        Share of the triplets whose loss is above 0, in [0, 1]; 0 where there is none.

    Notes
    -----
    Source: ReMOTS section 2.2 (triplet loss); margin and mining as in Luo et al. 2019.
    """
    distance = LpDistance(normalize_embeddings=normalise)
    with torch.no_grad():
        distances = distance(features)
        anchors, positives, negatives = triplets = hardest_triplets(distances, labels, groups)
        is_active = distances[anchors, positives] + margin > distances[anchors, negatives]
        active_share = is_active.float().mean() if len(anchors) else features.new_zeros(())
    loss = TripletMarginLoss(margin=margin, distance=distance, reducer=MeanReducer())(features, indices_tuple=triplets)
    return loss, active_share
