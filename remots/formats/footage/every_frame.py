"""What was found in some frames, put beside every frame of a sequence."""

from collections.abc import Iterator
from typing import TypeVar

from remots.formats.footage.sequence import Sequence

Found = TypeVar("Found")


def fill_frames(found: Iterator[tuple[int, Found]], sequence: Sequence, nothing: Found) -> Iterator[Found]:
    """Give what was found in each frame of a sequence in turn.

    Parameters
    ----------
    found : iterator of (frame, anything)
        By rising frame; frames outside the sequence are passed over.
    sequence : Sequence
        Whose frames are wanted.
    nothing : anything
        What to give for a frame in which nothing was found.

    Yields
    ------
    anything
        One for each frame from the first to the last.
    """
    upcoming = next(found, None)
    for frame in sequence.frame_numbers:
        while upcoming is not None and upcoming[0] < frame:
            upcoming = next(found, None)
        yield upcoming[1] if upcoming is not None and upcoming[0] == frame else nothing
