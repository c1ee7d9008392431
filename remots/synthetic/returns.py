"""Who comes back is somebody new: the identities of MOTChallenge, made from those of people."""

from collections.abc import Sequence

from remots.masks.rle import Rle, boxes


class Returns:
    """Gives people who left the picture and come back a new identity, frame by frame.

    Somebody has left who is not seen for a frame or more, and is at the border of the picture before and after; who was
    hidden by somebody or something is still the same. Identities are numbered from 1 in the order in which they appear.

    Parameters
    ----------
    size : (int, int)
        Height and width of the picture in px.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._n_identities = 0
        self._last: dict[int, tuple[int, bool, int]] = {}  # by person: frame, whether at the border, identity

    def identify(self, frame: int, people: Sequence[int], masks: Sequence[Rle]) -> list[int]:
        """Give the identities of the masks of a frame.

        Parameters
        ----------
        frame : int
            Its number; frames come in rising order.
        people : sequence of int, length n_masks
            Whose the masks are; each at most once.
        masks : sequence of Rle, length n_masks

        Returns
        -------
        list of int, length n_masks
        """
        return [
            self._identify(frame, person, at_border)
            for person, at_border in zip(people, self._are_at_border(masks), strict=True)
        ]

    def _are_at_border(self, masks: Sequence[Rle]) -> list[bool]:
        left, top, width, height = boxes(masks).T
        inside = (left > 0) & (top > 0) & (left + width < self._size[1]) & (top + height < self._size[0])
        return [not each for each in inside.tolist()]

    def _identify(self, frame: int, person: int, at_border: bool) -> int:
        last_frame, was_at_border, identity = self._last.get(person, (0, True, 0))
        has_left = frame - last_frame > 1 and was_at_border and at_border
        if not identity or has_left:
            self._n_identities += 1
            identity = self._n_identities
        self._last[person] = frame, at_border, identity
        return identity
