"""Turn the crops of a video into features."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from remots.appearance.devices import move, pick_device, pick_precision
from remots.appearance.encoder import Encoder
from remots.appearance.folding import fold, foldable_pairs, folded
from remots.appearance.loading import CropStore
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
        Crops that go through the encoder together. The features depend on it by rounding alone.
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
    folds = fold(foldable_pairs(encoder.backbone, *crops.shape[1:3]))
    starts = range(0, crops.shape[0], batch_size)
    for start in track(starts, "embed"):
        rows = np.arange(start, min(start + batch_size, crops.shape[0]))
        images = torch.from_numpy(crops[rows]).to(device)
        in_its_precision = torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), in_its_precision, folded(folds):
            features = encoder(images).float()
        yield _normalise(features.cpu().numpy(), start)


def _normalise(features: NDArray[np.float32], first_row: int) -> NDArray[np.float32]:
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if len(wrong):
        raise ValueError(
            f"the feature of mask {first_row + wrong[0]} has norm {norms[wrong[0], 0]}; train the encoder again"
        )
    unit: NDArray[np.float32] = features / norms
    return unit
