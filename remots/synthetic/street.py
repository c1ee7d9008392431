"""The street: facades, paved ground, and things that stand in front of people."""

from dataclasses import dataclass

import cv2
import numpy as np

from remots.synthetic.camera import CAMERA_HEIGHT_M, Camera
from remots.synthetic.people import Sprite, lay_over
from remots.synthetic.textures import Colour, smooth_noise

FACADE_Z_M = 21.0
NEAREST_Z_M, FARTHEST_Z_M = 7.2, 16.5  # people walk between these distances

WALLS: list[Colour] = [
    (204, 188, 164),
    (176, 116, 92),
    (150, 158, 166),
    (212, 196, 150),
    (134, 146, 132),
    (196, 150, 128),
]
AWNINGS: list[Colour] = [(168, 46, 44), (38, 92, 72), (46, 72, 120), (198, 146, 58)]
GLASS: Colour = (74, 92, 108)
SHADOW_DEPTH = 0.42  # share of the light that a shadow takes away


@dataclass(frozen=True)
class Prop:
    """A thing on the street that hides whoever walks behind it; ``z`` is its distance in metres."""

    sprite: Sprite
    z: float


def paint_street(camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Paint all that lies behind the people.

    Parameters
    ----------
    camera : Camera
        Its panorama is painted.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of uint8, shape (height_px, panorama_width_px, 3), RGB
    """
    zoom = 2 if camera.height_px <= 540 else 1  # drawn larger, then averaged down: soft edges
    height, width = camera.height_px * zoom, camera.panorama_width_px * zoom
    picture = np.zeros((height, width, 3), np.uint8)
    _, base = camera.project(0.0, FACADE_Z_M)
    base_row = int(np.clip(round(base * zoom), 1, height - 1))
    px_per_m = camera.px_per_m(FACADE_Z_M) * zoom
    _paint_facades(picture[:base_row], px_per_m, rng)
    _paint_ground(picture, base_row, camera, zoom, rng)
    _paint_greenery(picture, base_row, px_per_m, rng)
    small = cv2.resize(picture, (camera.panorama_width_px, camera.height_px), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small)


def place_props(camera: Camera, rng: np.random.Generator) -> list[Prop]:
    """Put an advertising column, a lamp post, a tree and flower boxes on the street.

    Parameters
    ----------
    camera : Camera
        Gives the panorama.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    list of Prop
        From the farthest to the nearest; their places are in the panorama.
    """
    props: list[Prop] = []
    n_stretches = max(1, round(camera.half_width_m(10.0) / 6.0))
    for stretch in range(n_stretches):
        at = (np.array([0.16, 0.42, 0.66, 0.87]) + rng.uniform(-0.05, 0.05, 4) + stretch) / n_stretches * 2 - 1
        kinds = rng.permutation(4)
        for place, kind in zip(at, kinds, strict=True):
            z = (13.4, 9.6, 7.9, 6.9)[kind] + rng.uniform(-0.15, 0.15)
            x = place * camera.half_width_m(z)
            props.append((_tree, _column, _lamp_post, _flower_box)[kind](camera, x, z, rng))
    return sorted(props, key=lambda prop: -prop.z)


def sunlight(x: np.ndarray | float, z: float) -> np.ndarray:
    """Brightness at ground points in metres: dimmer near the facades and in soft patches."""
    patches = 0.06 * np.sin(0.9 * np.asarray(x) + 0.7 * z) * np.sin(0.35 * np.asarray(x) - 0.4)
    light: np.ndarray = 1.0 - 0.16 * np.clip((z - 11) / 8, 0, 1) + patches
    return light


def _paint_ground(picture: np.ndarray, base_row: int, camera: Camera, zoom: int, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    grain = smooth_noise(rng, (256, 256), 24) * 0.05 + smooth_noise(rng, (256, 256), 5) * 0.03
    grain = np.block([[grain, grain[:, ::-1]], [grain[::-1], grain[::-1, ::-1]]])  # mirrored, it repeats without a seam
    slabs = rng.normal(0, 0.045, (64, 64)).astype(np.float32)
    columns = (np.arange(width) / zoom - camera.panorama_width_px / 2).astype(np.float32)
    for row in range(base_row, height):
        z = camera.focal_px * CAMERA_HEIGHT_M / max(row / zoom - camera.horizon_px, 1e-3)
        x = columns * (z / camera.focal_px)
        footprint = z / camera.focal_px / zoom
        band = 9.0 < z < 9.7 or 15.3 < z < 16.0  # two courses of small dark stones
        size = 0.175 if band else 0.7
        course = int(np.floor(z / size))
        column = np.floor(x / size + 0.5 * (course % 2)).astype(int)
        stains = grain[int(z * 37) % 512, np.floor(x * 37).astype(int) % 512]
        tone = 1 + slabs[course % 64, column % 64] + stains
        along = np.abs((x / size + 0.5 * (course % 2)) % 1 - 0.5) * size
        joint = np.clip((along - (size / 2 - 0.012 - footprint / 2)) / footprint, 0, 1) * min(1.0, 0.03 / footprint)
        row_depth = z * z / (camera.focal_px * CAMERA_HEIGHT_M * zoom)  # metres of ground in one row
        if min(z % size, size - z % size) < 0.012 + row_depth / 2:
            joint = np.maximum(joint, min(1.0, 0.03 / row_depth))
        colour = np.array((122, 112, 106) if band else (172, 164, 154), np.float32)
        shade = tone * sunlight(x, z) * (1 - 0.35 * joint)
        picture[row] = np.clip(colour * shade[:, None], 0, 255)


def _paint_facades(wall: np.ndarray, px_per_m: float, rng: np.random.Generator) -> None:
    """Fill the picture of the wall with houses side by side; its last row is the foot of the wall."""
    left = -round(rng.uniform(0, 3) * px_per_m)
    previous = -1
    while left < wall.shape[1]:
        right = left + max(8, round(rng.uniform(5.5, 8.5) * px_per_m))
        kind = int(rng.choice([k for k in range(len(WALLS)) if k != previous]))
        _paint_house(wall, left, right, px_per_m, WALLS[kind], rng)
        left, previous = right, kind
    foot = max(1, round(1.2 * px_per_m))
    darker = np.linspace(1.0, 0.78, min(foot, wall.shape[0]))[:, None, None]
    wall[-foot:] = (wall[-foot:] * darker).astype(np.uint8)


def _paint_house(
    wall: np.ndarray, left: int, right: int, px_per_m: float, colour: Colour, rng: np.random.Generator
) -> None:
    foot, m = wall.shape[0], px_per_m
    view = wall[:, max(left, 0) : right]
    if view.size == 0:
        return
    shape = (view.shape[0], view.shape[1])
    tone = 1 + 0.06 * smooth_noise(rng, shape, 1.5 * m) + 0.035 * smooth_noise(rng, shape, 2)
    view[:] = np.clip(np.asarray(colour) * tone[..., None], 0, 255)
    if colour[0] - colour[2] > 60:
        _lay_bricks(view, foot, m)
    _box(wall, (left, foot - round(3.45 * m)), (right, foot - round(3.25 * m)), tuple(0.82 * c for c in colour))
    _box(wall, (left, foot - round(0.45 * m)), (right, foot), tuple(0.62 * c for c in colour))
    n_bays = max(1, round((right - left) / (2.6 * m)))
    door = int(rng.integers(n_bays))
    awning = AWNINGS[int(rng.integers(len(AWNINGS)))] if rng.random() < 0.6 else None
    for bay in range(n_bays):
        start = left + round((bay + 0.14) * (right - left) / n_bays)
        end = left + round((bay + 0.86) * (right - left) / n_bays)
        _window(
            wall,
            (start + (end - start) // 6, foot - round(5.6 * m)),
            (end - (end - start) // 6, foot - round(3.9 * m)),
            m,
            rng,
        )
        if bay == door:
            _door(wall, (start + end) // 2, foot, m, rng)
        else:
            _window(wall, (start, foot - round(2.7 * m)), (end, foot - round(0.6 * m)), m, rng)
    if awning is not None:
        _awning(
            wall,
            (left + round(0.3 * m), foot - round(3.2 * m)),
            (right - round(0.3 * m), foot - round(2.55 * m)),
            m,
            awning,
        )


def _lay_bricks(view: np.ndarray, foot: int, px_per_m: float) -> None:
    course = max(2.0, 0.16 * px_per_m)
    for number, row in enumerate(np.arange(foot, 0, -course)):
        y = int(row) - 1
        if y < 0:
            break
        view[y] = (view[y] * 0.88).astype(np.uint8)
        start = int(course * (number % 2))
        step = max(4, int(2 * course))
        region = view[max(0, y - int(course)) : y, start::step]
        region[:] = (region * 0.93).astype(np.uint8)


def _window(
    wall: np.ndarray, corner: tuple[int, int], other: tuple[int, int], px_per_m: float, rng: np.random.Generator
) -> None:
    frame = max(1, round(0.09 * px_per_m))
    _box(wall, (corner[0] - frame, corner[1] - frame), (other[0] + frame, other[1] + frame), (226, 222, 212))
    tint = rng.uniform(0.7, 1.25)
    _box(wall, corner, other, tuple(tint * c for c in GLASS))
    width, height = other[0] - corner[0], other[1] - corner[1]
    if width < 6 or height < 6:
        return
    shine = corner[0] + round(width * rng.uniform(0.1, 0.6))  # a slanted reflection
    slant = np.array(
        [[shine, other[1]], [shine + height // 2, corner[1]], [shine + height // 2 + width // 5, corner[1]]]
    )
    slant = np.vstack([slant, [[shine + width // 5, other[1]]]])
    slant[:, 0] = np.clip(slant[:, 0], corner[0], other[0])
    cv2.fillPoly(wall, [slant.astype(np.int32)], tuple(min(255.0, tint * c + 26) for c in GLASS), cv2.LINE_AA)
    if rng.random() < 0.5:  # a curtain or goods on display
        _box(
            wall,
            (corner[0], other[1] - height // 3),
            other,
            tuple(0.7 * rng.uniform(80, 200) + 0.3 * rng.uniform(60, 220, 3)),
        )
    middle = (corner[0] + other[0]) // 2
    _box(wall, (middle - frame // 3, corner[1]), (middle + frame // 3, other[1]), (214, 210, 200))


def _door(wall: np.ndarray, middle: int, foot: int, px_per_m: float, rng: np.random.Generator) -> None:
    half, top = round(0.55 * px_per_m), foot - round(2.4 * px_per_m)
    colour = tuple(float(c) for c in rng.uniform(40, 130, 3))
    _box(wall, (middle - half - half // 5, top - half // 5), (middle + half + half // 5, foot), (216, 208, 192))
    _box(wall, (middle - half, top), (middle + half, foot), colour)
    _box(wall, (middle - half // 2, top + half // 3), (middle + half // 2, top + half), tuple(0.9 * c for c in GLASS))
    cv2.circle(
        wall,
        (middle + 2 * half // 3, foot - round(1.05 * px_per_m)),
        max(1, half // 8),
        (220, 190, 110),
        -1,
        cv2.LINE_AA,
    )


def _awning(wall: np.ndarray, corner: tuple[int, int], other: tuple[int, int], px_per_m: float, colour: Colour) -> None:
    stripe = max(2, round(0.42 * px_per_m))
    for number, x in enumerate(range(corner[0], other[0], stripe)):
        shade = colour if number % 2 else (232, 226, 214)
        _box(wall, (x, corner[1]), (min(x + stripe, other[0]), other[1]), shade)
        cv2.circle(wall, (x + stripe // 2, other[1]), stripe // 2, shade, -1, cv2.LINE_AA)
    region = wall[max(other[1] + stripe // 2, 0) : max(other[1] + 2 * stripe, 0), max(corner[0], 0) : max(other[0], 0)]
    region[:] = (region * 0.72).astype(np.uint8)  # its shadow on the shop


def _paint_greenery(picture: np.ndarray, base_row: int, px_per_m: float, rng: np.random.Generator) -> None:
    """Tubs with round bushes along the wall."""
    x = round(rng.uniform(1, 4) * px_per_m)
    while x < picture.shape[1]:
        half, high = round(0.42 * px_per_m), round(0.55 * px_per_m)
        cv2.ellipse(
            picture,
            (x, base_row + half // 3),
            (round(1.5 * half), half // 3),
            0,
            0,
            360,
            (112, 104, 98),
            -1,
            cv2.LINE_AA,
        )
        _leaves(picture, (x, base_row - high - half // 2), round(0.62 * px_per_m), rng)
        _box(picture, (x - half, base_row - high), (x + half, base_row + half // 3), (122, 76, 56))
        _box(picture, (x - half, base_row - high), (x + half, base_row - high + max(1, half // 4)), (148, 96, 72))
        x += round(rng.uniform(3.5, 7.0) * px_per_m)


def _leaves(picture: np.ndarray, centre: tuple[int, int], radius: int, rng: np.random.Generator) -> None:
    """Draw a round crown of leaves, lit from the upper left."""
    n_leaves, n_channels = 150, picture.shape[2]
    for depth in np.linspace(0, 1, n_leaves):
        angle, reach = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.uniform(0, 1)) * 0.95
        x, y = np.cos(angle) * reach, np.sin(angle) * reach * 0.9
        light = 0.55 + 0.35 * depth - 0.32 * (x + y) / max(radius, 1) + rng.uniform(-0.1, 0.1)
        colour = tuple(float(np.clip(c * light, 0, 255)) for c in (98, 142, 70))
        place = (round(centre[0] + x), round(centre[1] + y))
        filled = (*colour, 255.0)[:n_channels]
        cv2.circle(picture, place, max(1, round(radius * rng.uniform(0.1, 0.22))), filled, -1, cv2.LINE_AA)


def _box(picture: np.ndarray, corner: tuple[int, int], other: tuple[int, int], colour: tuple[float, ...]) -> None:
    if other[0] > corner[0] and other[1] > corner[1]:
        filled = tuple(float(np.clip(c, 0, 255)) for c in colour)
        cv2.rectangle(picture, corner, (other[0] - 1, other[1] - 1), filled, -1)


def _canvas(
    camera: Camera, x: float, z: float, half_width_m: float, height_m: float
) -> tuple[np.ndarray, Sprite, float]:
    """Make an empty picture twice as large as needed, the sprite to fill, and px per metre in the picture."""
    scale = camera.px_per_m(z)
    column, row = camera.project(x, z)
    half, high, below = max(2, round(half_width_m * scale)), max(3, round(height_m * scale)), max(1, round(0.2 * scale))
    picture = np.zeros((2 * (high + below), 4 * half, 4), np.uint8)
    sprite = Sprite(np.zeros((high + below, 2 * half, 4), np.uint8), round(column) - half, round(row) - high)
    return picture, sprite, 2 * scale


def _finish(picture: np.ndarray, sprite: Sprite, z: float, shade: bool) -> Prop:
    """Shade a prop as an upright cylinder where asked, scale it down and premultiply it."""
    colours = picture[..., :3].astype(np.float32)
    if shade:
        across = np.linspace(-1, 1, picture.shape[1])
        colours *= (0.62 + 0.45 * np.clip(1 - (across + 0.4) ** 2, 0, 1))[None, :, None]
    alpha = picture[..., 3:].astype(np.float32)
    premultiplied = np.concatenate([np.clip(colours, 0, 255) * (alpha / 255), alpha], axis=2)
    height, width = sprite.rgba.shape[:2]
    small = cv2.resize(premultiplied, (width, height), interpolation=cv2.INTER_AREA)
    return Prop(Sprite(small.round().astype(np.uint8), sprite.left, sprite.top), z)


def _column(camera: Camera, x: float, z: float, rng: np.random.Generator) -> Prop:
    """Build an advertising column with posters."""
    picture, sprite, m = _canvas(camera, x, z, 0.62, 3.1)
    foot, width = round(3.1 * m), picture.shape[1]
    margin = round(0.06 * m)
    cv2.ellipse(picture, (width // 2, foot), (width // 2 - margin, round(0.12 * m)), 0, 0, 360, (96, 96, 92, 255), -1)
    _box(picture, (margin, round(0.35 * m)), (width - margin, foot), (204, 198, 184, 255))
    top = round(0.35 * m)
    while top < foot - 0.7 * m:
        high = round(rng.uniform(0.7, 1.0) * m)
        left = margin
        while left < width - margin:
            right = min(width - margin, left + round(rng.uniform(0.4, 0.7) * m))
            _poster(picture, (left, top), (right, min(top + high, foot - round(0.5 * m))), rng)
            left = right
        top += high
    _box(picture, (margin, foot - round(0.45 * m)), (width - margin, foot), (96, 96, 92, 255))
    cap = (width // 2, round(0.35 * m))
    cv2.ellipse(picture, cap, (width // 2 - 1, round(0.3 * m)), 0, 180, 360, (62, 88, 78, 255), -1, cv2.LINE_AA)
    _box(picture, (1, cap[1]), (width - 1, cap[1] + max(2, round(0.09 * m))), (74, 104, 92, 255))
    return _finish(picture, sprite, z, shade=True)


def _poster(picture: np.ndarray, corner: tuple[int, int], other: tuple[int, int], rng: np.random.Generator) -> None:
    paper = tuple(0.55 * rng.uniform(70, 235) + 0.45 * rng.uniform(50, 245, 3))
    _box(picture, corner, other, (*paper, 255))
    width, height = other[0] - corner[0], other[1] - corner[1]
    if width < 8 or height < 8:
        return
    ink = (*tuple(255 - c for c in paper), 255.0)
    cv2.circle(
        picture, (corner[0] + width // 2, corner[1] + height // 3), min(width, height) // 4, ink, -1, cv2.LINE_AA
    )
    for line in range(3):
        y = corner[1] + round(height * (0.66 + 0.1 * line))
        _box(
            picture,
            (corner[0] + width // 6, y),
            (corner[0] + width - width // (3 + line), y + max(1, height // 28)),
            ink,
        )


def _lamp_post(camera: Camera, x: float, z: float, _rng: np.random.Generator) -> Prop:
    picture, sprite, m = _canvas(camera, x, z, 0.3, 4.6)
    foot, middle = round(4.6 * m), picture.shape[1] // 2
    metal = (58, 66, 66, 255)
    for half_m, low_m, high_m in ((0.055, 0.0, 4.1), (0.11, 0.0, 0.9), (0.15, 0.0, 0.25), (0.09, 2.5, 2.62)):
        half = max(1, round(half_m * m))
        _box(picture, (middle - half, foot - round(high_m * m)), (middle + half, foot - round(low_m * m)), metal)
        _box(
            picture,
            (middle - half // 2, foot - round(high_m * m)),
            (middle, foot - round(low_m * m)),
            (104, 114, 112, 255),
        )
    cv2.ellipse(picture, (middle, foot), (round(0.15 * m), round(0.05 * m)), 0, 0, 360, metal, -1, cv2.LINE_AA)
    cv2.circle(picture, (middle, foot - round(4.25 * m)), round(0.22 * m), (246, 240, 214, 255), -1, cv2.LINE_AA)
    return _finish(picture, sprite, z, shade=False)


def _tree(camera: Camera, x: float, z: float, rng: np.random.Generator) -> Prop:
    picture, sprite, m = _canvas(camera, x, z, 1.7, 4.8)
    foot, middle = round(4.8 * m), picture.shape[1] // 2
    trunk = np.array([[-0.16, 0], [-0.1, 1.2], [-0.09, 3.0], [0.09, 3.0], [0.1, 1.2], [0.17, 0]]) * m
    outline = np.column_stack([middle + trunk[:, 0], foot - trunk[:, 1]]).round().astype(np.int32)
    cv2.fillPoly(picture, [outline], (92, 72, 56, 255), cv2.LINE_AA)
    for _ in range(60):
        y, dx = foot - round(rng.uniform(0.05, 2.9) * m), round(rng.uniform(-0.08, 0.07) * m)
        tone = rng.uniform(0.6, 1.3)
        _box(
            picture, (middle + dx, y), (middle + dx + 2, y + round(0.12 * m)), (*(tone * c for c in (92, 72, 56)), 255)
        )
    for right, up, radius in (
        (-0.75, 3.2, 0.75),
        (0.75, 3.25, 0.8),
        (0.0, 3.7, 0.95),
        (-0.3, 2.95, 0.55),
        (0.4, 2.9, 0.55),
    ):
        _leaves(picture, (middle + round(right * m), foot - round(up * m)), round(radius * m), rng)
    return _finish(picture, sprite, z, shade=False)


def _flower_box(camera: Camera, x: float, z: float, rng: np.random.Generator) -> Prop:
    picture, sprite, m = _canvas(camera, x, z, 0.85, 1.0)
    foot, width = round(1.0 * m), picture.shape[1]
    for centre in np.linspace(0.2, 0.8, 5):
        _leaves(picture, (round(centre * width), foot - round(0.62 * m)), round(0.22 * m), rng)
    for _ in range(40):
        place = (round(rng.uniform(0.1, 0.9) * width), foot - round(rng.uniform(0.5, 0.85) * m))
        colour = ((222, 70, 84), (240, 200, 80), (226, 226, 236))[int(rng.integers(3))]
        cv2.circle(picture, place, max(1, round(0.035 * m)), (*colour, 255), -1, cv2.LINE_AA)
    _box(
        picture,
        (round(0.06 * m), foot - round(0.5 * m)),
        (width - round(0.06 * m), foot + round(0.08 * m)),
        (150, 128, 104, 255),
    )
    for plank in (0.36, 0.22, 0.08):
        y = foot - round(plank * m)
        _box(picture, (round(0.06 * m), y), (width - round(0.06 * m), y + max(1, round(0.02 * m))), (108, 90, 72, 255))
    return _finish(picture, sprite, z, shade=False)


def cast_shadow(shadow: np.ndarray, sprite: Sprite, foot: tuple[float, float]) -> None:
    """Add the shadow that something throws on the ground, to the right and away from the camera.

    Parameters
    ----------
    shadow : ndarray of uint8, shape (height, width)
        Depth of the shade, 0–255; changed in place.
    sprite : Sprite
        What throws the shadow.
    foot : tuple of float
        (x, y) in px where it stands.
    """
    height, width = sprite.rgba.shape[:2]
    y = foot[1] - sprite.top
    n_rows, n_columns = int(np.ceil(0.24 * height)) + 6, int(np.ceil(width + 0.6 * height)) + 6
    low = (sprite.left - 3, int(np.floor(foot[1] - 0.22 * y)) - 3)
    matrix = np.array([[1, -0.55, 0.55 * y + 3], [0, 0.22, foot[1] - 0.22 * y - low[1]]])
    # Squeezed to a fifth of its height, the outline would break up without averaging first.
    outline = cv2.blur(np.ascontiguousarray(sprite.rgba[..., 3]), (3, 5))
    laid = cv2.warpAffine(outline, matrix, (n_columns, n_rows), flags=cv2.INTER_LINEAR)
    laid = cv2.blur(laid, (3, 3))
    top, bottom = max(low[1], 0), min(low[1] + n_rows, shadow.shape[0])
    left, right = max(low[0], 0), min(low[0] + n_columns, shadow.shape[1])
    if top < bottom and left < right:
        region = shadow[top:bottom, left:right]
        np.maximum(region, laid[top - low[1] : bottom - low[1], left - low[0] : right - low[0]], out=region)


def darken(picture: np.ndarray, shadow: np.ndarray) -> np.ndarray:
    """Lay shadows (uint8, 0–255) on a picture of the street."""
    through = 255 - (SHADOW_DEPTH * np.arange(256)).astype(np.uint8)
    shaded: np.ndarray = cv2.multiply(picture, cv2.merge([cv2.LUT(shadow, through)] * 3), scale=1 / 255)
    return shaded


def paste(picture: np.ndarray, sprite: Sprite) -> tuple[slice, slice, np.ndarray] | None:
    """Lay a sprite over a picture where they meet, in place.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 3)
        Changed in place.
    sprite : Sprite
        What to lay there; may reach over the edges.

    Returns
    -------
    rows, columns, alpha : slice, slice, ndarray of uint8
        Where they meet in the picture and the sprite's alpha there; None where they do not meet.
    """
    height, width = sprite.rgba.shape[:2]
    top, bottom = max(sprite.top, 0), min(sprite.top + height, picture.shape[0])
    left, right = max(sprite.left, 0), min(sprite.left + width, picture.shape[1])
    if top >= bottom or left >= right:
        return None
    rgba = sprite.rgba[top - sprite.top : bottom - sprite.top, left - sprite.left : right - sprite.left]
    lay_over(picture[top:bottom, left:right], rgba)
    return slice(top, bottom), slice(left, right), rgba[..., 3]
