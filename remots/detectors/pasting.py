"""From what a network gives, a small mask in a box or a mask of the whole frame, to run-length encoding."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from remots.masks.rle import Rle, encode_crop, encode_runs

_BORDER_PX = 1  # around a box: where the frameworks, too, look for pixels of its mask


class _Region(NamedTuple):
    """Part of a frame in px, the ends left out; empty where an end is not behind its start."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def is_empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top


def paste_box_masks(probabilities: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float = 0.5) -> list[Rle]:
    """Scale small masks to their boxes, without ever making a frame.

    Parameters
    ----------
    probabilities : Tensor, shape (n, m, m), in [0, 1]
        Of the object, on a grid over its box; on any device, of any float type.
    boxes : Tensor, shape (n, 4), in px of the frame
        Corners x0, y0, x1, y1; they may reach beyond the frame.
    size : (int, int)
        Height and width of the frame in px.
    threshold : float, in (0, 1]
        Pixels of this probability or a higher one are the object's.

    Returns
    -------
    list of Rle, length n
        Empty masks where a box lies outside of the frame, has no area, or is not finite.

    Raises
    ------
    ValueError
        If there are not as many boxes as masks.

    Notes
    -----
    To the bit what Detectron2 and MMDetection paste on a CPU (bilinear, pixel centres at .5, nothing beyond the border
    of the small mask), wherever the network ran.
    """
    if len(probabilities) != len(boxes):
        raise ValueError(f"{len(probabilities)} masks for {len(boxes)} boxes")
    probabilities, boxes = probabilities.detach().to("cpu", torch.float32), boxes.detach().to("cpu", torch.float32)
    return [
        _paste(probability, box, region, size, threshold)
        for probability, box, region in zip(probabilities, boxes, _regions_of_boxes(boxes, size), strict=True)
    ]


def encode_frame_masks(masks: Tensor | NDArray[np.bool_], boxes: Tensor | None = None) -> list[Rle]:
    """Encode masks of whole frames; only the object's box is looked at, and fetched from a GPU.

    Parameters
    ----------
    masks : Tensor or ndarray of bool, shape (n, height, width)
        On any device.
    boxes : Tensor, shape (n, 4), in px of the frame, optional
        Corners x0, y0, x1, y1, if no mask reaches farther out of its box than to the next pixel; else the boxes are
        looked for.

    Returns
    -------
    list of Rle, length n
        Empty masks stay empty.
    """
    stack = torch.as_tensor(masks)
    _, height, width = stack.shape
    if boxes is None:
        regions = [_region_of_mask(mask) for mask in stack]
    else:
        regions = _regions_of_boxes(boxes.detach().to("cpu", torch.float32), (height, width))
    return [_encode(mask, region, (height, width)) for mask, region in zip(stack, regions, strict=True)]


def _paste(probability: Tensor, box: Tensor, region: _Region, size: tuple[int, int], threshold: float) -> Rle:
    if region.is_empty:
        return _empty(size)
    x0, y0, x1, y1 = box
    # The steps, and their order, are the frameworks': each rounds, and a pixel at the threshold would flip.
    x = (torch.arange(region.left, region.right, dtype=torch.float32) + 0.5 - x0) / (x1 - x0) * 2 - 1
    y = (torch.arange(region.top, region.bottom, dtype=torch.float32) + 0.5 - y0) / (y1 - y0) * 2 - 1
    # Columns first, as run-length encoding goes: the crop need not be turned later.
    shape = (len(x), len(y))
    grid = torch.stack([x[:, None].expand(shape), y[None, :].expand(shape)], dim=2)
    pasted = functional.grid_sample(probability[None, None], grid[None], align_corners=False)[0, 0]
    return encode_crop((pasted >= threshold).numpy().T, region.left, region.top, size)


def _encode(mask: Tensor, region: _Region, size: tuple[int, int]) -> Rle:
    if region.is_empty:
        return _empty(size)
    crop = mask[region.top : region.bottom, region.left : region.right].cpu().numpy()
    return encode_crop(crop, region.left, region.top, size)


def _regions_of_boxes(boxes: Tensor, size: tuple[int, int]) -> list[_Region]:
    """Give the part of the frame that each box touches, with a border; nothing for boxes without an area."""
    height, width = size
    has_area = torch.isfinite(boxes).all(dim=1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    corners = torch.where(has_area[:, None], boxes, torch.zeros(()))
    limit = torch.tensor([width, height], dtype=torch.float32)
    starts = torch.minimum((corners[:, :2].floor() - _BORDER_PX).clamp(min=0), limit)
    ends = torch.minimum((corners[:, 2:].ceil() + _BORDER_PX).clamp(min=0), limit)
    ends = torch.where(has_area[:, None], ends, starts)
    return [_Region(*values) for values in torch.cat([starts, ends], dim=1).int().tolist()]


def _region_of_mask(mask: Tensor) -> _Region:
    rows = mask.any(dim=1).cpu().numpy().nonzero()[0]
    if not len(rows):
        return _Region(0, 0, 0, 0)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = mask[top:bottom].any(dim=0).cpu().numpy().nonzero()[0]
    return _Region(int(columns[0]), top, int(columns[-1]) + 1, bottom)


def _empty(size: tuple[int, int]) -> Rle:
    return encode_runs([size[0] * size[1]], size)
