"""Detectors are found by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import remots
from remots.detectors.motion import MotionDetector
from remots.detectors.registry import DETECTORS, create_detector
from remots.settings import DETECTOR_SECTIONS


@pytest.mark.parametrize("name", DETECTORS)
def test_each_detector_has_a_module_of_its_own_with_that_class(name: str) -> None:
    entry = DETECTORS[name]
    source = Path(remots.__file__).parent.joinpath(*entry.module.split(".")[1:]).with_suffix(".py")
    assert f"class {entry.class_name}" in source.read_text(encoding="utf-8")
    assert entry.is_network == bool(entry.needs)


def test_the_settings_know_the_same_detectors_and_one_that_reads_files() -> None:
    assert list(DETECTOR_SECTIONS) == [*DETECTORS, "precomputed"]


@pytest.mark.parametrize("name", [name for name, entry in DETECTORS.items() if entry.needs])
def test_a_framework_that_is_missing_is_met_with_the_line_that_installs_it(name: str) -> None:
    entry = DETECTORS[name]
    script = (
        "import sys\n"
        f"for package in {entry.needs}: sys.modules[package] = None\n"
        "from remots.detectors.registry import create_detector\n"
        f"try: create_detector({name!r})\n"
        "except ValueError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert f"detector {name} needs" in said
    assert f"which is not installed; run: {entry.install}" in said


def test_motion_is_made_with_the_settings_given() -> None:
    assert isinstance(create_detector("motion", history_frames=5, min_height_px=10), MotionDetector)


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(ValueError, match=r"unknown detector 'yolo'; there is detectron2, "):
        create_detector("yolo")


def test_a_detector_is_imported_only_when_it_is_asked_for() -> None:
    script = "import sys, remots.detectors.registry; sys.exit('remots.detectors.motion' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
