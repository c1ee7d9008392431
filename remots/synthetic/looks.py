"""What people look like: build, skin, hair, clothes, shoes and bags."""

from dataclasses import dataclass

import numpy as np

from remots.synthetic.gait import Manner
from remots.synthetic.textures import PATTERNS, Colour, Texture, head_texture, plain

SKINS: list[Colour] = [(236, 196, 168), (222, 176, 142), (198, 148, 112), (160, 112, 80), (118, 80, 56), (84, 58, 44)]
HAIRS: list[Colour] = [(32, 26, 24), (58, 40, 28), (98, 66, 38), (146, 104, 58), (196, 164, 104), (150, 146, 142)]
TOPS: list[Colour] = [
    *[(186, 38, 44), (32, 66, 132), (236, 232, 222), (38, 40, 46), (240, 182, 44), (46, 112, 76), (224, 112, 52)],
    *[(120, 52, 110), (88, 152, 196), (196, 92, 128), (122, 128, 134), (152, 122, 88), (58, 124, 132), (212, 208, 120)],
]
BOTTOMS: list[Colour] = [(44, 58, 92), (36, 38, 44), (84, 100, 130), (158, 136, 104), (92, 88, 80), (62, 70, 56)]
SHOES: list[Colour] = [(38, 34, 32), (222, 220, 214), (112, 74, 46), (60, 64, 78), (176, 50, 48)]
BAGS: list[Colour] = [(118, 40, 44), (40, 60, 48), (60, 48, 40), (200, 150, 60), (34, 36, 44), (60, 90, 140)]
UNIFORM_TOP, UNIFORM_BOTTOM = (58, 72, 98), (52, 54, 62)


@dataclass(frozen=True)
class Part:
    """A part of the body: a cylinder whose width changes along its axis.

    ``texture`` is (rows, columns, 3) float32, unrolled; ``profile`` the half width of each row relative to the widest,
    shape (rows,) in (0, 1].
    """

    texture: Texture
    profile: np.ndarray


@dataclass(frozen=True)
class Look:
    """One person: parts by name, sizes and manner of walking."""

    height_m: float
    width: float  # 1 is usual, 1.2 broad
    parts: dict[str, Part]
    manner: Manner
    coat: bool
    skirt: bool
    long_hair: bool
    bag: str  # "none", "backpack" or "shoulder"


def choose_look(rng: np.random.Generator, shared: np.random.Generator, lookalike: float, detail: float) -> Look:
    """Dress a person.

    Parameters
    ----------
    rng : numpy.random.Generator
        The person's own randomness.
    shared : numpy.random.Generator
        Randomness that every person of the scene sees alike: what look-alikes wear.
    lookalike : float
        In [0, 1]: 0 dresses each person on their own, 1 puts the same clothes on all.
    detail : float
        Resolution of the textures; 1 suits people of 60 to 140 px.

    Returns
    -------
    Look
    """
    skin, hair = _pick(rng, SKINS, 6), _pick(rng, HAIRS, 6)
    clothes = shared if rng.random() < lookalike else rng
    pattern = str(clothes.choice(list(PATTERNS), p=[0.2, 0.13, 0.1, 0.13, 0.08, 0.14, 0.1, 0.12]))
    top, accent = _two_colours(clothes)
    trousers, shoes = _pick(clothes, BOTTOMS, 8), _pick(clothes, SHOES, 6)
    top, accent = _blend(top, UNIFORM_TOP, lookalike), _blend(accent, UNIFORM_TOP, lookalike)
    trousers = _blend(trousers, UNIFORM_BOTTOM, lookalike)
    legs = str(clothes.choice(["trousers", "trousers", "trousers", "shorts", "skirt"]))
    hair_style = str(rng.choice(["short", "short", "long", "long", "bald", "cap", "hood"]))
    colours = {"skin": skin, "hair": hair, "top": top, "accent": accent, "trousers": trousers, "shoes": shoes}
    coat, bare_arms = bool(clothes.random() < 0.2), bool(clothes.random() < 0.4)
    return Look(
        height_m=float(np.clip(rng.normal(1.72, 0.09), 1.48, 1.95)),
        width=float(np.clip(rng.normal(1.0, 0.09), 0.85, 1.25)),
        parts=_parts(rng, clothes, colours, (pattern, legs, hair_style), bare_arms and not coat, detail),
        manner=_manner(rng),
        coat=coat,
        skirt=legs == "skirt" and not coat,
        long_hair=hair_style == "long",
        bag=str(rng.choice(["none", "none", "backpack", "shoulder"])),
    )


