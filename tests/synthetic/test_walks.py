"""Walks: people stay on the street, leave and come back, and pairs stay together."""

import numpy as np
import pytest

from remots.synthetic.camera import Camera
from remots.synthetic.gait import Manner
from remots.synthetic.motion import BEYOND_M, Walker, accompany, walk
from remots.synthetic.street import FARTHEST_Z_M, NEAREST_Z_M

CAMERA = Camera(360, 640, 10.0)


def steps(number: int, n_frames: int, keep_off_m: list[float] | None = None, seed: int = 0) -> np.ndarray:
    walking = walk(CAMERA, number, 1.7, Manner(), 1.0, keep_off_m or [], seed)
    return np.array([(w.x, w.z, w.speed) for w, _ in zip(walking, range(n_frames), strict=False)])


@pytest.mark.parametrize("number", range(6))
def test_a_walk_stays_between_the_nearest_and_the_farthest_line_and_just_outside_the_edges(number: int) -> None:
    x, z, speed = steps(number, 2000).T
    assert z.min() >= NEAREST_Z_M - 1e-9
    assert z.max() <= FARTHEST_Z_M + 1e-9
    limits = np.array([CAMERA.half_width_m(distance) for distance in z])
    assert (np.abs(x) <= limits + BEYOND_M + 0.05).all()
    assert (np.abs(x) > limits).any()  # was away
    assert speed.max() < 2.2


def test_nobody_jumps_while_in_sight() -> None:
    x, z, _ = steps(3, 2000).T
    limits = np.array([CAMERA.half_width_m(distance) for distance in z])
    in_sight = (np.abs(x) < limits)[1:] & (np.abs(x) < limits)[:-1]
    assert (np.hypot(np.diff(x), np.diff(z))[in_sight] < 0.25).all()


def test_a_walk_depends_on_the_seed_and_on_nothing_else() -> None:
    assert np.array_equal(steps(4, 100), steps(4, 100))
    assert not np.array_equal(steps(4, 100), steps(4, 100, seed=1))


def test_companions_walk_beside_each_other_and_change_places() -> None:
    companion, offsets = Walker(0.0, 9.0, 0.0), []
    for frame, leader in enumerate(walk(CAMERA, 2, 1.7, Manner(), 1.0, [], 0), start=1):
        accompany(leader, companion, frame, CAMERA, 1.7, Manner())
        offsets.append(companion.x - leader.x)
        assert abs(companion.z - leader.z) < 0.8
        if frame == 150:
            break
    assert min(offsets) < -0.4
    assert max(offsets) > 0.4
    assert max(map(abs, offsets)) < 0.6


def test_a_pan_starts_at_the_left_end_and_comes_back() -> None:
    camera = Camera(360, 640, 10.0, pan=True)
    offsets = np.array([camera.offset_px(frame) for frame in range(1, 162)])
    assert offsets[0] == 0
    assert offsets[80] == pytest.approx(camera.panorama_width_px - 640)
    assert offsets[160] == pytest.approx(0, abs=1e-6)
    assert np.abs(np.diff(offsets)).max() < 12


def test_a_person_twice_as_far_away_is_half_as_large_and_higher_in_the_picture() -> None:
    assert CAMERA.px_per_m(8) == pytest.approx(2 * CAMERA.px_per_m(16))
    assert CAMERA.project(0, 16)[1] < CAMERA.project(0, 8)[1]
