"""Where people go: they cross the street, stop, turn, leave the picture and come back, alone or side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from remots.synthetic.camera import Camera
from remots.synthetic.gait import Manner, phase_advance
from remots.synthetic.street import FARTHEST_Z_M, NEAREST_Z_M

TURN_RATE = 5.0  # radians per second
ACCELERATION = 3.0  # metres per second, per second
BEYOND_M = 0.45  # so far outside the panorama nothing of a person is seen
PAIR_EVERY = 5  # every fifth person walks beside the one before


@dataclass(frozen=True)
class Errand:
    """Walk to a ground point (metres) at a pace (metres per second), then wait; or appear there at once."""

    x: float
    z: float
    pace: float
    wait_seconds: float = 0.0
    at_once: bool = False


@dataclass
class Walker:
    """Where a person is: ground point in metres, heading in radians, speed in m/s, phase of the walk in radians."""

    x: float
    z: float
    heading: float
    speed: float = 0.0
    phase: float = 0.0

    def turn_to(self, heading: float, seconds: float) -> float:
        """Turn towards a heading as far as the time allows; gives what is left to turn, in radians."""
        left = _wrap(heading - self.heading)
        step = float(np.clip(left, -TURN_RATE * seconds, TURN_RATE * seconds))
        self.heading = _wrap(self.heading + step)
        return left - step

    def speed_up_to(self, speed: float, seconds: float) -> None:
        """Change the speed as far as the time allows."""
        self.speed += float(np.clip(speed - self.speed, -ACCELERATION * seconds, ACCELERATION * seconds))

    def stride(self, distance_m: float, height_m: float, manner: Manner) -> None:
        """Let the legs follow the way walked."""
        self.phase = (self.phase + phase_advance(distance_m, self.speed, height_m, manner)) % (2 * np.pi)


def run_errands(camera: Camera, number: int, pace: float, keep_off_m: list[float], seed: int) -> Iterator[Errand]:
    """Plan what a person does, without end.

    Parameters
    ----------
    camera : Camera
        Gives the edges of the street.
    number : int
        Of the person, from 0. Person 0 soon leaves the picture for about a second, person 1 for longer.
    pace : float
        Usual speed in metres per second.
    keep_off_m : list of float
        Distances z at which things stand; nobody walks along just there.
    seed : int
        Of the scene.

    Yields
    ------
    Errand
        The first one says where the person appears.
    """
    rng = np.random.default_rng((seed, 2, number))
    side, z = _first_side(rng, number), _lane(rng, keep_off_m)
    edge = camera.half_width_m(z)
    if number < 2:
        yield Errand(side * max(edge - 1.6 - 1.8 * number, 0.0), z, pace, 0.0, at_once=True)
    elif rng.random() < 0.7:
        yield Errand(float(rng.uniform(-0.85, 0.85)) * edge, z, pace, float(rng.choice([0.0, 0.0, 1.5])), at_once=True)
    else:
        yield Errand(-side * (edge + BEYOND_M), z, pace, float(rng.uniform(0.2, 5.0)), at_once=True)
    n_exits = 0
    while True:
        if (number >= 2 or n_exits) and rng.random() < 0.45:
            stop_z = _lane(rng, keep_off_m)
            stop_x = float(rng.uniform(-0.7, 0.7)) * camera.half_width_m(stop_z)
            yield Errand(stop_x, stop_z, pace * rng.uniform(0.9, 1.1), float(rng.uniform(0.6, 2.5)))
        z = _lane(rng, keep_off_m) if n_exits or number >= 2 else z
        beyond = camera.half_width_m(z) + BEYOND_M
        is_short = number == 0 if n_exits == 0 and number < 2 else rng.random() < 0.5
        yield Errand(side * beyond, z, pace, float(rng.uniform(0, 0.3) if is_short else rng.uniform(1.6, 4.0)))
        n_exits += 1
        if not is_short and rng.random() < 0.3:  # round the block: comes back at the other end
            yield Errand(-side * beyond, z, pace, 0.1, at_once=True)
        else:
            side = -side


def walk(
    camera: Camera, number: int, height_m: float, manner: Manner, speed: float, keep_off_m: list[float], seed: int
) -> Iterator[Walker]:
    """Walk a person's errands, frame by frame, without end.

    Parameters
    ----------
    camera : Camera
        Gives the edges of the street and the frames per second.
    number : int
        Of the person, from 0.
    height_m : float
        Body height in metres.
    manner : Manner
        Of walking.
    speed : float
        Factor on the usual walking speed.
    keep_off_m : list of float
        Distances z at which things stand.
    seed : int
        Of the scene.

    Yields
    ------
    Walker
        One and the same, moved on by one frame each time.
    """
    rng = np.random.default_rng((seed, 3, number))
    pace = float(np.clip(rng.normal(1.3, 0.18), 0.8, 1.9)) * speed
    seconds = 1 / camera.fps
    errands = run_errands(camera, number, pace, keep_off_m, seed)
    errand = next(errands)
    walker = Walker(errand.x, errand.z, heading=0.0, speed=0.0, phase=float(rng.uniform(0, 2 * np.pi)))
    wait, errand = errand.wait_seconds, next(errands)
    walker.heading = _direction(walker, errand)
    if wait == 0.0:
        walker.speed = errand.pace
    facing = walker.heading
    while True:
        yield walker
        if wait > 0:
            wait -= seconds
            walker.speed_up_to(0.0, seconds)
            walker.turn_to(facing, seconds)
        elif _approach(walker, errand, seconds, height_m, manner):
            wait, facing = errand.wait_seconds, walker.heading + float(rng.normal(0, 0.8))
            errand = next(errands)
            if errand.at_once:
                walker.x, walker.z = errand.x, errand.z
                wait, errand = wait + errand.wait_seconds, next(errands)


def accompany(leader: Walker, companion: Walker, frame: int, camera: Camera, height_m: float, manner: Manner) -> None:
    """Move a person who walks beside another, now a little ahead, now a little behind.

    Parameters
    ----------
    leader : Walker
        Has already been moved.
    companion : Walker
        Is moved.
    frame : int
        1-based.
    camera : Camera
        Gives the frames per second.
    height_m : float
        The companion's body height in metres.
    manner : Manner
        The companion's.
    """
    ahead = 0.55 * np.sin(2 * np.pi * frame / camera.fps / 7.0)
    x, z = leader.x + float(ahead), max(leader.z - 0.42, 0.9 * NEAREST_Z_M)
    moved = float(np.hypot(x - companion.x, z - companion.z))
    companion.x, companion.z, companion.heading = x, z, leader.heading
    if moved < 1.0:  # else the leader came back at the other end
        companion.speed = 0.7 * companion.speed + 0.3 * moved * camera.fps
        companion.stride(moved, height_m, manner)


def _approach(walker: Walker, errand: Errand, seconds: float, height_m: float, manner: Manner) -> bool:
    """Take one frame's step towards the goal; True once it is reached."""
    distance = float(np.hypot(errand.x - walker.x, errand.z - walker.z))
    left = walker.turn_to(_direction(walker, errand), seconds)
    walker.speed_up_to(errand.pace * max(0.0, float(np.cos(left))), seconds)
    step = min(walker.speed * seconds * max(0.0, float(np.cos(left))), distance)
    if distance > 0:
        walker.x += (errand.x - walker.x) / distance * step
        walker.z += (errand.z - walker.z) / distance * step
    walker.stride(step, height_m, manner)
    return distance - step < 0.02


def _direction(walker: Walker, errand: Errand) -> float:
    return float(np.arctan2(errand.z - walker.z, errand.x - walker.x))


def _first_side(rng: np.random.Generator, number: int) -> int:
    side = int(rng.choice([-1, 1]))
    return -1 if number < 2 else side  # a pan starts at the left end: the first two must be seen to leave


def _lane(rng: np.random.Generator, keep_off_m: list[float]) -> float:
    """Draw a distance z in metres, nearer ones more often, clear of what stands on the street."""
    for _ in range(20):
        z = float(np.exp(rng.uniform(np.log(NEAREST_Z_M), np.log(FARTHEST_Z_M))))
        if all(abs(z - other) > 0.35 for other in keep_off_m):
            break
    return z


def _wrap(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
