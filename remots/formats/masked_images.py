"""The images of a sequence together with the masks of each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.frames import iterate_images
from remots.formats.sequence import Sequence
from remots.formats.tables import iterate_frames, read_metadata
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
    facts = read_metadata(table, kind)
    found = (facts.get("height_px", size[0]), facts.get("width_px", size[1]))
    if found != size:
        raise InputError(
            f"{table}: masks of frames of {found[1]}x{found[0]} px, but {sequence.sequence} has {size[1]}x{size[0]}; "
            "take the masks of this video"
        )
    images = iterate_images(sequence)
    for frame, columns in iterate_frames(table, kind):
        if not sequence.first_frame <= frame <= sequence.last_frame:
            raise InputError(
                f"{table}: has masks in frame {frame}, but {sequence.sequence} has only the frames "
                f"{sequence.first_frame} to {sequence.last_frame}; take the masks of this video"
            )
        image = next(image for number, image in images if number == frame)
        yield frame, image, [Rle(size=size, counts=counts) for counts in columns["rle"]]
