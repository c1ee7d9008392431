"""How a body moves: the joints of somebody who stands or walks."""

from dataclasses import dataclass

import numpy as np

THIGH, SHIN, ANKLE_HEIGHT = 0.245, 0.235, 0.045  # lengths in body heights
UPPER_ARM, FOREARM, HAND = 0.165, 0.145, 0.045
SHOULDER_ABOVE_HIP, CHIN_ABOVE_HIP, HEAD = 0.305, 0.335, 0.145
SHOULDER_HALF_WIDTH, HIP_HALF_WIDTH = 0.102, 0.052
FULL_SWING = 0.46  # radians that a thigh swings forwards at a brisk walk
BRISK = 1.35  # metres per second

Joint = np.ndarray  # (forward, to the right, up), in body heights, from the point between the feet


@dataclass(frozen=True)
class Manner:
    """What makes a walk somebody's own; all unitless, 1 or 0 is usual."""

    arm_swing: float = 1.0
    lean: float = 0.05  # radians, forwards
    stride: float = 1.0
    bent_elbow: float = 0.25  # radians at rest
    phone: bool = False  # one forearm is held up


def swing_amplitude(speed: float) -> float:
    """Give the swing of the thighs in radians for a speed in metres per second."""
    return float(FULL_SWING * np.clip(speed / BRISK, 0, 1.8) ** 0.6)


def phase_advance(distance_m: float, speed: float, height_m: float, manner: Manner) -> float:
    """How far the walk cycle goes on over a distance, so that the feet do not slide.

    Parameters
    ----------
    distance_m : float
        Way walked, in metres.
    speed : float
        Metres per second.
    height_m : float
        Body height in metres.
    manner : Manner
        The person's own way of walking.

    Returns
    -------
    float
        Radians; 2π are two steps.
    """
    two_steps = 4 * (THIGH + SHIN) * height_m * np.sin(max(swing_amplitude(speed), 0.15)) * manner.stride
    return float(2 * np.pi * distance_m / two_steps)


def joints(phase: float, speed: float, manner: Manner) -> dict[str, Joint]:
    """Place the joints of a body.

    Parameters
    ----------
    phase : float
        Of the walk cycle, in radians.
    speed : float
        Metres per second; 0 stands.
    manner : Manner
        The person's own way of walking.

    Returns
    -------
    dict of str to ndarray of float64, shape (3,)
        (forward, to the right, up) in body heights, by name: ``hip_r``, ``knee_r``, ``ankle_r``, ``heel_r``, ``toe_r``,
        ``shoulder_r``, ``elbow_r``, ``wrist_r``, ``hand_r``, the same with ``_l``, and ``waist``, ``neck``, ``chin``,
        ``crown``. The lower foot stands on the ground (up = 0).
    """
    amplitude = swing_amplitude(speed)
    placed: dict[str, Joint] = {}
    for side, offset, sign in (("r", 0.0, 1), ("l", np.pi, -1)):
        placed |= _leg(side, sign, amplitude, phase + offset)
    lowest = min(placed["heel_r"][2], placed["heel_l"][2], placed["toe_r"][2], placed["toe_l"][2])
    up = np.array([0.0, 0.0, -lowest])
    placed = {name: joint + up for name, joint in placed.items()}
    hip = np.array([0.0, 0.0, up[2]])
    leaning = np.array([np.sin(manner.lean), 0.0, np.cos(manner.lean)])
    placed |= {
        "waist": hip,
        "neck": hip + SHOULDER_ABOVE_HIP * leaning,
        "chin": hip + CHIN_ABOVE_HIP * leaning,
        "crown": hip + CHIN_ABOVE_HIP * leaning + np.array([0.012, 0.0, HEAD]),
    }
    for side, offset, sign in (("r", np.pi, 1), ("l", 0.0, -1)):  # arms swing against the legs
        placed |= _arm(side, sign, amplitude, phase + offset, manner, placed["neck"])
    return placed


def _leg(side: str, sign: int, amplitude: float, phase: float) -> dict[str, Joint]:
    thigh = amplitude * np.sin(phase) + 0.1 * amplitude
    bend = amplitude * (0.15 + 1.7 * max(0.0, np.cos(phase + 0.3)) ** 1.5)  # the knee bends while the leg swings
    shin = thigh - bend
    lateral = sign * HIP_HALF_WIDTH
    hip = np.array([0.0, lateral, 0.0])
    knee = hip + THIGH * np.array([np.sin(thigh), 0.0, -np.cos(thigh)])
    ankle = knee + SHIN * np.array([np.sin(shin), 0.0, -np.cos(shin)])
    pitch = 0.55 * shin - 0.15 * amplitude * np.cos(phase)  # the toe drops behind, the heel strikes in front
    along, down = np.array([np.cos(pitch), 0.06 * sign, np.sin(pitch)]), np.array([np.sin(pitch), 0, -np.cos(pitch)])
    sole = ankle + ANKLE_HEIGHT * 0.55 * down
    return {
        f"hip_{side}": hip,
        f"knee_{side}": knee,
        f"ankle_{side}": ankle,
        f"heel_{side}": sole - 0.035 * along,
        f"toe_{side}": sole + 0.095 * along,
    }


def _arm(side: str, sign: int, amplitude: float, phase: float, manner: Manner, neck: Joint) -> dict[str, Joint]:
    swing = 0.95 * manner.arm_swing * amplitude * np.sin(phase)
    elbow_bend = manner.bent_elbow + 0.5 * max(0.0, swing)
    if manner.phone and side == "r":
        swing, elbow_bend = 0.25, 1.9
    twist = 0.03 * np.sin(phase) * amplitude / FULL_SWING
    shoulder = neck + np.array([twist, sign * SHOULDER_HALF_WIDTH, -0.02])
    spread = 0.16 * sign
    elbow = shoulder + UPPER_ARM * np.array([np.sin(swing), spread, -np.cos(swing)])
    forward = swing + elbow_bend
    along = np.array([np.sin(forward), 0.02 * sign, -np.cos(forward)])
    wrist = elbow + FOREARM * along
    return {
        f"shoulder_{side}": shoulder,
        f"elbow_{side}": elbow,
        f"wrist_{side}": wrist,
        f"hand_{side}": wrist + HAND * along,
    }
