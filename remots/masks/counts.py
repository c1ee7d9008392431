"""The bytes of COCO's compressed run-length encoding: read into run lengths, and written, many masks at a time.

Each number is a string of characters, chr(48) for 0 to chr(111) for 63. Of the six bits the lowest five belong to the
number, lowest group first; the sixth says that a further character follows; the fifth of the last character is the
number's sign. A mask's first three numbers are its first three run lengths; each later one is the difference to the run
before the last.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_OFFSET = 48
_CONTINUES = 32
_SIGN = 16
# Six characters hold 30 bits: runs of up to 536 million pixels. More would overflow the 32-bit integers of pycocotools.
_MAX_CHARACTERS = 6


class MalformedCountsError(ValueError):
    """Counts that are not a run-length encoding.

    Attributes
    ----------
    index : int
        Which of the masks given it is.
    fault : str
        What is wrong with it.
    """

    def __init__(self, index: int, fault: str) -> None:
        super().__init__(f"mask {index}: {fault}")
        self.index = index
        self.fault = fault


def decode_counts(counts: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read the run lengths of many masks at once.

    Parameters
    ----------
    counts : sequence of bytes, length n_masks
        What ``Rle["counts"]`` holds.

    Returns
    -------
    runs : ndarray of int64, shape (sum of n_runs,), in px
        The runs of the first mask, then those of the second, and so on. Broken counts may give negative runs: see
        `remots.masks.rle.check_rles`.
    n_runs : ndarray of int64, shape (n_masks,)
        How many runs each mask has.

    Raises
    ------
    MalformedCountsError
        A ValueError: a character is out of range, a number has too many characters or is cut off.
    """
    ends = np.cumsum([len(text) for text in counts], dtype=np.int64)
    characters = np.frombuffer(b"".join(counts), np.uint8) - np.uint8(_OFFSET)
    last = np.flatnonzero(characters < _CONTINUES)
    first = np.concatenate([np.zeros(1, np.int64), last + 1])
    _check_characters(characters, ends, first)
    first = first[:-1]
    numbers = _join_characters(characters, first, last)
    n_runs = np.diff(np.searchsorted(last, ends), prepend=0)
    return _undo_differences(numbers, n_runs), n_runs


def _check_characters(characters: NDArray[np.uint8], ends: NDArray[np.int64], first: NDArray[np.int64]) -> None:
    """Look for a character out of range, a number cut off at the end of its mask, and one of too many characters."""
    strange = np.flatnonzero(characters > 63)
    if len(strange):
        mask = int(np.searchsorted(ends, strange[0], side="right"))
        character = chr((int(characters[strange[0]]) + _OFFSET) % 256)
        raise MalformedCountsError(
            mask, f"the counts hold the character {character!r}, which no run-length encoding has"
        )
    not_empty = np.flatnonzero(np.diff(ends, prepend=0))
    cut_off = not_empty[characters[ends[not_empty] - 1] >= _CONTINUES]
    if len(cut_off):
        raise MalformedCountsError(int(cut_off[0]), "the counts end within a number; they have been cut off")
    too_long = np.flatnonzero(np.diff(first) > _MAX_CHARACTERS)
    if len(too_long):
        mask = int(np.searchsorted(ends, first[too_long[0]], side="right"))
        raise MalformedCountsError(mask, f"the counts hold a number of more than {_MAX_CHARACTERS} characters")


def _join_characters(
    characters: NDArray[np.uint8], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Put the numbers together from the characters first[i] to last[i]."""
    numbers = (characters[first] & 31).astype(np.int64)
    n_more = last - first
    for group in range(1, _MAX_CHARACTERS):
        longer = np.flatnonzero(n_more >= group)
        if not len(longer):
            break
        numbers[longer] |= (characters[first[longer] + group] & 31).astype(np.int64) << (5 * group)
    negative = np.flatnonzero(characters[last] & _SIGN)
    numbers[negative] -= np.int64(1) << (5 * (n_more[negative] + 1))
    return numbers


def _undo_differences(numbers: NDArray[np.int64], n_runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn differences to the run before the last into run lengths: runs[i] = numbers[i] + runs[i - 2] for i > 2."""
    # Runs in pairs, one a row, so that a difference looks to the row above; each mask begins with a row of its own.
    n_rows = (n_runs + 1) // 2
    first_row = np.cumsum(n_rows) - n_rows
    place = np.arange(len(numbers)) + np.repeat(2 * first_row - (np.cumsum(n_runs) - n_runs), n_runs)
    pairs = np.zeros((int(n_rows.sum()), 2), np.int64)
    pairs.reshape(-1)[place] = numbers
    not_empty = first_row[n_rows > 0]
    first_runs = pairs[not_empty, 0]
    pairs[not_empty, 0] = 0  # the third run is no difference: it starts a sum of its own
    sums = np.cumsum(pairs, axis=0)
    before = np.where(first_row[:, None] > 0, sums[first_row - 1], 0) if len(sums) else np.zeros((len(n_rows), 2), int)
    sums -= np.repeat(before, n_rows, axis=0)
    sums[not_empty, 0] = first_runs
    runs: NDArray[np.int64] = sums.reshape(-1)[place]
    return runs


def encode_counts(runs: NDArray[np.integer[Any]], n_runs: Sequence[int] | NDArray[np.int64]) -> list[bytes]:
    """Write the run lengths of many masks at once.

    Parameters
    ----------
    runs : ndarray of int, shape (sum of n_runs,), in [0, 2**29) px
        The runs of the first mask, then those of the second, and so on.
    n_runs : sequence of int, length n_masks
        How many runs each mask has.

    Returns
    -------
    list of bytes, length n_masks
    """
    ends = np.cumsum(n_runs)
    index = np.arange(len(runs)) - np.repeat(ends - np.asarray(n_runs), n_runs)
    numbers = runs.astype(np.int64)
    later = np.flatnonzero(index > 2)
    numbers[later] -= runs[later - 2]
    # A number fits into k characters where it is at least -2**(5k - 1) and less than 2**(5k - 1).
    magnitude = np.where(numbers < 0, ~numbers, numbers)
    n_characters = np.ones(len(numbers), np.int64)
    for k in range(1, _MAX_CHARACTERS):
        n_characters += magnitude >> (5 * k - 1) > 0
    last = np.cumsum(n_characters)
    characters = np.empty(int(last[-1]) if len(last) else 0, np.uint8)
    for group in range(_MAX_CHARACTERS):
        longer = np.flatnonzero(n_characters > group)
        bits = (numbers[longer] >> (5 * group)) & 31
        bits |= np.where(n_characters[longer] > group + 1, _CONTINUES, 0)
        characters[(last - n_characters)[longer] + group] = bits + _OFFSET
    text, text_ends = characters.tobytes(), np.concatenate([[0], last])[ends].tolist()
    return [text[start:end] for start, end in zip([0, *text_ends], text_ends, strict=False)]


def read_number(counts: bytes, position: int) -> tuple[int, int]:
    """Read one number of well-formed counts; gives the number as stored, and the position after it."""
    number, shift, bits = 0, 0, _CONTINUES
    while bits & _CONTINUES:
        bits = counts[position] - _OFFSET
        number |= (bits & 31) << shift
        shift += 5
        position += 1
    return (number - (1 << shift) if bits & _SIGN else number), position


def write_number(number: int) -> bytes:
    """Write one number as counts store it."""
    characters = bytearray()
    while not -_SIGN <= number < _SIGN:
        characters.append((number & 31) + _CONTINUES + _OFFSET)
        number >>= 5
    characters.append((number & 31) + _OFFSET)
    return bytes(characters)
