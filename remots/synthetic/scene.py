"""A rendered street scene: its frames, with the exact visible mask and the identity of everybody in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from remots.masks.rle import Rle, encode_crop
from remots.synthetic.camera import Camera
from remots.synthetic.looks import choose_look
from remots.synthetic.motion import PAIR_EVERY, Walker, accompany, walk
from remots.synthetic.people import Person, Sprite
from remots.synthetic.street import Prop, cast_shadow, darken, paint_street, paste, place_props, sunlight

SMALLEST_MASK_PX = 20
NOISE_SIGMA = 2.2  # of the sensor, in grey levels
OPAQUE = 128  # a pixel belongs to whoever covers at least half of it and is nearest


@dataclass(frozen=True)
class SceneParameters:
    """What a scene is like.

    Attributes
    ----------
    n_frames, n_people : int
        Frames, and people who take part. At most 65,000 people.
    height_px, width_px : int
        Size of the picture; people are 0.17 to 0.4 of its height.
    fps : float
        Frames per second.
    pan : bool
        The camera pans over a wider street.
    seed : int
        Of everything in the scene.
    lookalike : float
        In [0, 1]; 0 dresses everybody on their own, 1 everybody alike.
    exposure_drift : float
        In [0, 1); relative swing of the exposure over about ten seconds, with a third of it in the white balance.
    speed : float
        Factor on the usual walking speed.
    noise : float
        Factor on the noise of the sensor.
    """

    n_frames: int = 180
    n_people: int = 10
    height_px: int = 360
    width_px: int = 640
    fps: float = 10.0
    pan: bool = False
    seed: int = 0
    lookalike: float = 0.0
    exposure_drift: float = 0.0
    speed: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Raise ValueError where a parameter makes no sense."""
        if self.n_frames < 1 or min(self.height_px, self.width_px) < 16 or not 0 <= self.n_people <= 65_000:
            raise ValueError(f"a scene needs at least 1 frame of 16x16 px and 0 to 65,000 people, not {self}")
        if not (self.fps > 0 and self.speed > 0 and 0 <= self.lookalike <= 1 and 0 <= self.exposure_drift < 1):
            raise ValueError(f"fps, speed, lookalike or exposure_drift out of range in {self}")


class RenderedFrame(NamedTuple):
    """One frame: number (1-based), RGB image, the visible masks (disjoint) and whose they are (person, 1-based)."""

    frame: int
    image: np.ndarray
    masks: list[Rle]
    identities: list[int]


def render_scene(parameters: SceneParameters) -> Iterator[RenderedFrame]:
    """Render a scene frame by frame, in memory that does not grow with its length.

    Parameters
    ----------
    parameters : SceneParameters
        The same parameters give the same bytes.

    Yields
    ------
    frame : int
        1-based.
    image : ndarray of uint8, shape (height_px, width_px, 3)
        RGB.
    masks : list of Rle
        The visible part of each person, disjoint; a part under 20 px is left out.
    identities : list of int
        Person of each mask, from 1 to n_people, rising.
    """
    stage = _Stage(parameters)
    for frame in range(1, parameters.n_frames + 1):
        yield stage.render(frame)


