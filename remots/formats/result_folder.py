"""The folder of a sequence under the results: its files by their names, and the tables that many readers share."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from remots.errors import InputError
from remots.formats.results import read_track_of_mask
from remots.formats.sequence import Sequence, read_sequence
from remots.formats.tables import read_table
from remots.formats.tracking_files import read_short_tracklets
from remots.report.tracked_masks import TrackedMasks

_BOX = ["left_px", "top_px", "width_px", "height_px"]


@dataclass(frozen=True)
class ResultFolder:
    """The folder of a sequence under the results.

    Attributes
    ----------
    path : Path
        For instance ``results/street``; its files bear the names of ARCHITECTURE.md.

    Raises
    ------
    InputError
        If there is no such folder.
    """

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder; give the folder of a sequence under the results")

    def file(self, name: str) -> Path:
        """Give the path of a file by its name."""
        return self.path / name

    def has(self, *names: str) -> bool:
        """Tell whether all of these files are there."""
        return all(self.file(name).is_file() for name in names)

    @cached_property
    def sequence(self) -> Sequence:
        """What ``sequence.json`` says; InputError where it is missing or malformed."""
        return read_sequence(self.file("sequence.json"))

    @cached_property
    def masks(self) -> TrackedMasks:
        """The masks with their tracks; InputError where the tables do not belong together."""
        table = read_table(self.file("masks.parquet"), "masks", ["frame", *_BOX, "area_px"])
        tracklets = self.file("short_tracklets.parquet")
        tracklet_ids, _ = read_short_tracklets(tracklets, len(table))
        return TrackedMasks(
            table["frame"].to_numpy(np.int64),
            table[_BOX].to_numpy(np.int64),
            table["area_px"].to_numpy(np.int64),
            tracklet_ids,
            read_track_of_mask(tracklets, self.file("tracks.parquet"), len(table)),
        )
