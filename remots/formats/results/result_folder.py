"""The folder of a sequence under the results: its files by their names, and the tables that many readers share."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from remots.errors import InputError
from remots.formats.footage.sequence import Sequence, read_sequence
from remots.formats.results.corrections import digest_tracklets
from remots.formats.results.tables import read_table
from remots.formats.results.tracking_files import read_short_tracklets
from remots.formats.results.tracks import read_splits, read_track_of_mask
from remots.merging.corrections import PartName, split_tracklets
from remots.report.tracked_masks import TrackedMasks

# What is read of a folder, by whatever tells of a sequence: the inputs of the rule `excerpt`, and of its record.
RESULTS_READ = (
    "sequence.json",
    "masks.parquet",
    "crops.npy",
    "training_intra.csv",
    "histograms_intra.npz",
    "threshold_short.json",
    "short_tracklets.parquet",
    "training_inter.csv",
    "features_inter.npy",
    "histograms_inter.npz",
    "threshold_merge.json",
    "merges.parquet",
    "tracks.parquet",
)
_BOX = ["left_px", "top_px", "width_px", "height_px"]


@dataclass(frozen=True)
class ResultFolder:
    """The folder of a sequence under the results.

    Attributes
    ----------
    path : Path
        For instance ``results/street``; its files bear the names of ARCHITECTURE.md.
    filled : Path, optional
        Its table of filled masks; without one, gaps stay gaps.

    Raises
    ------
    InputError
        If there is no such folder.
    """

    path: Path
    filled: Path | None = None

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise InputError(f"{self.path}: no such folder; give the folder of a sequence under the results")

    def file(self, name: str) -> Path:
        """Give the path of a file by its name."""
        return self.path / name

    @property
    def files_read(self) -> list[Path]:
        """Those of its files that are there and that are read: figures and logs beside them count for nothing."""
        return [self.file(name) for name in RESULTS_READ if self.has(name)]

    def has(self, *names: str) -> bool:
        """Tell whether all of these files are there."""
        return all(self.file(name).is_file() for name in names)

    @cached_property
    def sequence(self) -> Sequence:
        """What ``sequence.json`` says; InputError where it is missing or malformed."""
        return read_sequence(self.file("sequence.json"))

    @cached_property
    def masks(self) -> TrackedMasks:
        """The masks with their tracks; InputError where the tables do not belong together.

        A short tracklet that was split counts as its parts, numbered as `split_tracklets` does.
        """
        table = read_table(self.file("masks.parquet"), "masks", ["frame", *_BOX, "area_px"])
        frames = table["frame"].to_numpy(np.int64)
        tracklets, tracks = self.file("short_tracklets.parquet"), self.file("tracks.parquet")
        return TrackedMasks(
            frames,
            table[_BOX].to_numpy(np.int64),
            table["area_px"].to_numpy(np.int64),
            split_tracklets(read_short_tracklets(tracklets, len(table))[0], frames, read_splits(tracks)),
            read_track_of_mask(tracklets, tracks, len(table)),
        )

    @cached_property
    def tracklets_digest(self) -> str:
        """What a file of corrections says in its first line: which tracklets its numbers are of."""
        tracklet_ids, _ = read_short_tracklets(self.file("short_tracklets.parquet"), len(self.masks.frames))
        return digest_tracklets(tracklet_ids, self.masks.frames, self.masks.boxes_px)

    def name_tracklet(self, tracklet_id: int) -> str:
        """Name a short tracklet, or a part of one that was split, as corrections do: ``7``, ``7@30``."""
        return self._part_names.get(tracklet_id, str(tracklet_id))

    @cached_property
    def _part_names(self) -> dict[int, str]:
        splits = read_splits(self.file("tracks.parquet")).tolist()
        n_tracklets = int(self.masks.tracklet_ids.max(initial=-1)) + 1 - len(splits)
        names = {n_tracklets + row: str(PartName(own, frame)) for row, (own, frame) in enumerate(splits)}
        for own, _ in splits:
            first_mask = int(np.argmax(self.masks.tracklet_ids == own))
            names[own] = str(PartName(own, int(self.masks.frames[first_mask])))
        return names
