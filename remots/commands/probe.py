"""Find out what frames a sequence has: how many, how large, how fast.

    remots probe MOTS20-02 --name MOTS20-02 --out sequence.json
    remots probe street.mp4 --name street --first-frame 101 --last-frame 200 --out sequence.json

FRAMES is a MOT17 or MOTS20 sequence folder, any folder of images, or a video. Every frame is decoded once, so that a
broken one is found now.
"""

import argparse
import logging
from pathlib import Path

from remots.formats.footage.frames import probe_frames
from remots.formats.footage.sequence import write_sequence

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("frames", type=Path, metavar="FRAMES", help="sequence folder, folder of images, or video")
    parser.add_argument("--out", type=Path, required=True, help="sequence.json to write")
    parser.add_argument("--name", help="name of the sequence (default: that of the folder or video)")
    parser.add_argument("--first-frame", type=int, help="first frame of the part to use, from 1 (default: 1)")
    parser.add_argument("--last-frame", type=int, help="last frame of the part to use (default: the last there is)")
    parser.add_argument(
        "--fps", type=float, help="frames per second (default: what the video or seqinfo.ini says, or 25)"
    )


def run(options: argparse.Namespace) -> None:
    sequence = probe_frames(options.frames, options.first_frame, options.last_frame, options.name, options.fps)
    write_sequence(options.out, sequence)
    logger.info(
        "%s: frames %d to %d of %dx%d px, %g a second",
        sequence.sequence,
        sequence.first_frame,
        sequence.last_frame,
        sequence.width_px,
        sequence.height_px,
        sequence.fps,
    )
