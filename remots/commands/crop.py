"""Cut each mask out of its frame once, at the size that the encoder sees.

    remots crop --sequence sequence.json --masks masks.parquet --out crops.npy

Row i of the array is mask i: shape (n_masks, height, width, 4), uint8, RGB and the mask (0 or 255) as fourth channel.
For a training sequence give its truth.parquet as the masks.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.appearance.crops import CROP_CHANNELS, cut_crops
from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.arrays import ArrayWriter
from remots.formats.files.atomic import atomic_output
from remots.formats.footage.sequence import read_sequence
from remots.formats.results.masked_images import iterate_masked_images
from remots.formats.results.tables import detect_mask_kind
from remots.progress import track_frames
from remots.settings import Crop

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", type=Path, required=True, help="sequence.json")
    parser.add_argument("--masks", type=Path, required=True, help="table of masks, or of ground truth")
    parser.add_argument("--out", type=Path, required=True, help="array of crops to write, .npy")
    add_settings(parser, Crop)


def run(options: argparse.Namespace) -> None:
    settings = read_settings(options, Crop)
    sequence = read_sequence(options.sequence)
    size = (settings.crop_height_px, settings.crop_width_px)
    frames = iterate_masked_images(sequence, options.masks, detect_mask_kind(options.masks))
    with atomic_output(options.out) as temporary, ArrayWriter(temporary, (*size, CROP_CHANNELS), np.uint8) as writer:
        for frame, image, masks in track_frames(frames, f"crop {sequence.sequence}", sequence.frame_numbers):
            try:
                writer.append(cut_crops(image, masks, *size))
            except ValueError as error:
                raise InputError(f"{options.masks}: frame {frame}: {error}") from error
    if writer.n_rows == 0:
        logger.warning("%s: no masks, so no crops", options.masks)
    logger.info("%d crops of %dx%d px -> %s", writer.n_rows, *size, options.out)
