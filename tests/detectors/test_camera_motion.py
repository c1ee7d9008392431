"""Does the camera move?"""

import numpy as np
import pytest

from remots.detectors.camera_motion import CameraMotion
from remots.synthetic.camera import Camera
from remots.synthetic.street import paint_street

STREET = paint_street(Camera(180, 480, 10.0), np.random.default_rng(0))


@pytest.mark.parametrize(("step_px", "moves"), [(0, False), (3, True), (10, True)])
def test_a_background_that_shifts_is_noticed_and_one_that_stays_is_not(step_px: int, moves: bool) -> None:
    motion, rng = CameraMotion(), np.random.default_rng(1)
    for number in range(10):
        picture = STREET[:, number * step_px : number * step_px + 320].astype(int)
        motion.add(np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8))
    assert motion.moves() == moves


def test_one_image_none_at_all_or_an_empty_wall_do_not_move() -> None:
    assert not CameraMotion().moves()
    for image in (STREET, np.full((50, 60, 3), 128, np.uint8)):
        motion = CameraMotion()
        motion.add(image)
        assert not motion.moves()
    motion.add(np.full((50, 60, 3), 120, np.uint8))
    assert not motion.moves()
