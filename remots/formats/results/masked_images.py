"""The images of a sequence together with the masks of each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remots.formats.footage.frames import iterate_images
from remots.formats.footage.sequence import Sequence
from remots.formats.results.sequence_masks import iterate_sequence_masks
from remots.masks.rle import Rle


def iterate_masked_images(
    sequence: Sequence, table: Path | str, kind: str
) -> Iterator[tuple[int, NDArray[np.uint8], list[Rle]]]:
    """Read every frame that has masks, and its masks; in bounded memory, in one pass over the video.

    Parameters
    ----------
    sequence : Sequence
        Where the frames are.
    table : Path
        A table of masks of that sequence.
    kind : str
        ``"masks"`` or ``"truth"``.

    Yields
    ------
    frame : int
        1-based, in rising order.
    image : ndarray of uint8, shape (height_px, width_px, 3)
        RGB.
    masks : list of Rle
        In the order of the table, never empty.

    Raises
    ------
    InputError
        If the masks are of frames of another size, or of frames that the sequence does not have; and as
        `iterate_images`.
    """
    size = (sequence.height_px, sequence.width_px)
    images = iterate_images(sequence)
    for frame, columns in iterate_sequence_masks(sequence, table, kind):
        image = next(image for number, image in images if number == frame)
        yield frame, image, [Rle(size=size, counts=counts) for counts in columns["rle"]]