class _Stage:
    """The street and everybody on it; `render` must be called for frames 1, 2, 3, … in turn."""

    def __init__(self, parameters: SceneParameters) -> None:
        self.parameters = p = parameters
        self.camera = Camera(p.height_px, p.width_px, p.fps, p.pan, p.exposure_drift)
        self.props = place_props(self.camera, np.random.default_rng((p.seed, 0)))
        self.street = self._paint_street()
        self.noise = self._make_noise()
        detail = max(1.0, p.height_px / 360)
        self.people = [self._cast(number, detail) for number in range(p.n_people)]
        keep_off = [prop.z for prop in self.props]
        self.walks = [
            walk(self.camera, number, person.look.height_m, person.look.manner, p.speed, keep_off, p.seed)
            for number, person in enumerate(self.people)
        ]
        self.walkers: list[Walker] = []

    def render(self, frame: int) -> RenderedFrame:
        self._move(frame)
        offset = self.camera.offset_px(frame)
        sprites = [self._draw(person, walker, offset) for person, walker in zip(self.people, self.walkers, strict=True)]
        picture = self._background(offset)
        shadow = np.zeros(picture.shape[:2], np.uint8)
        for sprite, walker in zip(sprites, self.walkers, strict=True):
            if sprite is not None:
                cast_shadow(shadow, sprite, self._foot(walker, offset))
        picture = darken(picture, shadow)
        labels, places = self._compose(picture, sprites, offset)
        image = self._expose(picture, frame)
        masks, identities = _read_masks(labels, places)
        return RenderedFrame(frame, image, masks, identities)

    def _paint_street(self) -> np.ndarray:
        street = paint_street(self.camera, np.random.default_rng((self.parameters.seed, 1)))
        shadow = np.zeros(street.shape[:2], np.uint8)
        for prop in self.props:
            _, foot_row = self.camera.project(0.0, prop.z)
            cast_shadow(shadow, prop.sprite, (prop.sprite.left + prop.sprite.rgba.shape[1] / 2, foot_row))
        return darken(street, shadow)

    def _make_noise(self) -> np.ndarray:
        """Noise for frames to cut their own from, at a place that changes from frame to frame."""
        rng = np.random.default_rng((self.parameters.seed, 4))
        shape = (self.parameters.height_px + 61, self.parameters.width_px + 67, 3)
        noise = rng.standard_normal(shape, dtype=np.float32) * (NOISE_SIGMA * self.parameters.noise)
        return np.round(noise).astype(np.int16)

    def _cast(self, number: int, detail: float) -> Person:
        seed = self.parameters.seed
        own, shared = np.random.default_rng((seed, 5, number)), np.random.default_rng((seed, 6))
        return Person(choose_look(own, shared, self.parameters.lookalike, detail))

    def _move(self, frame: int) -> None:
        walkers = [next(steps) for steps in self.walks]
        if frame == 1:
            self.walkers = [Walker(w.x, w.z, w.heading, w.speed, w.phase) for w in walkers]
        for number, person in enumerate(self.people):
            if number % PAIR_EVERY == PAIR_EVERY - 1:
                leader, look = self.walkers[number - 1], person.look
                accompany(leader, self.walkers[number], frame, self.camera, look.height_m, look.manner)
            else:
                self.walkers[number] = walkers[number]

    def _foot(self, walker: Walker, offset: float) -> tuple[float, float]:
        column, row = self.camera.project(walker.x, walker.z)
        return column - offset, row

    def _draw(self, person: Person, walker: Walker, offset: float) -> Sprite | None:
        """Draw the person, or None where neither they nor their shadow can be seen."""
        column, row = self._foot(walker, offset)
        scale = self.camera.px_per_m(walker.z)
        if not -2.5 * scale < column < self.parameters.width_px + 1.5 * scale:
            return None
        light = float(sunlight(walker.x, walker.z))
        return person.draw((column, row), scale, walker.heading, walker.phase, walker.speed, light)

    def _background(self, offset: float) -> np.ndarray:
        width = self.parameters.width_px
        left = int(offset)
        if offset == left:
            return self.street[:, left : left + width]
        shift = np.array([[1, 0, left - offset], [0, 1, 0]])
        wider = np.ascontiguousarray(self.street[:, left : left + width + 2])
        size = (width, self.parameters.height_px)
        shifted: np.ndarray = cv2.warpAffine(wider, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return shifted

    def _compose(
        self, picture: np.ndarray, sprites: list[Sprite | None], offset: float
    ) -> tuple[np.ndarray, dict[int, tuple[slice, slice]]]:
        """Lay people and props over the picture from far to near; gives who is seen where (person, 1-based)."""
        labels = np.zeros(picture.shape[:2], np.uint16)
        places: dict[int, tuple[slice, slice]] = {}
        layers: list[tuple[float, int, Sprite]] = [
            (-walker.z, number, sprite)
            for number, (walker, sprite) in enumerate(zip(self.walkers, sprites, strict=True), start=1)
            if sprite is not None
        ]
        layers += [(-prop.z, 0, _shift(prop, offset)) for prop in self.props]
        for _, number, sprite in sorted(layers, key=lambda layer: layer[:2]):
            pasted = paste(picture, sprite)
            if pasted is not None:
                rows, columns, alpha = pasted
                labels[rows, columns][alpha >= OPAQUE] = number
                places[number] = (rows, columns)
        places.pop(0, None)
        return labels, places

    def _expose(self, picture: np.ndarray, frame: int) -> np.ndarray:
        p = self.parameters
        if p.exposure_drift > 0:
            curves = np.clip(np.arange(256)[:, None] * self.camera.gains(frame), 0, 255).astype(np.uint8)
            picture = cv2.LUT(picture, curves[None])
        top, left = np.random.default_rng((p.seed, 7, frame)).integers(0, (61, 67))
        noise = self.noise[top : top + p.height_px, left : left + p.width_px]
        exposed: np.ndarray = cv2.add(picture, noise, dtype=cv2.CV_8U)
        return exposed


def _shift(prop: Prop, offset: float) -> Sprite:
    """Place the prop as it lies in a picture whose left edge is at `offset` in the panorama."""
    whole = int(np.floor(offset))
    sprite = Sprite(prop.sprite.rgba, prop.sprite.left - whole, prop.sprite.top)
    if offset == whole:
        return sprite
    height, width = sprite.rgba.shape[:2]
    matrix = np.array([[1, 0, 1 - (offset - whole)], [0, 1, 0]])
    return Sprite(cv2.warpAffine(sprite.rgba, matrix, (width + 1, height)), sprite.left - 1, sprite.top)


def _read_masks(labels: np.ndarray, places: dict[int, tuple[slice, slice]]) -> tuple[list[Rle], list[int]]:
    masks, identities = [], []
    for number in sorted(places):
        rows, columns = places[number]
        seen = labels[rows, columns] == number
        if np.count_nonzero(seen) >= SMALLEST_MASK_PX:
            masks.append(encode_crop(seen, columns.start, rows.start, (labels.shape[0], labels.shape[1])))
            identities.append(number)
    return masks, identities
