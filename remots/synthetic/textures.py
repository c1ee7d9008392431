"""Patterns of cloth, hair and skin, unrolled around the body: column 0 is the front, columns run to the right side."""

from collections.abc import Callable

import cv2
import numpy as np

Texture = np.ndarray  # (rows, columns, 3) float32, RGB in 0–255; rows run from top to bottom, columns once around
Colour = tuple[float, float, float]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: float) -> np.ndarray:
    """Make a soft random field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        (rows, columns).
    grain_px : float
        Typical size of a blotch, in px.

    Returns
    -------
    ndarray of float32, shape (rows, columns), in [-1, 1]
    """
    rows, columns = (max(2, round(length / grain_px) + 1) for length in shape)
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    fine: np.ndarray = np.clip(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), -1, 1)
    return fine


def plain(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, _accent: Colour) -> Texture:
    """One colour, with the folds and the weave of cloth."""
    folds = smooth_noise(rng, shape, shape[0] / 5) * 0.10 + smooth_noise(rng, shape, 2) * 0.05
    texture: Texture = np.asarray(colour, np.float32) * (1 + folds[..., None])
    clipped: Texture = np.clip(texture, 0, 255)
    return clipped


def hoops(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Level stripes around the body."""
    n_stripes, share = rng.integers(3, 8), rng.uniform(0.3, 0.6)
    level = np.arange(shape[0]) / shape[0] * n_stripes % 1 < share
    return _mix(rng, np.broadcast_to(level[:, None], shape), colour, accent)


def pinstripes(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Upright stripes."""
    n_stripes = rng.integers(8, 15)
    upright = np.arange(shape[1]) / shape[1] * n_stripes % 1 < 0.4
    return _mix(rng, np.broadcast_to(upright[None], shape), colour, accent)


def checks(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Weave a plaid: stripes both ways, darker where they cross."""
    n_rows, n_columns = rng.integers(4, 7), rng.integers(8, 13)
    level = (np.arange(shape[0]) / shape[0] * n_rows % 1 < 0.45)[:, None]
    upright = (np.arange(shape[1]) / shape[1] * n_columns % 1 < 0.45)[None]
    return _mix(rng, (level * 0.5 + upright * 0.5).astype(np.float32), colour, accent)


def dots(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Staggered dots."""
    n_rows, n_columns = 7, 14
    y = np.arange(shape[0])[:, None] / shape[0] * n_rows
    x = np.arange(shape[1])[None] / shape[1] * n_columns + 0.5 * (np.floor(y) % 2)
    distance = np.hypot(y % 1 - 0.5, x % 1 - 0.5)
    return _mix(rng, distance < 0.3, colour, accent)


def printed(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Put a print on the chest (a disc, bar or triangle) and often one on the back."""
    picture = np.zeros(shape, np.uint8)
    centres = [0, shape[1] // 2] if rng.random() < 0.6 else [0]
    size, kind = shape[0] * rng.uniform(0.13, 0.2), rng.integers(3)
    for centre in centres:
        for around in (centre, centre + shape[1]):
            _draw_print(picture, (around, round(shape[0] * 0.36)), round(size), int(kind))
    return _mix(rng, picture > 0, colour, accent)


def blocks(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Two colours, one above the other, with a bright seam between."""
    seam = round(shape[0] * rng.uniform(0.3, 0.6))
    lower = np.broadcast_to((np.arange(shape[0]) >= seam)[:, None], shape)
    texture = _mix(rng, lower, colour, accent)
    texture[seam : seam + max(1, shape[0] // 20)] = 225
    return texture


def open_jacket(rng: np.random.Generator, shape: tuple[int, int], colour: Colour, accent: Colour) -> Texture:
    """Wear a jacket over a shirt that shows at the front, with a dark zip on each side."""
    angle = np.abs((np.arange(shape[1]) / shape[1] + 0.5) % 1 - 0.5)  # 0 at the front, 0.5 at the back
    opening = 0.04 + 0.05 * np.linspace(1, 0.3, shape[0])[:, None]
    texture = _mix(rng, angle[None] < opening, colour, accent)
    texture[np.abs(angle[None] - opening) < 0.012] *= 0.5
    return texture


PATTERNS: dict[str, Callable[[np.random.Generator, tuple[int, int], Colour, Colour], Texture]] = {
    "plain": plain,
    "hoops": hoops,
    "pinstripes": pinstripes,
    "checks": checks,
    "dots": dots,
    "printed": printed,
    "blocks": blocks,
    "open_jacket": open_jacket,
}


def head_texture(
    rng: np.random.Generator, shape: tuple[int, int], skin: Colour, hair: Colour, hair_style: str
) -> Texture:
    """Paint a head: face at the front, hair above and behind, or a cap, or nothing.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        (rows, columns).
    skin, hair : tuple of float
        RGB in 0–255; for a cap, `hair` is the cap's colour.
    hair_style : str
        ``"short"``, ``"long"``, ``"bald"``, ``"cap"`` or ``"hood"``.

    Returns
    -------
    ndarray of float32, shape (rows, columns, 3), RGB in 0–255
    """
    texture = plain(rng, shape, skin, skin)
    height = (np.arange(shape[0]) / shape[0])[:, None]  # 0 at the crown, 1 at the chin
    angle = np.abs((np.arange(shape[1]) / shape[1] + 0.5) % 1 - 0.5)[None]  # 0 at the nose, 0.5 at the back
    for eye in (0.055, 1 - 0.055):
        column = round(eye * shape[1]) % shape[1]
        texture[round(shape[0] * 0.5) : round(shape[0] * 0.57) + 1, column] *= 0.35
        texture[round(shape[0] * 0.43), column] *= 0.7
    texture[(np.abs(height - 0.78) < 0.025) & (angle < 0.05)] *= np.array([0.8, 0.55, 0.55], np.float32)
    hairline = {"short": 0.30, "long": 0.30, "bald": -1.0, "cap": 0.42, "hood": 0.28}[hair_style]
    nape = {"short": 0.72, "long": 1.0, "bald": -1.0, "cap": 0.42, "hood": 1.0}[hair_style]
    covered = height < hairline + (nape - hairline) * np.clip((angle - 0.12) / 0.16, 0, 1)
    strands = plain(rng, shape, hair, hair) * (1 + 0.25 * rng.uniform(-1, 1, (1, shape[1], 1)).astype(np.float32))
    texture[covered] = np.clip(strands, 0, 255)[covered]
    return texture


def _mix(rng: np.random.Generator, share: np.ndarray, colour: Colour, accent: Colour) -> Texture:
    """Cloth of `colour` where `share` is 0 and of `accent` where it is 1."""
    shape = (share.shape[0], share.shape[1])
    cloth, other = plain(rng, shape, colour, accent), plain(rng, shape, accent, colour)
    weight = np.asarray(share, np.float32)[..., None]
    return cloth * (1 - weight) + other * weight


def _draw_print(picture: np.ndarray, centre: tuple[int, int], size: int, kind: int) -> None:
    x, y = centre
    if kind == 0:
        cv2.circle(picture, centre, size, 255, -1)
    elif kind == 1:
        cv2.rectangle(picture, (x - size, y - size // 2), (x + size, y + size // 2), 255, -1)
    else:
        corners = np.array([[x, y - size], [x - size, y + size], [x + size, y + size]], np.int32)
        cv2.fillPoly(picture, [corners], 255)
