"""Find masks with a detector that runs here, such as motion in front of a static camera.

Example: remots detect --detector motion --sequence sequence.json --out detections/motion.parquet

The detector motion needs no weights, but a camera that stands still.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.detectors.interface import Instance
from remots.detectors.registry import DETECTORS, create_detector
from remots.errors import InputError
from remots.formats.atomic import atomic_output
from remots.formats.frames import iterate_images, sample_images
from remots.formats.sequence import read_sequence
from remots.formats.tables import TableWriter, describe_frames, geometry_columns
from remots.progress import track
from remots.settings import Detect

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detector", required=True, help=f"name of the detector: {', '.join(DETECTORS)}")
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json, from remots probe")
    parser.add_argument("--out", type=Path, required=True, help="table of detections to write")
    add_settings(parser, Detect)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Detect)
    try:
        detector = create_detector(options.detector, **settings.model_dump())
    except ValueError as error:
        raise InputError(f"--detector: {error}") from error
    sequence = read_sequence(options.sequence)
    n_masks = 0
    with (
        atomic_output(options.out) as temporary,
        TableWriter(temporary, "detections", describe_frames(sequence)) as writer,
    ):
        detector.prepare(sample_images(sequence, settings.history_frames))
        images = iterate_images(sequence)
        for frame, image in track(images, f"detect {sequence.sequence}", sequence.n_frames):
            instances = detector.detect(image)
            if instances:
                writer.append(_tabulate(frame, instances))
            n_masks += len(instances)
    if n_masks == 0:
        logger.warning("%s: detector %s found nothing in %s", sequence.sequence, options.detector, sequence.frames)
    logger.info("%s: %d masks in %d frames", sequence.sequence, n_masks, sequence.n_frames)


def _tabulate(frame: int, instances: list[Instance]) -> dict[str, object]:
    return {
        "frame": [frame] * len(instances),
        "class_id": [instance.class_id for instance in instances],
        "score": [instance.score for instance in instances],
        **geometry_columns([instance.mask for instance in instances]),
    }
