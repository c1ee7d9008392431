"""Colours of tracks: the same id always has the same one, and near ids have ones far apart."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
GREY: Colour = (176, 176, 176)

GOLDEN_RATIO = (1 + 5**0.5) / 2
LIGHTNESSES = (0.72, 0.60, 0.83)  # taking turns, so that tracks differ for colour-blind people too
CHROMA = 0.22

# From OKLab to linear sRGB, by way of the cube roots of cone responses (Ottosson 2020).
_OKLAB_TO_CONES = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_CONES_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@lru_cache(maxsize=4096)
def track_colour(track_id: int) -> Colour:
    """Choose the colour of a track.

    Hues follow the golden ratio, so ids that come one after the other, as people in one picture often have, lie far
    apart; lightness takes turns. In OKLab, where equal steps look equal, and as vivid as a screen can show.

    Parameters
    ----------
    track_id : int
        Any id; negative ones belong to no track.

    Returns
    -------
    tuple of int
        Red, green, blue in 0–255; grey where there is no track.
    """
    if track_id < 0:
        return GREY
    hue = 2 * np.pi * (track_id / GOLDEN_RATIO % 1.0)
    lightness = LIGHTNESSES[track_id % len(LIGHTNESSES)]
    chromas = np.linspace(CHROMA, 0, 45)
    candidates = (_linear_rgb(lightness, chroma, hue) for chroma in chromas)
    linear = next(rgb for rgb in candidates if np.all((rgb >= 0) & (rgb <= 1)))
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(channel) for channel in np.rint(255 * encoded))
    return red, green, blue


def _linear_rgb(lightness: float, chroma: float, hue: float) -> NDArray[np.float64]:
    cones = _OKLAB_TO_CONES @ (lightness, chroma * np.cos(hue), chroma * np.sin(hue))
    return np.asarray(_CONES_TO_RGB @ cones**3)


@lru_cache(maxsize=4096)
def readable_on(background: Colour) -> Colour:
    """Choose black or white text, whichever stands out more.

    Parameters
    ----------
    background : tuple of int
        Red, green, blue in 0–255.

    Returns
    -------
    tuple of int
        The one of `BLACK` and `WHITE` with the higher contrast ratio.
    """
    return max(BLACK, WHITE, key=lambda text: contrast_ratio(text, background))


def contrast_ratio(colour_a: Colour, colour_b: Colour) -> float:
    """Compute the contrast of two colours, from 1 (none) to 21 (black on white).

    Parameters
    ----------
    colour_a, colour_b : tuple of int
        Red, green, blue in 0–255.

    Returns
    -------
    float
        Unitless; text is easy to read from 4.5 on (WCAG 2, contrast ratio).
    """
    darker, lighter = sorted((_luminance(colour_a), _luminance(colour_b)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    channels = np.array(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
