"""Compute one unit-norm feature per mask.

    remots embed --encoder encoder_intra.safetensors --crops crops.npy --out features_intra.npy

Row i of the array is the feature of mask i: shape (n_masks, n_dimensions), float32.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.arrays import ArrayWriter
from remots.formats.files.atomic import atomic_output
from remots.settings import Embed

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", type=Path, required=True, help="the encoder")
    parser.add_argument("--crops", type=Path, required=True, help="crops of the masks")
    parser.add_argument("--out", type=Path, required=True, help="array of features to write, .npy")
    parser.add_argument("--threads", type=int, help="threads to compute with (default: all cores)")
    add_settings(parser, Embed)


def run(options: argparse.Namespace) -> None:
    from remots.appearance.devices import keep_memory, use_threads
    from remots.appearance.features import embed_crops
    from remots.formats.results.encoder_files import read_encoder
    from remots.formats.results.training_inputs import check_crop_size, open_crops

    settings = read_settings(options, Embed)
    use_threads(options.threads)
    keep_memory()
    encoder = read_encoder(options.encoder)
    shape = (encoder.description.n_dimensions,)
    with open_crops(options.crops) as crops, atomic_output(options.out) as temporary:
        check_crop_size(encoder, options.encoder, [crops])
        with ArrayWriter(temporary, shape, np.float32) as writer:
            try:
                for features in embed_crops(encoder, crops, settings.batch_size, settings.precision):
                    writer.append(features)
            except ValueError as error:
                raise InputError(f"{options.crops}: {error}") from error
    if writer.n_rows == 0:
        logger.warning("%s: no crops, so no features", options.crops)
    logger.info("%d features of %d dimensions -> %s", writer.n_rows, *shape, options.out)
