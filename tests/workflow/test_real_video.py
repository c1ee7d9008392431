"""Real video through the real workflow: a piece of a pedestrian clip, from raw masks of two detectors to metrics."""

from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import HEADER, Workplace

pytestmark = pytest.mark.workflow


def test_raw_masks_of_a_real_clip_become_tracks_and_metrics(shared_data: Path, tmp_path: Path) -> None:
    clip = shared_data / "vtest"
    if not clip.is_dir():
        pytest.skip(f"{clip} is not here")
    workplace = Workplace(tmp_path)
    workplace.config |= {"evaluate": {"unlabelled": "drop"}, "threshold_short": {"rule": "sure_links"}}
    workplace.write()
    detections = f"{clip}/detections_a.json,{clip}/detections_b.json"
    (tmp_path / "sequences.tsv").write_text(
        f"{HEADER}vtest\ttarget\t{clip}/vtest.avi\t{detections}\t{clip}/gt.txt\t101\t140\n"
    )
    workplace.run()
    result = tmp_path / "results" / "vtest"
    frames = pd.read_csv(result / "mots.txt", sep=" ", header=None)[0]
    assert frames.min() >= 101
    assert frames.max() <= 140
    metrics = pd.read_csv(tmp_path / "results" / "metrics.csv").set_index("sequence")
    assert metrics.loc["vtest", "MOTSP"] > 60
    assert metrics.loc["vtest", "IDF1"] > 30
    assert (result / "overlay.mp4").stat().st_size > 10_000


def test_a_static_video_alone_becomes_tracks_by_the_motion_detector(shared_data: Path, tmp_path: Path) -> None:
    video = shared_data / "vtest" / "vtest.avi"
    if not video.is_file():
        pytest.skip(f"{video} is not here")
    workplace = Workplace(tmp_path)
    (tmp_path / "sequences.tsv").write_text(f"{HEADER}vtest\ttarget\t{video}\tmotion\t\t1\t40\n")
    workplace.run()
    tracks = pd.read_parquet(tmp_path / "results" / "vtest" / "tracks.parquet")
    assert tracks["track_id"].nunique() >= 3
