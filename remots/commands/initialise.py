"""Make the encoder from which every sequence starts.

    remots initialise --backbone tf_efficientnet_lite0 --weights lite0 --out encoder_pretrained.safetensors

The file alone is enough to build the encoder again: backbone, last stride, background and size are in its metadata.
"""

import argparse
import logging
from pathlib import Path

from remots.commands.settings_flags import add_settings, read_settings
from remots.errors import InputError
from remots.formats.files.atomic import atomic_output
from remots.settings import Initialise

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="encoder to write, .safetensors")
    for side in ("height", "width"):
        parser.add_argument(
            f"--crop-{side}-px",
            type=int,
            help=f"{side} of the crops; some transformers must know it (default: any size that the backbone takes)",
        )
    add_settings(parser, Initialise)


def run(options: argparse.Namespace) -> None:
    from remots.formats.results.encoder_files import initialise_encoder, write_encoder

    settings = read_settings(options, Initialise)
    crop_size = (options.crop_height_px, options.crop_width_px)
    if (None in crop_size) != (crop_size == (None, None)):
        raise InputError("give both --crop-height-px and --crop-width-px, or neither")
    encoder = initialise_encoder(**settings.model_dump(), crop_size=None if None in crop_size else crop_size)
    with atomic_output(options.out) as temporary:
        write_encoder(temporary, encoder)
    about = encoder.description
    logger.info(
        "%s, weights %s, last stride %d, background %s, %d dimensions -> %s",
        about.backbone,
        about.weights,
        about.last_stride,
        about.background,
        about.n_dimensions,
        options.out,
    )
