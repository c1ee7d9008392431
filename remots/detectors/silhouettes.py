"""From a picture of moving pixels to one silhouette per person: clean, join fragments, split groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.signal import find_peaks

STANDING_ASPECT = (0.18, 0.62)  # width over height of somebody who is alone
SMALLEST_SAMPLE, LARGEST_SAMPLE = 30, 500  # silhouettes that the usual height is learnt from
JOIN_GAP = 0.15  # of the usual height: parts one above the other, closer than this, are one person
HEAD_PROMINENCE = 0.07  # of the usual height: how far a head stands out of the outline of a group
STACK_HEIGHT = 1.5  # times the usual height: from here on, two people stand one behind the other
HEAD_DISTANCE = 0.24  # of the usual height: two heads are at least so far apart


@dataclass(frozen=True, eq=False)
class Silhouette:
    """Pixels of one person inside a box: ``crop`` is bool, (height, width); ``left`` and ``top`` place it, in px."""

    crop: np.ndarray
    left: int
    top: int

    @property
    def height(self) -> int:
        """Height of the box in px."""
        return int(self.crop.shape[0])

    @property
    def width(self) -> int:
        """Width of the box in px."""
        return int(self.crop.shape[1])

    @property
    def bottom(self) -> int:
        """Row just below the box."""
        return self.top + self.height


@dataclass(frozen=True)
class UsualHeight:
    """How high a person is in the picture whose feet are at a row: ``at_zero + slope * row``, in px."""

    at_zero: float
    slope: float
    smallest: float

    def at(self, row: float) -> float:
        """Give the height in px for feet at a row, never less than the smallest seen."""
        return max(self.at_zero + self.slope * row, self.smallest)


def find_silhouettes(foreground: np.ndarray, min_height_px: int) -> list[Silhouette]:
    """Cut the connected regions out of a picture of moving pixels.

    Parameters
    ----------
    foreground : ndarray of uint8, shape (height, width)
        Not 0 where something moves.
    min_height_px : int
        Sets the size of specks that are dropped and of gaps that are closed.

    Returns
    -------
    list of Silhouette
        From left to right in the order of OpenCV's labels; also parts lower than `min_height_px`, for `join_fragments`.
    """
    opened = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = max(3, round(min_height_px / 4)) | 1
    padded = cv2.copyMakeBorder(
        opened, reach, reach, 1, 1, cv2.BORDER_CONSTANT
    )  # else gaps to the edge would be closed
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((reach, 3), np.uint8))[reach:-reach, 1:-1]
    n_labels, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    found = []
    for label in range(1, n_labels):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area >= min_height_px * min_height_px / 12:
            crop = labels[top : top + height, left : left + width] == label
            found.append(Silhouette(_fill_holes(crop), left, top))
    return found


def learn_usual_height(silhouettes: Iterable[tuple[float, float, float]]) -> UsualHeight | None:
    """Learn how high people are at each row of the picture, from those who walk alone.

    Parameters
    ----------
    silhouettes : iterable of (bottom, height, width)
        Boxes of moving regions in px, mostly people.

    Returns
    -------
    UsualHeight or None
        None where too few stand upright and alone.

    Notes
    -----
    Heights grow linearly with the row of the feet on flat ground. The line is the median of slopes between pairs (Theil
    and Sen), which bears almost a third of wrong boxes.
    """
    boxes = np.array(list(silhouettes), float).reshape(-1, 3)
    aspect = boxes[:, 2] / np.maximum(boxes[:, 1], 1)
    alone = boxes[(aspect > STANDING_ASPECT[0]) & (aspect < STANDING_ASPECT[1])]
    if len(alone) < SMALLEST_SAMPLE:
        return None
    alone = alone[np.linspace(0, len(alone) - 1, min(len(alone), LARGEST_SAMPLE)).astype(int)]
    bottoms, heights = alone[:, 0], alone[:, 1]
    first, second = np.triu_indices(len(alone), 1)
    spread = bottoms[second] - bottoms[first]
    usable = np.abs(spread) > 0.05 * max(float(np.ptp(bottoms)), 1.0)
    slopes = (heights[second] - heights[first])[usable] / spread[usable]
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    slope = max(slope, 0.0)  # nearer people are never smaller
    return UsualHeight(float(np.median(heights - slope * bottoms)), slope, float(np.quantile(heights, 0.02)))


def join_fragments(silhouettes: list[Silhouette], usual: UsualHeight | None, min_height_px: int) -> list[Silhouette]:
    """Join parts of one person that lie one above the other, such as a head or feet cut off.

    Parameters
    ----------
    silhouettes : list of Silhouette
        Of one frame.
    usual : UsualHeight or None
        Heights as learnt; without them nothing is joined.
    min_height_px : int
        Silhouettes that are lower after joining are dropped.

    Returns
    -------
    list of Silhouette
    """
    waiting = sorted(silhouettes, key=lambda s: (-s.height * s.width, s.left, s.top))
    joined: list[Silhouette] = []
    while waiting:
        whole = waiting.pop(0)
        part = _find_part(whole, waiting, usual)
        while part is not None:
            waiting.remove(part)
            whole = _join(whole, part)
            part = _find_part(whole, waiting, usual)
        if whole.height >= min_height_px:
            joined.append(whole)
    return joined


def split_group(silhouette: Silhouette, usual: UsualHeight | None, max_aspect_ratio: float) -> list[Silhouette]:
    """Split a silhouette that is too wide for one person between the heads that stand out of its upper outline.

    Parameters
    ----------
    silhouette : Silhouette
        One person or several side by side.
    usual : UsualHeight or None
        Heights as learnt; without them the silhouette's own height takes their place.
    max_aspect_ratio : float
        Width over usual height from which a silhouette may be more than one person.

    Returns
    -------
    list of Silhouette
        From left to right.
    """
    height = min(usual.at(silhouette.bottom), silhouette.height) if usual else silhouette.height
    if silhouette.width <= max_aspect_ratio * height:
        return [silhouette]
    outline = _upper_outline(silhouette.crop, height)
    padded = np.concatenate([[0.0], outline, [0.0]])
    heads, _ = find_peaks(
        padded, prominence=HEAD_PROMINENCE * height, distance=max(1, HEAD_DISTANCE * height), height=0.45 * height
    )
    heads = heads - 1
    cuts = [int(a + np.argmin(outline[a : b + 1])) for a, b in pairwise(heads)]
    edges = [0, *cuts, silhouette.width]
    parts = [_trim(silhouette, start, end) for start, end in pairwise(edges)]
    return [part for part in parts if part is not None]


def split_stack(silhouette: Silhouette, usual: UsualHeight | None) -> list[Silhouette]:
    """Split a silhouette that is too high for one person: above the one in front shows another who stands behind.

    Parameters
    ----------
    silhouette : Silhouette
        One person, or several one behind the other.
    usual : UsualHeight or None
        Heights as learnt; without them nothing is split.

    Returns
    -------
    list of Silhouette
        The one in front first.
    """
    if usual is None or silhouette.height <= STACK_HEIGHT * usual.at(silhouette.bottom):
        return [silhouette]
    cut = silhouette.height - round(usual.at(silhouette.bottom))
    front = _trim(Silhouette(silhouette.crop[cut:], silhouette.left, silhouette.top + cut), 0, silhouette.width)
    behind = _trim(Silhouette(silhouette.crop[:cut], silhouette.left, silhouette.top), 0, silhouette.width)
    return [part for part in (front, behind) if part is not None]


def _upper_outline(crop: np.ndarray, height: float) -> np.ndarray:
    """Height of the topmost pixel of each column over the foot of the silhouette, smoothed, in px."""
    rows = crop.shape[0]
    top = np.where(crop.any(axis=0), rows - crop.argmax(axis=0), 0).astype(np.float32)
    reach = max(1, round(0.04 * height)) * 2 + 1
    smoothed = cv2.blur(top[None], (reach, 1), borderType=cv2.BORDER_REPLICATE)[0]
    return np.asarray(smoothed, float)


def _trim(silhouette: Silhouette, start: int, end: int) -> Silhouette | None:
    """Cut out the columns from `start` to before `end`, without empty rows and columns."""
    crop = silhouette.crop[:, start:end]
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    if not len(rows):
        return None
    inner = crop[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Silhouette(inner, silhouette.left + start + int(columns[0]), silhouette.top + int(rows[0]))


def _find_part(whole: Silhouette, others: list[Silhouette], usual: UsualHeight | None) -> Silhouette | None:
    if usual is None:
        return None
    for other in others:
        shared = min(whole.left + whole.width, other.left + other.width) - max(whole.left, other.left)
        gap = max(whole.top, other.top) - min(whole.bottom, other.bottom)
        bottom = max(whole.bottom, other.bottom)
        together = bottom - min(whole.top, other.top)
        expected = usual.at(bottom)
        if shared >= 0.5 * min(whole.width, other.width) and gap <= JOIN_GAP * expected and together <= 1.15 * expected:
            return other
    return None


def _join(a: Silhouette, b: Silhouette) -> Silhouette:
    left, top = min(a.left, b.left), min(a.top, b.top)
    right, bottom = max(a.left + a.width, b.left + b.width), max(a.bottom, b.bottom)
    crop = np.zeros((bottom - top, right - left), bool)
    for part in (a, b):
        crop[part.top - top : part.bottom - top, part.left - left : part.left - left + part.width] |= part.crop
    return Silhouette(crop, left, top)


def _fill_holes(crop: np.ndarray) -> np.ndarray:
    """Fill holes of less than a tenth of the silhouette; larger ones are background seen between people."""
    background = np.pad(~crop, 1, constant_values=True).astype(np.uint8)
    n_labels, labels, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    if n_labels <= 2:
        return crop
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.1 * np.count_nonzero(crop))
    small = small[(small != 0) & (small != labels[0, 0])]
    filled: np.ndarray = crop | np.isin(labels[1:-1, 1:-1], small)
    return filled
