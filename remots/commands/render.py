"""Render a street scene with exact truth and two simulated detectors.

    remots render --name street_a --out-dir results/scenes/street_a --n-frames 180 --n-people 10 --seed 1

Writes frames.mp4, truth.txt (MOTSChallenge text), detections_a.json and detections_b.json (COCO results).
"""

import argparse
import logging
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from remots.commands.settings_flags import add_settings, read_settings
from remots.formats.exchange.coco import CocoResultsWriter
from remots.formats.exchange.mots_text import MotsTextWriter, mots_object_ids
from remots.formats.files.atomic import atomic_outputs
from remots.formats.footage.video import VideoWriter
from remots.progress import track
from remots.settings import Scene
from remots.synthetic.detections import DETECTOR_A, DETECTOR_B, simulate_detections
from remots.synthetic.returns import Returns
from remots.synthetic.scene import SceneParameters, render_scene

logger = logging.getLogger(__name__)

FILES = ("frames.mp4", "truth.txt", "detections_a.json", "detections_b.json")
PEDESTRIAN = 2  # class id of MOTS text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="name of the scene, for messages")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder to write the four files into")
    add_settings(parser, Scene)


def run(options: argparse.Namespace) -> None:
    scene = read_settings(options, Scene)
    size = (scene.height_px, scene.width_px)
    n_masks, n_detections = 0, {DETECTOR_A: 0, DETECTOR_B: 0}
    with ExitStack() as stack:
        paths = stack.enter_context(atomic_outputs(*(options.out_dir / file for file in FILES)))
        video = stack.enter_context(VideoWriter(paths[0], scene.fps))
        truth = stack.enter_context(MotsTextWriter(paths[1], *size))
        results = [stack.enter_context(CocoResultsWriter(path)) for path in paths[2:]]
        frames = render_scene(SceneParameters(**scene.model_dump(exclude={"lasting_identities"})))
        returns = Returns(size)
        for frame, image, masks, people in track(frames, f"render {options.name}", scene.n_frames):
            video.append(image)
            identities = people if scene.lasting_identities else returns.identify(frame, people, masks)
            object_ids = mots_object_ids(PEDESTRIAN, np.array(identities, int))
            truth.append(frame, object_ids, PEDESTRIAN, [mask["counts"] for mask in masks])
            n_masks += len(masks)
            for style, writer in zip((DETECTOR_A, DETECTOR_B), results, strict=True):
                found = simulate_detections(masks, people, frame, size, style, scene.seed)
                n_detections[style] += len(found)
                for detection in found:
                    writer.append(frame, detection.score, detection.mask)
    if n_masks == 0:
        logger.warning("%s: nobody is seen; raise --n-people or --n-frames", options.name)
    counts = " and ".join(str(count) for count in n_detections.values())
    logger.info("%s: %d frames, %d true masks, %s detections", options.name, scene.n_frames, n_masks, counts)
