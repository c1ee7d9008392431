"""Detectors are found by name."""

import subprocess
import sys

import pytest

from remots.detectors.motion import MotionDetector
from remots.detectors.registry import DETECTORS, create_detector


def test_every_detector_in_the_list_can_be_made_with_its_defaults() -> None:
    for name in DETECTORS:
        detector = create_detector(name)
        assert callable(detector.prepare)
        assert callable(detector.detect)


def test_motion_is_made_with_the_settings_given() -> None:
    assert isinstance(create_detector("motion", history_frames=5, min_height_px=10), MotionDetector)


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(ValueError, match=r"unknown detector 'yolo'; there is motion"):
        create_detector("yolo")


def test_a_detector_is_imported_only_when_it_is_asked_for() -> None:
    script = "import sys, remots.detectors.registry; sys.exit('remots.detectors.motion' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
