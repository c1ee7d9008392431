"""Fixtures that all tests share: the real data, where it is there, and a scene drawn by hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from remots.masks.rle import Rle, encode

REPOSITORY = Path(__file__).resolve().parents[1]

# Two people pass each other, two pixels high each: a walks to the right, b to the left and in front; '.' is street.
TWO_PEOPLE = """
a . . . b    . a . b .    . . b . .    . b . a .    b . . . a
a . . . b    . a . b .    . . b . .    . b . a .    b . . . a
"""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("REMOTS_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs real data: no folder {folder} (set REMOTS_SHARED_DATA)")
    return folder


@pytest.fixture
def two_people() -> list[dict[str, Rle]]:
    """The frames of `TWO_PEOPLE`, each with the mask of every visible person by letter; a is hidden in the third."""
    return [draw_frame(frame) for frame in zip(*map(split_frames, TWO_PEOPLE.strip().splitlines()), strict=True)]


def split_frames(line: str) -> list[str]:
    """Split one line of a drawing where four spaces part the frames."""
    return line.split("    ")


def draw_frame(rows: tuple[str, ...]) -> dict[str, Rle]:
    """Turn the drawn rows of one frame into a mask per letter."""
    letters = np.array([row.split() for row in rows])
    return {name: encode(letters == name) for name in np.unique(letters) if name != "."}
