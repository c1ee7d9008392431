"""The triplet loss, on the hardest triplets of each group, and the losses that need names."""

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn

_CLASSIFIER_DEVIATION = 0.001  # Luo et al.
_CENTRE_RATE = 0.5

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
    features: Tensor, labels: Tensor, groups: Tensor, margin: float, normalise: bool, soft: bool = False
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
    soft : bool
        Take log(1 + exp(x)) in the place of max(0, x), so that no triplet is ever done with.

    Returns
    -------
    loss : Tensor of float32, shape ()
        0 where there is no triplet.
    active_share : Tensor of float32, shape ()
        Share of the triplets that violate the margin, in [0, 1]; 0 where there is none.

    Notes
    -----
    Source: ReMOTS section 2.2 (triplet loss); margin and mining as in Luo et al. 2019; the soft margin is of Hermans et
    al. 2017, "In defense of the triplet loss".
    """
    distance = LpDistance(normalize_embeddings=normalise)
    with torch.no_grad():
        distances = distance(features)
        anchors, positives, negatives = triplets = hardest_triplets(distances, labels, groups)
        is_active = distances[anchors, positives] + margin > distances[anchors, negatives]
        active_share = is_active.float().mean() if len(anchors) else features.new_zeros(())
    compute = TripletMarginLoss(margin=margin, distance=distance, smooth_loss=soft, reducer=MeanReducer())
    return compute(features, indices_tuple=triplets), active_share


class IdentityLosses(nn.Module):
    """The losses of Luo et al. that need names: identity loss and centre loss, on the crops of training sequences.

    Parameters
    ----------
    n_identities, n_dimensions : int
        People who are known by name, and length of a feature.
    identity_weight, centre_weight : float
        Factors of the two losses beside the triplet loss (Luo et al.: 1 and 0.0005).
    label_smoothing : float
        Share of the identity loss's target that all people have in common (Luo et al.: 0.1).

    Notes
    -----
    Source: Luo et al. 2019, sections "label smoothing" and "center loss". Centres move as Wen et al. 2016 say (equation
    4, with a rate of one half), not along a gradient.
    """

    centres: Tensor

    def __init__(
        self,
        n_identities: int,
        n_dimensions: int,
        identity_weight: float,
        centre_weight: float,
        label_smoothing: float,
    ) -> None:
        super().__init__()
        self._weights = identity_weight, centre_weight
        self._label_smoothing = label_smoothing
        self.classifier = nn.Linear(n_dimensions, n_identities, bias=False)
        nn.init.normal_(self.classifier.weight, std=_CLASSIFIER_DEVIATION)
        self.register_buffer("centres", torch.zeros(n_identities, n_dimensions))

    def forward(self, features: Tensor, compared: Tensor, identities: Tensor) -> Tensor:
        """Compute the weighted sum of both losses, and move the centres.

        Parameters
        ----------
        features : Tensor of float32, shape (n, n_dimensions)
            In front of the neck; drawn to their centres.
        compared : Tensor of float32, shape (n, n_dimensions)
            Behind the neck, where there is one; classified.
        identities : Tensor of int64, shape (n,)
            -1 where nobody knows; those crops do not count.

        Returns
        -------
        Tensor of float32, shape ()
        """
        known = torch.nonzero(identities >= 0).squeeze(1)
        if not len(known):
            return features.new_zeros(())
        names, named = identities[known], features[known]
        identity_weight, centre_weight = self._weights
        loss = identity_weight * nn.functional.cross_entropy(
            self.classifier(compared[known]), names, label_smoothing=self._label_smoothing
        )
        loss = loss + centre_weight * 0.5 * (named - self.centres[names]).square().sum(dim=1).mean()
        self._move_centres(named.detach(), names)
        return loss

    @torch.no_grad()
    def _move_centres(self, features: Tensor, names: Tensor) -> None:
        sums = torch.zeros_like(self.centres).index_add_(0, names, self.centres[names] - features)
        counts = torch.bincount(names, minlength=len(self.centres))
        self.centres.sub_(_CENTRE_RATE * sums / (1 + counts)[:, None])
