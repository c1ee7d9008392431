"""A table of masks, held against the sequence that it should belong to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence
from remots.formats.results.tables import iterate_frames, read_metadata


def iterate_sequence_masks(
    sequence: Sequence, table: Path | str, kind: str
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """Read a table of masks frame by frame, as `iterate_frames` does, and check that it is of this sequence.

    Parameters
    ----------
    sequence : Sequence
        What the masks are of.
    table : Path
        A parquet file.
    kind : str
        ``"masks"`` or ``"truth"``.

    Yields
    ------
    frame : int
        1-based; only frames that have rows.
    columns : dict of str to ndarray
        The frame's rows by column.

    Raises
    ------
    InputError
        If the masks are of frames of another size, or of frames that the sequence does not have.
    """
    facts = read_metadata(table, kind)
    size = (sequence.height_px, sequence.width_px)
    found = (facts.get("height_px", size[0]), facts.get("width_px", size[1]))
    if found != size:
        raise InputError(
            f"{table}: masks of frames of {found[1]}x{found[0]} px, but {sequence.sequence} has "
            f"{size[1]}x{size[0]} px; take the masks of this video"
        )
    for frame, columns in iterate_frames(table, kind):
        if not sequence.first_frame <= frame <= sequence.last_frame:
            raise InputError(
                f"{table}: has masks in frame {frame}, but {sequence.sequence} has only the frames "
                f"{sequence.first_frame} to {sequence.last_frame}; take the masks of this video"
            )
        yield frame, columns
