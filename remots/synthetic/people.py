"""People as pictures: textured, shaded parts laid over one another from the farthest to the nearest."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from remots.synthetic.gait import Joint, joints
from remots.synthetic.looks import Look, Part

SUPERSAMPLING = 2  # sprites are drawn at twice the size, then averaged down
TILT = 0.22  # how much higher in the picture a metre farther away lies, in metres; the camera looks down a little
LIGHT = (-0.55, 0.835)  # towards the light: to the left and to the camera
N_HEADINGS = 24  # parts are unrolled for so many directions

# Half widths in body heights, seen from the front.
RADII = {
    "torso": 0.122,
    "pelvis": 0.1,
    "skirt": 0.15,
    "thigh": 0.056,
    "shin": 0.04,
    "shoe": 0.028,
    "upper_arm": 0.033,
    "forearm": 0.028,
    "hand": 0.021,
    "neck": 0.035,
    "head": 0.058,
    "long_hair": 0.06,
    "backpack": 0.1,
    "shoulder": 0.05,
}
# Depth over width: a torso is flatter seen from the side.
FLATNESS = {"torso": 0.66, "pelvis": 0.8, "skirt": 0.8, "backpack": 0.6, "shoulder": 0.5, "head": 1.12}


@dataclass
class Sprite:
    """A picture to lay over a frame.

    ``rgba`` is (height, width, 4) uint8 with colours premultiplied by alpha; ``left``, ``top`` its place in the
    frame in px.
    """

    rgba: np.ndarray
    left: int
    top: int


@dataclass
class Person:
    """A person who can be drawn; remembers the parts as last unrolled."""

    look: Look
    _unrolled: dict[str, tuple[int, np.ndarray]] = field(default_factory=dict)

    def draw(
        self, foot: tuple[float, float], px_per_m: float, heading: float, phase: float, speed: float, light: float = 1.0
    ) -> Sprite:
        """Draw the person.

        Parameters
        ----------
        foot : tuple of float
            (x, y) in px, the point on the ground between the feet.
        px_per_m : float
            Size of a metre where the person stands, in px.
        heading : float
            Radians; 0 walks to the right, π/2 away from the camera.
        phase, speed : float
            Of the walk (see `gait.joints`).
        light : float
            Brightness where the person stands, 1 is usual.

        Returns
        -------
        Sprite
        """
        scale = px_per_m * self.look.height_m  # px per body height
        left, top = int(np.floor(foot[0] - 0.5 * scale)) - 2, int(np.floor(foot[1] - 1.12 * scale)) - 2
        width, height = int(np.ceil(1.0 * scale)) + 5, int(np.ceil(1.3 * scale)) + 5
        canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING, 4), np.uint8)
        view = _View(heading, scale * SUPERSAMPLING, (foot[0] - left, foot[1] - top))
        body = joints(phase, speed, self.look.manner)
        for name, start, end, radius in _parts_far_to_near(self.look, body, view):
            self._draw_part(canvas, view, name, start, end, radius, light)
        rgba = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
        return Sprite(rgba, left, top)

    def _draw_part(
        self, canvas: np.ndarray, view: "_View", name: str, start: Joint, end: Joint, radius: float, light: float
    ) -> None:
        flatness = FLATNESS.get(name, 1.0)
        across = np.hypot(np.cos(view.towards_camera), flatness * np.sin(view.towards_camera))
        patch = self._unroll(name, self.look.parts[name], view.towards_camera)
        if light != 1.0:
            patch = np.concatenate([cv2.convertScaleAbs(patch[..., :3], alpha=light), patch[..., 3:]], axis=2)
            np.minimum(patch[..., :3], patch[..., 3:], out=patch[..., :3])
        _lay(canvas, patch, view.project(start), view.project(end), radius * view.scale * across)

    def _unroll(self, name: str, part: Part, towards_camera: float) -> np.ndarray:
        bucket = round(towards_camera / (2 * np.pi) * N_HEADINGS) % N_HEADINGS
        known = self._unrolled.get(name)
        if known is None or known[0] != bucket:
            known = (bucket, unroll(part, bucket / N_HEADINGS))
            self._unrolled[name] = known
        return known[1]


class _View:
    """Projects joints into the sprite."""

    def __init__(self, heading: float, scale: float, foot: tuple[float, float]) -> None:
        self.scale = scale
        self.cos, self.sin = float(np.cos(heading)), float(np.sin(heading))
        self.towards_camera = float(np.arctan2(self.cos, -self.sin))  # from the person's front towards their right
        self.origin = np.array(foot) * SUPERSAMPLING

    def project(self, joint: Joint) -> np.ndarray:
        across = joint[0] * self.cos + joint[1] * self.sin
        up = joint[2] + self.depth(joint) * TILT
        return self.origin + self.scale * np.array([across, -up])

    def depth(self, joint: Joint) -> float:
        return float(joint[0] * self.sin - joint[1] * self.cos)


def unroll(part: Part, turn: float) -> np.ndarray:
    """Picture a part of the body upright, as it looks from one side.

    Parameters
    ----------
    part : Part
        A textured cylinder.
    turn : float
        Where the camera is, in turns from the front of the person towards their right.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 4)
        RGB premultiplied by alpha, and alpha; shaded.
    """
    n_rows, n_around = part.texture.shape[:2]
    n_columns = max(8, n_around // 2)
    across = (np.arange(n_columns, dtype=np.float32) + 0.5) / n_columns * 2.2 - 1.1  # a little room for soft edges
    inside = across[None] / part.profile[:, None]
    angle = np.arcsin(np.clip(inside, -1, 1)) / (2 * np.pi)
    column = np.round((turn - angle) * n_around).astype(int) % n_around
    seen = part.texture[np.arange(n_rows)[:, None], column]
    facing = LIGHT[0] * np.clip(inside, -1, 1) + LIGHT[1] * np.sqrt(1 - np.clip(inside, -1, 1) ** 2)
    shade = 0.58 + 0.5 * np.maximum(facing, 0)
    edge = np.clip((1 - np.abs(inside)) * part.profile[:, None] * n_columns / 2.2 + 0.5, 0, 1)
    colours = np.clip(seen * shade[..., None], 0, 255) * edge[..., None]
    picture: np.ndarray = np.concatenate([colours, 255 * edge[..., None]], axis=2).round().astype(np.uint8)
    return picture


def _parts_far_to_near(look: Look, body: dict[str, Joint], view: _View) -> list[tuple[str, Joint, Joint, float]]:
    """Name, axis and half width (in body heights) of each part, in drawing order."""
    right_is_far = view.depth(body["hip_r"]) > view.depth(body["hip_l"])
    far, near = ("r", "l") if right_is_far else ("l", "r")
    facing_away = view.sin > 0.2
    far_arm, near_arm = _arm_parts(look, body, far), _arm_parts(look, body, near)
    order = [] if facing_away else _behind(look, body)
    order += far_arm + _leg_parts(look, body, far) + _leg_parts(look, body, near) + _trunk_parts(look, body)
    if abs(view.cos) < 0.5 and view.depth(body["wrist_" + far]) < 0:  # seen from front or back, a swung arm is nearer
        order += far_arm
    order += _head_parts(look, body, facing_away)
    if facing_away:
        order += _behind(look, body)
    if look.bag == "shoulder":
        hip = body["hip_r"] + np.array([-0.02, 0.09, 0.03])
        bag = [("shoulder", hip + np.array([0, 0, 0.05]), hip - np.array([0, 0, 0.09]), RADII["shoulder"])]
        order = bag + order if far == "r" else order + bag
    return order + near_arm


def _leg_parts(look: Look, body: dict[str, Joint], side: str) -> list[tuple[str, Joint, Joint, float]]:
    hip, knee, ankle = body[f"hip_{side}"], body[f"knee_{side}"], body[f"ankle_{side}"]
    return [
        ("shoe", body[f"heel_{side}"], body[f"toe_{side}"], RADII["shoe"]),
        ("shin", _beyond(ankle, knee, 0.02), _beyond(knee, ankle, 0.01), RADII["shin"] * look.width),
        ("thigh", _beyond(knee, hip, 0.03), _beyond(hip, knee, 0.03), RADII["thigh"] * look.width),
    ]


def _arm_parts(look: Look, body: dict[str, Joint], side: str) -> list[tuple[str, Joint, Joint, float]]:
    shoulder, elbow, wrist = body[f"shoulder_{side}"], body[f"elbow_{side}"], body[f"wrist_{side}"]
    return [
        ("hand", wrist, body[f"hand_{side}"], RADII["hand"]),
        ("forearm", _beyond(wrist, elbow, 0.02), _beyond(elbow, wrist, 0.01), RADII["forearm"] * look.width),
        ("upper_arm", _beyond(elbow, shoulder, 0.03), _beyond(shoulder, elbow, 0.02), RADII["upper_arm"] * look.width),
    ]


def _trunk_parts(look: Look, body: dict[str, Joint]) -> list[tuple[str, Joint, Joint, float]]:
    waist, neck = body["waist"], body["neck"]
    down = np.array([0.0, 0.0, -1.0])
    swing = 0.5 * (body["knee_r"] + body["knee_l"]) - waist
    parts = [("pelvis", waist - 0.07 * down, waist + 0.05 * down, RADII["pelvis"] * look.width)]
    if look.skirt:
        parts.append(("skirt", waist - 0.1 * down, waist + 0.95 * swing, RADII["skirt"] * look.width))
    hem = waist + (0.17 if look.coat else 0.025) * down
    parts.append(("neck", body["chin"] - 0.03 * down, neck + 0.02 * down, RADII["neck"]))
    parts.append(("torso", _beyond(waist, neck, 0.012), hem, RADII["torso"] * look.width))
    return parts


def _head_parts(look: Look, body: dict[str, Joint], facing_away: bool) -> list[tuple[str, Joint, Joint, float]]:
    head = ("head", body["crown"], body["chin"] - np.array([0, 0, 0.012]), RADII["head"])
    if not look.long_hair:
        return [head]
    behind = np.array([-0.02, 0.0, 0.0])
    hair = (
        "long_hair",
        body["crown"] + behind - np.array([0, 0, 0.03]),
        body["neck"] + 1.6 * behind,
        RADII["long_hair"],
    )
    return [head, hair] if facing_away else [hair, head]


def _behind(look: Look, body: dict[str, Joint]) -> list[tuple[str, Joint, Joint, float]]:
    if look.bag != "backpack":
        return []
    back = np.array([-0.1, 0.0, 0.0])
    return [("backpack", body["neck"] + back - np.array([0, 0, 0.01]), body["waist"] + back * 1.1, RADII["backpack"])]


def _beyond(start: Joint, end: Joint, length: float) -> Joint:
    """Give the point `length` past `end` on the way from `start`, so that neighbouring parts overlap."""
    way = end - start
    past: Joint = end + way * (length / max(float(np.linalg.norm(way)), 1e-9))
    return past


def _lay(canvas: np.ndarray, patch: np.ndarray, start: np.ndarray, end: np.ndarray, half_width: float) -> None:
    """Warp a patch so that its rows run from `start` to `end`, and lay it over the canvas."""
    axis = end - start
    length = max(float(np.hypot(*axis)), 1.3 * half_width)  # a part seen from its end is as long as wide
    along = axis / max(float(np.hypot(*axis)), 1e-6) if np.hypot(*axis) > 0.2 else np.array([0.0, 1.0])
    across = np.array([along[1], -along[0]])
    n_rows, n_columns = patch.shape[:2]
    middle = (start + end) / 2
    matrix = np.column_stack([across * (2.2 * half_width / n_columns), along * (length / n_rows)])
    origin = middle - matrix @ np.array([(n_columns - 1) / 2, (n_rows - 1) / 2])
    reach = np.abs(matrix) @ np.array([n_columns / 2, n_rows / 2])
    low = np.maximum(np.floor(middle - reach).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach).astype(int) + 1, canvas.shape[1::-1])
    if np.any(high <= low):
        return
    shifted = np.column_stack([matrix, origin - low])
    laid = cv2.warpAffine(patch, shifted, (int(high[0] - low[0]), int(high[1] - low[1])), flags=cv2.INTER_LINEAR)
    lay_over(canvas[low[1] : high[1], low[0] : high[0]], laid)


def lay_over(region: np.ndarray, rgba: np.ndarray) -> None:
    """Lay a premultiplied picture over a region, in place.

    Parameters
    ----------
    region : ndarray of uint8, shape (height, width, 3 or 4)
        Changed in place.
    rgba : ndarray of uint8, shape (height, width, 4)
        Colours premultiplied by alpha.
    """
    n_channels = region.shape[2]
    through = cv2.merge([255 - rgba[..., 3]] * n_channels)
    kept = cv2.multiply(region, through, scale=1 / 255)
    np.copyto(region, cv2.add(kept, np.ascontiguousarray(rgba[..., :n_channels])))
