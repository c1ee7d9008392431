"""From what networks of queries give, classes and low-resolution masks by query, to run-length encoded masks."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from remots.detectors.pasting import encode_frame_masks
from remots.masks.rle import Rle, encode_crop

_GROUP = 8  # masks that are scaled together: few, so that little memory is taken


class Found(NamedTuple):
    """A mask, not empty, and its score."""

    mask: Rle
    score: float


class Chosen(NamedTuple):
    """Queries that may be instances, best first.

    Attributes
    ----------
    queries : Tensor of int64, shape (n,)
        A query may stand there twice, with two classes.
    scores : Tensor of float32, shape (n,), in [0, 1]
        Of the class.
    """

    queries: Tensor
    scores: Tensor


def choose_pairs(probabilities: Tensor, wanted: frozenset[int], min_score: float) -> Chosen:
    """Choose among all pairs of query and class: as many as there are queries, then those of wanted classes.

    Parameters
    ----------
    probabilities : Tensor, shape (n_queries, n_classes), in [0, 1]
    wanted : frozenset of int
        Indices of classes.
    min_score : float
        Lower probabilities are left out.

    Returns
    -------
    Chosen
    """
    n_queries, n_classes = probabilities.shape
    scores, pairs = probabilities.float().flatten().topk(min(n_queries, probabilities.numel()))
    is_chosen = _is_wanted(pairs % n_classes, wanted) & (scores >= min_score)
    return Chosen((pairs // n_classes)[is_chosen], scores[is_chosen])


def choose_queries(probabilities: Tensor, wanted: frozenset[int], min_score: float) -> Chosen:
    """Choose the queries whose best class is a wanted one; see `choose_pairs`."""
    scores, classes = probabilities.float().max(dim=1)
    order = scores.argsort(descending=True, stable=True)
    is_chosen = (_is_wanted(classes, wanted) & (scores >= min_score))[order]
    return Chosen(order[is_chosen], scores[order][is_chosen])


def blocky_masks(
    logits: Tensor, chosen: Chosen, min_score: float, grid: tuple[int, int] | None, size: tuple[int, int]
) -> Iterator[Found]:
    """Cut masks at 0 on a grid of their own, and blow its cells up to the frame.

    Parameters
    ----------
    logits : Tensor, shape (n_queries, height, width)
        Above 0 where the object is.
    chosen : Chosen
    min_score : float
        Of the class's probability times the mean probability inside the mask.
    grid : (int, int) or None
        Height and width that the masks are scaled to first; None as they come.
    size : (int, int)
        Height and width of the frame in px.

    Yields
    ------
    Found
        In the order of `chosen`.

    Notes
    -----
    What transformers does after MaskFormer and Mask2Former (``post_process_instance_segmentation``, each instance with
    a map of its own), but only for what is chosen, and in the frame only inside the object's box.
    """
    for queries, class_scores in _groups(chosen):
        masks = logits[queries].float()
        if grid is not None:
            masks = _scale(masks, grid)
        is_inside = masks > 0
        scores = (class_scores * _mean_probabilities(masks, is_inside)).tolist()
        for mask, score in zip(is_inside.cpu(), scores, strict=True):
            if score >= min_score and (found := _blow_up(mask, size)) is not None:
                yield Found(found, score)


def smooth_masks(logits: Tensor, chosen: Chosen, size: tuple[int, int]) -> Iterator[Found]:
    """Scale masks to the frame and cut them at 0 there; the score is the class's.

    Parameters
    ----------
    logits, chosen, size
        See `blocky_masks`.

    Yields
    ------
    Found
        In the order of `chosen`.

    Notes
    -----
    What transformers does after RF-DETR.
    """
    for queries, scores in _groups(chosen):
        yield from _encode(_scale(logits[queries].float(), size) > 0, scores)


def unpadded_masks(
    logits: Tensor,
    chosen: Chosen,
    min_score: float,
    padded: tuple[int, int],
    inner: tuple[int, int],
    size: tuple[int, int],
) -> Iterator[Found]:
    """Scale masks to the padded input, cut the padding off, scale to the frame, and cut at 0 there.

    Parameters
    ----------
    logits, chosen, min_score, size
        See `blocky_masks`.
    padded, inner : (int, int)
        Height and width of the network's input with and without padding, in px.

    Yields
    ------
    Found
        In the order of `chosen`.

    Notes
    -----
    What transformers does after EoMT, but that each instance keeps its whole mask, where transformers lets later ones
    paint over earlier ones: fusion decides that.
    """
    for queries, class_scores in _groups(chosen):
        masks = _scale(_scale(logits[queries].float(), padded)[:, : inner[0], : inner[1]], size)
        is_inside = masks > 0
        scores = class_scores * _mean_probabilities(masks, is_inside)
        yield from (found for found in _encode(is_inside, scores) if found.score >= min_score)


def _is_wanted(classes: Tensor, wanted: frozenset[int]) -> Tensor:
    return torch.isin(classes, torch.tensor(sorted(wanted), device=classes.device))


def _groups(chosen: Chosen) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(chosen.queries), _GROUP):
        yield chosen.queries[start : start + _GROUP], chosen.scores[start : start + _GROUP]


def _scale(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(masks[None], size=size, mode="bilinear", align_corners=False)[0]


def _mean_probabilities(masks: Tensor, is_inside: Tensor) -> Tensor:
    n_inside = is_inside.flatten(1).sum(dim=1)
    return (masks.sigmoid() * is_inside).flatten(1).sum(dim=1) / (n_inside + 1e-6)


def _encode(masks: Tensor, scores: Tensor) -> Iterator[Found]:
    is_there = masks.flatten(1).any(dim=1)
    for mask, score in zip(encode_frame_masks(masks[is_there]), scores[is_there].tolist(), strict=True):
        yield Found(mask, score)


def _blow_up(mask: Tensor, size: tuple[int, int]) -> Rle | None:
    """Give each pixel of the frame its nearest cell; only inside the object's box. None for an empty mask."""
    rows, columns = _span(mask.any(dim=1), size[0]), _span(mask.any(dim=0), size[1])
    crop = mask[rows.cells][:, columns.cells].numpy()
    # In a frame smaller than the grid, no pixel may have a taken cell.
    return encode_crop(crop, columns.start, rows.start, size) if crop.any() else None


class _Span(NamedTuple):
    start: int  # first pixel
    cells: Tensor  # the cell of each pixel from there on


def _span(is_taken: Tensor, n_pixels: int) -> _Span:
    """Find the pixels along one axis whose cells lie between the first and the last that is taken."""
    # torch's own rounding, so that masks are the library's to the pixel.
    positions = torch.arange(len(is_taken), dtype=torch.float32)[None, None]
    cells = functional.interpolate(positions, size=n_pixels, mode="nearest")[0, 0].long()
    pixels = is_taken[cells].nonzero()[:, 0].tolist()
    start, end = (pixels[0], pixels[-1] + 1) if pixels else (0, 0)
    return _Span(start, cells[start:end])