def _parts(
    rng: np.random.Generator,
    clothes: np.random.Generator,
    colours: dict[str, Colour],
    styles: tuple[str, str, str],
    bare_arms: bool,
    detail: float,
) -> dict[str, Part]:
    pattern, legs, hair_style = styles
    skin, top, accent, trousers = colours["skin"], colours["top"], colours["accent"], colours["trousers"]
    cap = _pick(rng, TOPS, 10) if hair_style in ("cap", "hood") else colours["hair"]
    sleeve = PATTERNS[pattern] if pattern in ("hoops", "checks", "pinstripes", "dots") else plain
    limb, trunk, head = _size(26, 40, detail), _size(60, 104, detail), _size(34, 60, detail)
    bag = _pick(rng, BAGS, 10)
    return {
        "torso": _part(PATTERNS[pattern](clothes, trunk, top, accent), [0.62, 1, 0.97, 0.84, 0.92], 0.08),
        "pelvis": _part(plain(rng, limb, trousers, trousers), [0.9, 1, 0.92], 0.3),
        "skirt": _part(plain(clothes, trunk, trousers, accent), [0.55, 0.72, 0.86, 1], 0.04),
        "thigh": _part(plain(rng, limb, skin if legs == "skirt" else trousers, skin), [1, 0.95, 0.74], 0.2),
        "shin": _part(plain(rng, limb, trousers if legs == "trousers" else skin, skin), [1, 0.98, 0.72], 0.2),
        "shoe": _part(plain(rng, limb, colours["shoes"], skin), [0.95, 0.9, 1, 0.8], 0.35),
        "upper_arm": _part(sleeve(clothes, limb, top, accent), [1, 0.95, 0.8], 0.25),
        "forearm": _part(
            plain(rng, limb, skin, skin) if bare_arms else sleeve(clothes, limb, top, accent), [1, 0.92, 0.74], 0.25
        ),
        "hand": _part(plain(rng, limb, skin, skin), [0.8, 1, 0.8], 0.4),
        "neck": _part(0.85 * plain(rng, limb, skin, skin), [1, 0.95, 1], 0.1),
        "head": _part(head_texture(rng, head, skin, cap, hair_style), [0.8, 1, 1, 0.9, 0.66], 0.3),
        "long_hair": _part(plain(rng, limb, colours["hair"], skin), [0.8, 0.95, 1, 0.75], 0.25),
        "backpack": _part(PATTERNS["blocks"](rng, trunk, bag, _pick(rng, BAGS, 10)), [0.8, 1, 1, 0.95], 0.2),
        "shoulder": _part(plain(rng, limb, bag, bag), [0.9, 1, 1], 0.15),
    }


def _part(texture: Texture, half_widths: list[float], round_share: float) -> Part:
    return Part(texture, _profile(texture.shape[0], half_widths, round_share))


def _profile(n_rows: int, half_widths: list[float], round_share: float) -> np.ndarray:
    """Half width per row: the given ones, evenly spaced, with ends rounded over `round_share` of the length."""
    at = np.linspace(0, 1, n_rows)
    width = np.interp(at, np.linspace(0, 1, len(half_widths)), half_widths)
    to_end = np.clip(np.minimum(at, 1 - at) / round_share, 0, 1)
    rounded: np.ndarray = np.maximum(width * np.sqrt(1 - (1 - to_end) ** 2), 0.05).astype(np.float32)
    return rounded


def _size(rows: int, columns: int, detail: float) -> tuple[int, int]:
    return max(8, round(rows * detail)), max(12, round(columns * detail))


def _manner(rng: np.random.Generator) -> Manner:
    return Manner(
        arm_swing=float(rng.uniform(0.5, 1.3)),
        lean=float(rng.uniform(0.0, 0.12)),
        stride=float(rng.uniform(0.9, 1.1)),
        bent_elbow=float(rng.uniform(0.1, 0.45)),
        phone=bool(rng.random() < 0.15),
    )


def _two_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Two colours of the palette that can be told apart."""
    first = int(rng.integers(len(TOPS)))
    far = [i for i, other in enumerate(TOPS) if np.abs(np.subtract(other, TOPS[first])).sum() > 150]
    return _jitter(rng, TOPS[first], 12), _jitter(rng, TOPS[int(rng.choice(far))], 12)


def _pick(rng: np.random.Generator, colours: list[Colour], spread: float) -> Colour:
    return _jitter(rng, colours[int(rng.integers(len(colours)))], spread)


def _jitter(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.clip(np.asarray(colour) + rng.normal(0, spread, 3), 8, 247)
    return float(red), float(green), float(blue)


def _blend(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (1 - share) * np.asarray(colour) + share * np.asarray(other)
    return float(red), float(green), float(blue)
