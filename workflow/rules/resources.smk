# What a job needs, by the size of its input: `mem_mb` of memory and `runtime` minutes, with room above what was measured
# (docs/cluster.md); each further attempt gets once more of both. Profiles hold all that is a cluster's own matter.
import inspect
import math
import os
import time
from functools import cache, lru_cache
from typing import NamedTuple

import snakemake.resources
from snakemake.common import overwrite_function_params

from remots.formats.footage.sequence import read_sequence
from remots.formats.results.tables import count_rows

# While the frames and masks of a sequence are not yet counted: more than most videos have, and it costs only a longer wait.
MASKS_PER_FRAME = 20
FRAMES_PER_MB = 300
FULL_HD_PX = 1920 * 1080
MINUTES_TO_START = 5


class Need(NamedTuple):
    """Memory in MB and per mask in kB, seconds per frame of 1920x1080 px and per mask."""

    base_mb: int
    kb_per_mask: float = 0.0
    seconds_per_frame: float = 0.0
    seconds_per_mask: float = 0.0


NEEDS = {
    "probe": Need(1000, seconds_per_frame=0.01),
    "detect": Need(2000, 1, 0.3, 0.005),
    "detect_network": Need(8000, 1, 2.0),
    "join": Need(1000, 1, 0, 0.001),
    "import_truth": Need(1000, 1, 0, 0.005),
    "fuse": Need(1000, 1, 0.01, 0.005),
    "crop": Need(1000, 0, 0.1, 0.005),
    "warp": Need(1500, 0, 1.0, 0.005),
    "embed": Need(4000, 0, 0, 0.1),
    "histogram": Need(1000, 10, 0, 0.005),
    "threshold_short": Need(1000),
    "associate": Need(1000, 10, 0, 0.005),
    "threshold_merge": Need(1500, 10, 0, 0.005),
    "merge": Need(1500, 10, 0, 0.005),
    "import_tracklets": Need(1000, 10, 0, 0.005),
    "refine": Need(1000, 10, 0, 0.005),
    "fill": Need(1500, 10, 1.0, 0.005),
    "export": Need(1000, 2, 0, 0.005),
    "evaluate": Need(1500, 10, 0, 0.02),
    "plot": Need(1000),
    "overlay": Need(1500, 1, 0.5, 0.005),
    "excerpt": Need(2000, 10, 0.1, 0.005),
}
# Training: memory in MB and seconds for one crop of 256x128 px, SE-ResNeXt50 on four cores of a CPU.
TRAINING_MB, TRAINING_SECONDS = 200, 0.25
CROP_PX = 256 * 128
# Snakemake asks for each resource of each job; that a sequence has been counted is noticed after so many seconds.
SECONDS_BETWEEN_LOOKS = 10
counted = {}


def remember_parameters(function):
    """Spare Snakemake from finding out for every job which parameters a function has."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


if hasattr(snakemake.resources, "Resource"):  # a newer Snakemake asks for each resource, number or not, by this method
    remember_parameters(snakemake.resources.Resource.evaluate)


def size_of(wildcards):
    """Frames (in frames of 1920x1080 px) and masks of a sequence: counted, or as long as they are not, guessed."""
    variant = getattr(wildcards, "variant", "")  # the report is of the config itself
    return look_for_size(variant, wildcards.sequence, time.monotonic() // SECONDS_BETWEEN_LOOKS)


@lru_cache(maxsize=10_000)
def look_for_size(variant, name, _look):
    """Frames and masks of a sequence at one moment."""
    kind = "truth" if SAMPLES[name].split == "train" else "masks"
    frames, masks = (on_disk(f"{home(variant, file)}{name}/{file}") for file in ["sequence.json", f"{kind}.parquet"])
    n_frames, full_hd = once(frames, count_frames) or (guess_frames(name), 1.0)
    n_masks = once(masks, lambda path: count_rows(path, kind))
    return n_frames * full_hd, n_frames * MASKS_PER_FRAME if n_masks is None else n_masks


def once(path, count):
    """Count what is in a file, once for each state of it; None where it is not there, or not whole."""
    try:
        key = (path, os.stat(path).st_mtime_ns)
        if key not in counted:
            counted[key] = count(path)
        return counted[key]
    except (OSError, InputError):
        return None


def count_frames(path):
    """How many frames a sequence has, and how large they are against 1920x1080 px."""
    sequence = read_sequence(path)
    return sequence.n_frames, sequence.height_px * sequence.width_px / FULL_HD_PX


@cache
def guess_frames(name):
    """How many frames a sequence may have, by the sample sheet, the number of images, or the size of the video."""
    row = SAMPLES[name]
    if row.last_frame:
        return row.last_frame - (row.first_frame or 1) + 1
    if os.path.isdir(row.frames):
        return sum(len(files) for _, _, files in os.walk(row.frames))
    size_mb = os.path.getsize(row.frames) / 1e6 if os.path.isfile(row.frames) else 10
    return math.ceil(size_mb * FRAMES_PER_MB)


def memory(rule):
    """Memory of a rule's jobs in MB, as a resource."""
    need = NEEDS[rule]
    if not need.kb_per_mask:
        return remember_parameters(lambda wildcards, attempt: attempt * need.base_mb)

    def mem_mb(wildcards, attempt):
        mine = need_of_detection(wildcards) if rule == "detect" else need
        return attempt * math.ceil(mine.base_mb + mine.kb_per_mask * size_of(wildcards)[1] / 1000)

    return remember_parameters(mem_mb)


def minutes(rule):
    """Time of a rule's jobs in minutes, as a resource."""
    need = NEEDS[rule]
    if not need.seconds_per_frame and not need.seconds_per_mask:
        return remember_parameters(lambda wildcards, attempt: attempt * MINUTES_TO_START)

    def runtime(wildcards, attempt):
        mine = need_of_detection(wildcards) if rule == "detect" else need
        n_frames, n_masks = size_of(wildcards)
        return attempt * math.ceil(
            MINUTES_TO_START + (mine.seconds_per_frame * n_frames + mine.seconds_per_mask * n_masks) / 60
        )

    return remember_parameters(runtime)


def need_of_detection(wildcards):
    """What detection needs for one sequence; a network finds masks more slowly than anything else, in parts faster."""
    if not is_network(wildcards):
        return NEEDS["detect"]
    need = NEEDS["detect_network"]
    return need._replace(seconds_per_frame=need.seconds_per_frame / SAMPLES[wildcards.sequence].detection_jobs)


def crops_of_training(wildcards):
    """Crops of 256x128 px in a mini-batch of a training, and in all of its steps."""
    settings = VARIANTS[wildcards.variant]
    batch = settings.train.batch_size * settings.crop.crop_height_px * settings.crop.crop_width_px / CROP_PX
    return batch, batch * settings.train.steps


@remember_parameters
def memory_of_training(wildcards, attempt):
    """Memory of a training in MB: its mini-batch counts, for masks stay on the disk."""
    return attempt * math.ceil(3000 + TRAINING_MB * crops_of_training(wildcards)[0])


@remember_parameters
def minutes_of_training(wildcards, attempt):
    """Time of a training in minutes, where there is no GPU."""
    return attempt * math.ceil(MINUTES_TO_START + TRAINING_SECONDS * crops_of_training(wildcards)[1] / 60)
