"""The jobs of the workflow for a sequence: what each writes, and where its log lies. A test holds it to the rules."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from remots.formats.project.sample_sheet import SampleRow, detector_names, training_rows
from remots.settings import Config, Network


class Job(NamedTuple):
    """A job of the workflow.

    Attributes
    ----------
    step : str
        The step of the paper to which it belongs, a column of `remots status`.
    rule : str
        The rule, with the detector or the stage where it has one.
    outputs : tuple of str
        Files in the sequence's folder of results; of all sequences: in the folder of all results.
    log : str
        Its log, in the same folder.
    until : str
        A file after whose making the outputs are removed; empty: they stay.
    """

    step: str
    rule: str
    outputs: tuple[str, ...]
    log: str
    until: str = ""


def _job(step: str, rule: str, *outputs: str) -> Job:
    return Job(step, rule, outputs, f"logs/{rule}.log")


PROBE = _job("detect", "probe", "sequence.json")
IMPORT_TRUTH = _job("detect", "import_truth", "truth.parquet")
CROP = _job("train intra", "crop", "crops.npy")
FUSE = _job("fuse", "fuse", "masks.parquet")
IMPORT_TRACKLETS = _job("fuse", "import_tracklets", "masks.parquet", "given_tracklets.parquet")
ASSOCIATE = _job("associate", "associate", "short_tracklets.parquet", "short_tracklets.json")
REFINE = _job("associate", "refine", "short_tracklets.parquet", "short_tracklets.json")
FILL = _job("results", "fill", "filled_masks.parquet")
EXPORT = _job("results", "export", "mots.txt", "kitti_mots.txt", "coco_video.json")
EVALUATE = _job("results", "evaluate", "evaluation.json")
AFTER_FUSION = (
    CROP,
    _job("train intra", "warp", "warped_iou.parquet"),
    _job("train intra", "train_intra", "encoder_intra.safetensors", "training_intra.csv"),
    _job("train intra", "embed_intra", "features_intra.npy"),
    _job("associate", "histogram_intra", "histograms_intra.npz"),
    _job("associate", "threshold_short", "threshold_short.json"),
    ASSOCIATE,
    _job("train inter", "train_inter", "encoder_inter.safetensors", "training_inter.csv"),
    _job("train inter", "embed_inter", "features_inter.npy"),
    _job("merge", "histogram_inter", "histograms_inter.npz"),
    _job("merge", "threshold_merge", "threshold_merge.json"),
    _job("merge", "merge", "tracks.parquet", "merges.parquet"),
    EXPORT,
    _job("pictures", "plot_threshold_short", "figures/threshold_short.png", "figures/threshold_short.svg"),
    _job("pictures", "plot_threshold_merge", "figures/threshold_merge.png", "figures/threshold_merge.svg"),
    _job("pictures", "overlay", "overlay.mp4"),
    _job("pictures", "excerpt", "excerpt.json"),
)
INITIALISE = _job("train intra", "initialise", "encoder_pretrained.safetensors")
TABULATE = _job("results", "tabulate", "metrics.csv", "metrics.md")
REPORT = _job("pictures", "report", "report.html")
# Where the sample sheet gives tracks of another tracker.
INSTEAD = {FUSE: IMPORT_TRACKLETS, ASSOCIATE: REFINE}
STEPS = ("detect", "fuse", "train intra", "associate", "train inter", "merge", "results", "pictures")


def jobs_of_sequence(row: SampleRow, config: Config) -> list[Job]:
    """List the jobs of a sequence, in the order in which they run.

    Parameters
    ----------
    row : SampleRow
    config : Config
        Says which detectors are networks, and whether gaps are filled.

    Returns
    -------
    list of Job
    """
    truth = [IMPORT_TRUTH] if row.ground_truth else []
    if row.split == "train":
        return [PROBE, *truth, CROP]
    jobs = [PROBE, *_detections(row, config), *truth, FUSE, *AFTER_FUSION, *([EVALUATE] if truth else [])]
    if config.fill.max_gap_frames:
        jobs.insert(jobs.index(EXPORT), FILL)
    return [INSTEAD.get(job, job) for job in jobs] if row.tracklets else jobs


def rows_needed(rows: Collection[SampleRow], config: Config) -> list[SampleRow]:
    """Leave out the training sequences from which no target learns, for their jobs are never run."""
    teachers = [row for row in rows if row.split == "train"]
    needed: set[str] = set()
    for target in rows if config.adapt.training_set else ():
        if len(needed) == len(teachers):
            break
        if target.split == "target":
            needed.update(row.sequence for row in training_rows(target, teachers))
    return [row for row in rows if row.split == "target" or row.sequence in needed]


def jobs_of_all(rows: Mapping[str, SampleRow]) -> list[Job]:
    """List the jobs that are there once for all sequences; `rows` by their names."""
    targets = [row for row in rows.values() if row.split == "target"]
    tabulated = [TABULATE] if any(row.ground_truth for row in targets) else []
    return [INITIALISE, *tabulated, REPORT] if targets else []


def _detections(row: SampleRow, config: Config) -> Iterator[Job]:
    for name, source in detector_names(row).items():
        joined = f"detections/{name}.parquet"
        if row.detection_jobs == 1:
            yield _job("detect", f"detect_{name}", joined)
            continue
        n_parts = row.detection_jobs if isinstance(config.detectors.get(source), Network) else 1
        for part in (f"{number}_of_{n_parts}" for number in range(1, n_parts + 1)):
            yield _job("detect", f"detect_{name}_{part}", f"detections/{name}/{part}.parquet")._replace(until=joined)
        yield _job("detect", f"join_{name}", joined)
