"""Find masks with a detector, or read those that it has found elsewhere (paper 2.1).

    remots detect --detector detectron2 --sequence sequence.json --out detections/detectron2.parquet
    remots detect --detector mmdet --weights x101.pth --sequence sequence.json --out detections/mmdet.parquet
    remots detect --detector motion --sequence sequence.json --out detections/motion.parquet
    remots detect --detector precomputed --masks results.json --sequence sequence.json --out detections/a.parquet

The networks need their framework (docs/environments.md). motion needs no weights, but a camera that stands still.
precomputed reads COCO results (.json; image_id is the frame, from 1), MOTS text (.txt), or a folder of MOTS PNG. MOTS
has no scores: they are 1, or come from a CSV file with the columns frame, det_id and score.
"""

import argparse
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remots.commands.settings_flags import add_alternatives, read_alternative
from remots.detectors.batches import detect_frames, split_frames
from remots.detectors.interface import Instance
from remots.detectors.registry import create_detector
from remots.errors import InputError
from remots.formats.exchange.precomputed import iterate_precomputed
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.frames import iterate_images, sample_images
from remots.formats.footage.sequence import Sequence, read_sequence
from remots.formats.results.tables import TableWriter, describe_frames, geometry_columns
from remots.progress import track
from remots.settings import DETECTOR_SECTIONS, Motion, Network, Precomputed, Section

logger = logging.getLogger(__name__)

Rows = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json, from remots probe")
    parser.add_argument("--out", type=Path, required=True, help="table of detections to write")
    parser.add_argument("--masks", type=Path, help="of precomputed: COCO results, MOTS text, or folder of MOTS PNG")
    parser.add_argument("--scores", type=Path, help="of precomputed: CSV file with scores for MOTS text or PNG")
    parser.add_argument(
        "--first-frame-number",
        type=int,
        choices=(0, 1),
        help="of precomputed MOTS text: 0 for KITTI (default: the file shows it)",
    )
    parser.add_argument(
        "--part", metavar="K/N", default="1/1", help="of networks: only the K-th of N parts of the video (default: 1/1)"
    )
    add_alternatives(parser, "detector", DETECTOR_SECTIONS)


def run(options: argparse.Namespace) -> None:
    settings = read_alternative(options, "detector", DETECTOR_SECTIONS)
    sequence = read_sequence(options.sequence)
    part = _part_of(sequence, options.part, settings)
    n_masks = 0
    with (
        atomic_output(options.out) as temporary,
        TableWriter(temporary, "detections", describe_frames(sequence)) as writer,
    ):
        for rows in _read(options, settings, sequence) if options.masks else _detect(settings, sequence, part):
            writer.append(rows)
            n_masks += len(rows["rle"])
    if n_masks == 0 and part:
        logger.warning("%s: detector %s found nothing in %s", sequence.sequence, options.detector, sequence.frames)
    logger.info("%s: %d masks in %d frames", sequence.sequence, n_masks, len(part))


def _part_of(sequence: Sequence, part: str, settings: Section) -> range:
    """Give the frames of a part such as ``2/4``."""
    matched = re.fullmatch(r"(\d+)/(\d+)", part)
    number, n_parts = (int(matched[1]), int(matched[2])) if matched else (0, 0)
    if not 1 <= number <= n_parts:
        raise InputError(f"--part is {part}: write K/N, the K-th of N parts, for instance 2/4")
    if isinstance(settings, Network):
        return split_frames(sequence.first_frame, sequence.last_frame, n_parts, settings.batch_size)[number - 1]
    if n_parts > 1:
        raise InputError(f"--part is {part}: only networks look at each frame alone; leave it out")
    return sequence.frame_numbers


def _read(options: argparse.Namespace, settings: Section, sequence: Sequence) -> Iterator[Rows]:
    if not isinstance(settings, Precomputed):
        raise InputError(f"--masks is only for detector precomputed, not {options.detector}; leave it out")
    return iterate_precomputed(
        options.masks,
        sequence,
        settings.category,
        settings.class_id,
        settings.min_score,
        options.scores,
        options.first_frame_number,
    )


def _detect(settings: Section, sequence: Sequence, part: range) -> Iterator[Rows]:
    if isinstance(settings, Precomputed):
        raise InputError("detector precomputed reads masks that are there already: name the file with --masks")
    if not part:  # nothing is left for this job: do not build a network for it
        return
    batch_size = settings.batch_size if isinstance(settings, Network) else 1
    try:
        detector = create_detector(**settings.model_dump())
        if isinstance(settings, Motion):
            detector.prepare(sample_images(sequence, settings.history_frames))
        frames = track(iterate_images(sequence, part[0], part[-1]), f"detect {sequence.sequence}", len(part))
        for frame, instances in detect_frames(detector, frames, batch_size):
            if instances:
                yield _tabulate(frame, instances)
    except ValueError as error:
        raise InputError(str(error)) from error


def _tabulate(frame: int, instances: list[Instance]) -> Rows:
    return {
        "frame": [frame] * len(instances),
        "class_id": [instance.class_id for instance in instances],
        "score": [instance.score for instance in instances],
        **geometry_columns([instance.mask for instance in instances]),
    }
