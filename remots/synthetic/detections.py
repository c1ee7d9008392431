"""Detectors that err as real ones do: they miss, repeat, merge, see half a person, or a person who is not there."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from remots.masks.rle import Rle, boxes, decode_crop, encode_crop

SMALLEST_MARGIN_PX = 6  # room around a mask in which it may grow; an eighth of its longer side where that is more
SMALLEST_DETECTION_PX = 12
FRAMES_OF_ONE_MOOD = 4  # misses come in runs: so many frames share most of their luck
N_DECOYS = 3  # places of the background that look like people again and again


@dataclass(frozen=True)
class DetectorStyle:
    """What a simulated detector is good and bad at.

    Attributes
    ----------
    number : int
        Tells detectors apart; part of the seed.
    miss, miss_small : float
        Probability that a large, lone person is missed, and how much more likely that is for one who is small or in a
        crowd.
    jitter : float
        Error of the outline, relative to the width of the mask.
    repeat, merge, part, decoy : float
        Probabilities: a second detection of a person, one mask over two neighbours, only the upper body, a false
        detection at one of the decoys or (a third as often) anywhere.
    confidence : float
        Score of a perfect mask.
    """

    number: int
    miss: float
    miss_small: float
    jitter: float
    repeat: float
    merge: float
    part: float
    decoy: float
    confidence: float


# A finds more and draws them more roughly; B is careful: it misses more, and its outlines are better.
DETECTOR_A = DetectorStyle(0, 0.02, 0.25, 0.05, 0.35, 0.06, 0.05, 0.15, 0.95)
DETECTOR_B = DetectorStyle(1, 0.06, 0.45, 0.035, 0.12, 0.03, 0.08, 0.05, 0.99)


@dataclass(frozen=True)
class SimulatedDetection:
    """One raw detection: a mask and its score in (0, 1]."""

    mask: Rle
    score: float


@dataclass(frozen=True)
class _Seen:
    """A mask in the small picture that surrounds it."""

    crop: np.ndarray
    left: int
    top: int


def simulate_detections(
    masks: Sequence[Rle],
    identities: Sequence[int],
    frame: int,
    size: tuple[int, int],
    style: DetectorStyle,
    seed: int,
) -> list[SimulatedDetection]:
    """Detect people in a frame of which the truth is known.

    Parameters
    ----------
    masks : sequence of Rle
        True masks of the frame.
    identities : sequence of int
        Whose they are; the same person has the same luck for some frames.
    frame : int
        1-based.
    size : tuple of int
        (height, width) of the frame in px.
    style : DetectorStyle
        The detector.
    seed : int
        The same seed gives the same detections, whatever was asked before.

    Returns
    -------
    list of SimulatedDetection
        By falling score; masks overlap and repeat. Not empty, inside the frame.
    """
    rng = np.random.default_rng((seed, 8, style.number, frame))
    seen = [_cut_out(mask, box, size) for mask, box in zip(masks, boxes(masks), strict=True)]
    crowding = [_crowding(number, seen) for number in range(len(seen))]
    found: list[SimulatedDetection] = []
    for number, identity in enumerate(identities):
        luck = _luck(rng, (seed, 9, style.number, int(identity), frame // FRAMES_OF_ONE_MOOD))
        found += _detect_one(seen[number], crowding[number], luck, size, style, rng)
    found += _merge_neighbours(seen, size, style, rng)
    found += _false_detections(size, style, seed, rng)
    return sorted(found, key=lambda detection: -detection.score)


def _detect_one(
    person: _Seen, crowding: float, luck: float, size: tuple[int, int], style: DetectorStyle, rng: np.random.Generator
) -> list[SimulatedDetection]:
    """No, one or several detections of a person."""
    area = np.count_nonzero(person.crop)
    smallness = float(np.exp(-area / (0.004 * size[0] * size[0])))  # 1 for a speck, near 0 for a person close by
    if luck < style.miss + style.miss_small * max(smallness, 0.6 * crowding):
        return []
    found = [_describe(person, _redraw(person, style.jitter, rng), style.confidence - 0.2 * crowding, size, rng)]
    if rng.random() < style.part:
        half = _upper_part(person, rng.uniform(0.4, 0.65))
        half_drawn = _redraw(half, style.jitter, rng)
        found = [] if rng.random() < 0.4 else found  # at times the half is all that is found
        found.append(_describe(half, half_drawn, 0.75 * style.confidence, size, rng))
    while rng.random() < style.repeat and len(found) < 4:
        again = _redraw(person, 1.6 * style.jitter, rng)
        found.append(_describe(person, again, rng.uniform(0.5, 0.95) * style.confidence, size, rng))
    return [detection for detection in found if detection is not None]


def _describe(
    person: _Seen, drawn: np.ndarray, confidence: float, size: tuple[int, int], rng: np.random.Generator
) -> SimulatedDetection | None:
    """Score a mask by how well it is drawn; None where next to nothing of it is left."""
    if np.count_nonzero(drawn) < SMALLEST_DETECTION_PX:
        return None
    iou = int(np.count_nonzero(drawn & person.crop)) / int(np.count_nonzero(drawn | person.crop))
    score = confidence * (0.35 + 0.65 * iou) + rng.normal(0, 0.05)
    return SimulatedDetection(encode_crop(drawn, person.left, person.top, size), _rounded(score))


def _redraw(person: _Seen, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a mask anew as a network would: with a soft, shifted, slightly larger or smaller outline.

    The outline is the level line of a blurred mask plus a smooth random field, so it stays in one piece and is wrong by
    about `jitter` times the width of the mask.
    """
    width = float(
        np.sqrt(max(int(np.count_nonzero(person.crop)), 1) / 2.5)
    )  # a person's mask is about two and a half times as high as wide
    error_px = max(jitter * width, 0.4)
    signed = _signed_distance(person.crop)
    right, down = rng.normal(0, 0.5 * error_px, 2)
    shift = np.array([[1, 0, right], [0, 1, down]])
    rows, columns = person.crop.shape
    moved = cv2.warpAffine(signed, shift, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    n_waves = (max(2, round(rows / (0.7 * width)) + 1), max(2, round(columns / (0.7 * width)) + 1))
    waves = cv2.resize(
        rng.normal(0, 0.8 * error_px, n_waves).astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR
    )
    smoothed = cv2.blur(moved, (3, 3)) if error_px > 0.6 else moved
    redrawn: np.ndarray = smoothed + waves + rng.normal(0.0, 0.5 * error_px) > 0
    return redrawn


def _signed_distance(crop: np.ndarray) -> np.ndarray:
    """Distance to the outline in px, positive inside."""
    mask = np.ascontiguousarray(crop, dtype=np.uint8)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    signed: np.ndarray = np.where(crop, inside - 0.5, 0.5 - outside).astype(np.float32)
    return signed


def _cut_out(mask: Rle, box: np.ndarray, size: tuple[int, int]) -> _Seen:
    x, y, width, height = (int(value) for value in box)
    margin = max(SMALLEST_MARGIN_PX, max(width, height) // 8)
    left, top = max(x - margin, 0), max(y - margin, 0)
    right, bottom = min(x + width + margin, size[1]), min(y + height + margin, size[0])
    return _Seen(np.asarray(decode_crop(mask, left, top, right - left, bottom - top), dtype=bool), left, top)


def _upper_part(person: _Seen, share: float) -> _Seen:
    rows = np.flatnonzero(person.crop.any(axis=1))
    cut = int(rows[0] + share * (rows[-1] + 1 - rows[0]))
    crop = person.crop.copy()
    crop[cut:] = False
    return _Seen(crop, person.left, person.top)


def _crowding(number: int, seen: list[_Seen]) -> float:
    """Share of a mask's surrounding pixels that other masks claim, in [0, 1]."""
    own = seen[number]
    around = cv2.dilate(own.crop.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~own.crop
    n_around = int(np.count_nonzero(around))
    n_claimed = 0
    for other_number, other in enumerate(seen):
        meeting = _meeting(own, other) if other_number != number else None
        if meeting is not None:
            n_claimed += int(np.count_nonzero(around[meeting[0]] & other.crop[meeting[1]]))
    return n_claimed / n_around if n_around else 0.0


def _meeting(a: _Seen, b: _Seen) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where two crops meet, as slices into each; None where they do not."""
    top, left = max(a.top, b.top), max(a.left, b.left)
    bottom = min(a.top + a.crop.shape[0], b.top + b.crop.shape[0])
    right = min(a.left + a.crop.shape[1], b.left + b.crop.shape[1])
    if top >= bottom or left >= right:
        return None
    in_a = (slice(top - a.top, bottom - a.top), slice(left - a.left, right - a.left))
    return in_a, (slice(top - b.top, bottom - b.top), slice(left - b.left, right - b.left))


def _merge_neighbours(
    seen: list[_Seen], size: tuple[int, int], style: DetectorStyle, rng: np.random.Generator
) -> list[SimulatedDetection]:
    """Masks that cover two people who touch."""
    found: list[SimulatedDetection] = []
    for number, a in enumerate(seen):
        for b in seen[number + 1 :]:
            if not _touch(a, b) or rng.random() >= 3 * style.merge:
                continue
            both = _union(a, b)
            drawn = _redraw(both, style.jitter, rng)
            merged = _describe(both, drawn, rng.uniform(0.45, 0.85) * style.confidence, size, rng)
            found += [merged] if merged is not None else []
    return found


def _touch(a: _Seen, b: _Seen) -> bool:
    meeting = _meeting(a, b)
    if meeting is None:
        return False
    grown = cv2.dilate(a.crop.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return bool(np.any(grown[meeting[0]] & b.crop[meeting[1]]))


def _union(a: _Seen, b: _Seen) -> _Seen:
    top, left = min(a.top, b.top), min(a.left, b.left)
    bottom = max(a.top + a.crop.shape[0], b.top + b.crop.shape[0])
    right = max(a.left + a.crop.shape[1], b.left + b.crop.shape[1])
    crop = np.zeros((bottom - top, right - left), bool)
    for part in (a, b):
        rows, columns = part.crop.shape
        crop[part.top - top : part.top - top + rows, part.left - left : part.left - left + columns] |= part.crop
    return _Seen(crop, left, top)


def _false_detections(
    size: tuple[int, int], style: DetectorStyle, seed: int, rng: np.random.Generator
) -> list[SimulatedDetection]:
    """People seen where there are none: at some decoys again and again, and now and then anywhere."""
    decoys = np.random.default_rng((seed, 10, style.number))
    places = [decoys.uniform(size=3) for _ in range(N_DECOYS)]
    shown = [place for place in places if rng.random() < style.decoy]
    if rng.random() < style.decoy / 3:
        shown.append(rng.uniform(size=3))
    found = []
    for across, down, large in shown:
        height = max(8, round((0.12 + 0.2 * large) * size[0]))
        blob = _person_like_blob(height, size, (across, down))
        detection = _describe(blob, _redraw(blob, style.jitter, rng), rng.uniform(0.15, 0.7), size, rng)
        found += [detection] if detection is not None else []
    return found


def _person_like_blob(height: int, size: tuple[int, int], place: tuple[float, float]) -> _Seen:
    """Make a body with a head, `height` px high, or less where the frame ends."""
    width = max(4, round(0.4 * height))
    picture = np.zeros((height, width), np.uint8)
    cv2.ellipse(
        picture, (width // 2, round(0.57 * height)), (round(0.4 * width), round(0.42 * height)), 0, 0, 360, 1, -1
    )
    cv2.circle(picture, (width // 2, round(0.1 * height)), round(0.09 * height), 1, -1)
    picture = picture[: size[0], : size[1]]
    left = round(place[0] * (size[1] - picture.shape[1]))
    top = round((0.25 + 0.75 * place[1]) * (size[0] - picture.shape[0]))
    return _Seen(picture.astype(bool), left, top)


def _luck(rng: np.random.Generator, mood: tuple[int, ...]) -> float:
    """Luck in [0, 1], mostly that of the mood: bad luck lasts for a few frames."""
    return float(np.random.default_rng(mood).random() if rng.random() < 0.7 else rng.random())


def _rounded(score: float) -> float:
    return round(float(np.clip(score, 0.02, 0.999)), 4)
