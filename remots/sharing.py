"""Which files of several variants of the config are the same, so that each is made only once."""

from collections.abc import Mapping
from functools import cache
from operator import attrgetter

from remots.settings import Config

# What each file is made from: the settings of its rule (a section of the config, or one key of it), and other files.
# `training/crops.npy` are the crops of a training sequence, cut by its truth.
MADE_FROM: dict[str, tuple[str, ...]] = {
    "sequence.json": (),
    "truth.parquet": ("sequence.json",),
    "detections": ("detectors", "sequence.json"),
    # Where the sample sheet names the tracks of another tracker, they are read, and split, instead.
    "masks.parquet": ("fuse", "import_tracklets", "detections", "sequence.json"),
    "given_tracklets.parquet": ("import_tracklets", "detections", "sequence.json"),
    "crops.npy": ("crop", "masks.parquet", "sequence.json"),
    "training/crops.npy": ("crop", "truth.parquet", "sequence.json"),
    "encoder_pretrained.safetensors": ("initialise", "crop"),
    "warped_iou.parquet": ("warp", "masks.parquet", "sequence.json"),
    "encoder_intra.safetensors": (
        *("train", "adapt.intra", "adapt.training_set", "training/crops.npy", "truth.parquet"),
        *("encoder_pretrained.safetensors", "crops.npy", "masks.parquet", "warped_iou.parquet"),
    ),
    "features_intra.npy": ("embed", "encoder_intra.safetensors", "crops.npy"),
    "histograms_intra.npz": ("histogram", "masks.parquet", "features_intra.npy", "warped_iou.parquet"),
    "threshold_short.json": ("threshold_short", "histograms_intra.npz"),
    "short_tracklets.parquet": (
        *("associate", "threshold_short.json", "refine", "given_tracklets.parquet"),
        *("masks.parquet", "features_intra.npy", "warped_iou.parquet"),
    ),
    "encoder_inter.safetensors": (
        *("train", "adapt.inter", "adapt.training_set", "training/crops.npy", "truth.parquet"),
        *("encoder_intra.safetensors", "crops.npy", "masks.parquet", "short_tracklets.parquet"),
    ),
    "features_inter.npy": ("embed", "encoder_inter.safetensors", "crops.npy"),
    "histograms_inter.npz": (
        *("histogram", "short_tracklets.parquet"),
        *("masks.parquet", "features_inter.npy", "warped_iou.parquet"),
    ),
    "threshold_merge.json": (
        *("threshold_merge", "merge", "histograms_inter.npz", "sequence.json"),
        *("short_tracklets.parquet", "features_inter.npy", "masks.parquet"),
    ),
    "tracks.parquet": (
        *("merge", "threshold_merge.json", "sequence.json"),
        *("short_tracklets.parquet", "features_inter.npy", "masks.parquet"),
    ),
    "filled_masks.parquet": (
        *("fill", "warp", "masks.parquet", "short_tracklets.parquet", "tracks.parquet", "sequence.json"),
    ),
    "mots.txt": (
        *("export", "filled_masks.parquet"),
        *("masks.parquet", "short_tracklets.parquet", "tracks.parquet", "sequence.json"),
    ),
    "evaluation.json": ("evaluate", "truth.parquet", "mots.txt", "sequence.json"),
}


@cache
def settings_behind(file: str) -> frozenset[str]:
    """Name every setting that can change a file: those of its rule, and of all rules before it.

    Parameters
    ----------
    file : str
        A key of `MADE_FROM`.

    Returns
    -------
    frozenset of str
        Sections of the config, or single keys of one (``"adapt.intra"``).
    """
    return frozenset().union(
        *(settings_behind(name) if name in MADE_FROM else frozenset({name}) for name in MADE_FROM[file])
    )


def find_home(file: str, variant: str, configs: Mapping[str, Config]) -> str:
    """Find the variant that makes a file: the first that has the same settings behind it.

    Parameters
    ----------
    file : str
        A key of `MADE_FROM`.
    variant : str
        A key of ``configs``: who needs the file.
    configs : mapping of str to Config
        Every variant, the config as it is first.

    Returns
    -------
    str
        A key of ``configs``; ``variant`` itself where no earlier one has the same settings.
    """
    settings = [attrgetter(name) for name in settings_behind(file)]
    needed = configs[variant]
    return next(
        name for name, config in configs.items() if all(setting(config) == setting(needed) for setting in settings)
    )
