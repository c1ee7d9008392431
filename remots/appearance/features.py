"""Turn the crops of a video into features."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from remots.appearance.devices import move, pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.folding import fold, foldable_pairs, folded
from remots.appearance.loading import CropStore
from remots.appearance.parts import part_size, side_by_side
from remots.progress import track


def embed_crops(
    encoder: Encoder, crops: CropStore, batch_size: int = 64, precision: str = "auto"
) -> Iterator[NDArray[np.float32]]:
    """Compute the unit-norm feature of each crop, a batch at a time.

    Parameters
    ----------
    encoder : Encoder
        Moves to the GPU where there is one. Its batch normalisation is folded into the convolutions meanwhile.
    crops : CropStore
        Of shape (n_masks, height, width, 4).
    batch_size : int
        Crops that are read together. On a CPU they go through the encoder in parts (`remots.appearance.parts`), as many
        side by side as torch has threads; the features depend on neither number, on a GPU by rounding alone.
    precision : {"auto", "float32", "bfloat16"}
        See `remots.appearance.devices.pick_precision`.

    Yields
    ------
    ndarray of float32, shape (batch_size or fewer, n_dimensions)
        Features of the next rows of `crops`.

    Raises
    ------
    ValueError
        If a feature is not finite or is zero; names its row.

    Notes
    -----
    Source: ReMOTS section 2.2; unit norm makes the cosine similarity of equation 1 a dot product.
    """
    device = pick_device()
    encoder = move(encoder, device).eval()
    dtype = pick_precision(precision, encoder, device)
    starts = range(0, crops.shape[0], batch_size)

    def embed(part: Tensor) -> Tensor:
        in_its_precision = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), in_its_precision:
            features: Tensor = encoder(part.to(device)).float()
        return features.cpu()

    with side_by_side() as threads:
        folds = fold(foldable_pairs(encoder.backbone, *crops.shape[1:3]))
        for start in track(starts, "embed"):
            rows = np.arange(start, min(start + batch_size, crops.shape[0]))
            parts = torch.split(torch.from_numpy(crops[rows]), part_size(device, batch_size))
            with folded(folds):
                features = torch.cat(threads.compute(embed, parts))
            yield _normalise(features.numpy(), start)


def _normalise(features: NDArray[np.float32], first_row: int) -> NDArray[np.float32]:
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(wrong):
        raise ValueError(
            f"the feature of mask {first_row + wrong[0]} has norm {norms[wrong[0], 0]}; train the encoder again"
        )
    unit: NDArray[np.float32] = features / norms
    return unit
