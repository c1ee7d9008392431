"""The part of an excerpt that moves: the small video with the tracks."""

import base64
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from remots.formats.excerpt.data_uris import to_webp_uri
from remots.formats.excerpt.small_video import write_small_video
from remots.formats.results.result_folder import ResultFolder
from remots.report.clip import describe_clip, plan_clip

POSTER_QUALITY = 60


def describe_video(folder: ResultFolder, max_frames: int, height_px: int, max_kb: int) -> dict[str, Any]:
    """Make the small video of a sequence.

    Parameters
    ----------
    folder : ResultFolder
    max_frames, height_px, max_kb : int
        What it may have at most; kB of 1,000 bytes.

    Returns
    -------
    dict
        ``data`` (MP4 in base64), ``poster`` (its first image, a data URI), ``width_px``, ``height_px``, ``words``, and
        ``fps``, ``step_frames`` and ``pieces`` of `remots.report.clip.ClipPlan`.
    """
    sequence = folder.sequence
    plan = plan_clip(sequence.first_frame, sequence.last_frame, sequence.fps, max_frames)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "small.mp4"
        first_image = write_small_video(path, folder, plan, height_px, 1000 * max_kb)
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    height, width = first_image.shape[:2]
    return {
        "data": data,
        "poster": to_webp_uri(first_image, POSTER_QUALITY),
        "width_px": width,
        "height_px": height,
        "words": describe_clip(plan, sequence.n_frames),
        "fps": plan.fps,
        "step_frames": plan.step_frames,
        "pieces": plan.pieces,
    }


def describe_sequence(folder: ResultFolder) -> dict[str, Any]:
    """Say what ``sequence.json`` says, but not where the frames are: a page is passed on to others."""
    facts = asdict(folder.sequence)
    return {name: facts[name] for name in facts if name not in ("frames", "kind")}
