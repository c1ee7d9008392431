"""Tracks drawn into the frames of a video: tinted masks, ids, and the way each person came."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from remots.masks.rle import Rle, boxes, decode_crop
from remots.report.colours import Colour, readable_on, track_colour

SUBPIXEL_BITS = 4  # OpenCV draws in sixteenths of a pixel
TRAIL_OPACITY = 0.9

_Image = NDArray[np.uint8]
_Points = NDArray[np.float64]


class Trails:
    """Where each track stood in the last frames; memory does not grow with the video.

    Parameters
    ----------
    n_frames : int
        Length of a trail; 0 for none.
    """

    def __init__(self, n_frames: int) -> None:
        self._n_frames = n_frames
        self._points: dict[int, deque[tuple[int, float, float]]] = defaultdict(deque)

    def append(self, frame: int, track_ids: Sequence[int] | np.ndarray, masks: Sequence[Rle]) -> None:
        """Note the foot point of every mask of a frame; frames come in rising order."""
        for track_id, (x, y) in zip(track_ids, foot_points(masks), strict=True):
            if track_id >= 0:
                self._points[int(track_id)].append((frame, float(x), float(y)))
        self._forget(frame - self._n_frames)

    def _forget(self, last_frame: int) -> None:
        for track_id, points in list(self._points.items()):
            while points and points[0][0] <= last_frame:
                points.popleft()
            if not points:
                del self._points[track_id]

    def of_tracks(self, track_ids: Sequence[int] | np.ndarray) -> dict[int, _Points]:
        """Give the foot points of these tracks, oldest first, in px: arrays of shape (n_points, 2) as x, y."""
        known = [int(track_id) for track_id in track_ids if int(track_id) in self._points]
        return {track_id: np.array([point[1:] for point in self._points[track_id]]) for track_id in known}


def foot_points(masks: Sequence[Rle]) -> _Points:
    """Find where people stand: the middle of the lower edge of each mask's box.

    Parameters
    ----------
    masks : sequence of Rle, length n_masks
        Masks of one frame.

    Returns
    -------
    ndarray of float64, shape (n_masks, 2)
        x and y in px.
    """
    left, top, width, height = boxes(masks).astype(np.float64).T
    return np.stack([left + (width - 1) / 2, top + height - 1], axis=1)


def draw_overlay(
    image: _Image,
    masks: Sequence[Rle],
    track_ids: Sequence[int] | np.ndarray,
    trails: Mapping[int, _Points] | None = None,
    opacity: float = 0.5,
    max_height_px: int | None = None,
) -> _Image:
    """Draw the tracks into a frame.

    Parameters
    ----------
    image : ndarray of uint8, shape (height_px, width_px, 3)
        The frame, RGB; it is not changed.
    masks : sequence of Rle, length n_masks
        The masks of the frame.
    track_ids : sequence of int, length n_masks
        The track of each mask, -1 where it is in none: such people get a thin grey contour only.
    trails : mapping of int to ndarray, optional
        Foot points of tracks in px of the frame, oldest first, as `Trails.of_tracks` gives them.
    opacity : float
        Opacity of the masks' tint, in [0, 1].
    max_height_px : int, optional
        A higher frame is scaled down to this height.

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px, 3)
        RGB, scaled where asked for. Work grows with the area of the masks, not with their number times the frame.

    Raises
    ------
    ValueError
        If there are not as many ids as masks, or if a mask is not of the frame's size.
    """
    _check(image, masks, track_ids)
    canvas, scale = _scale_down(image, max_height_px)
    for track_id, points in sorted((trails or {}).items()):
        _draw_trail(canvas, (points + 0.5) * scale - 0.5, track_colour(track_id))
    people = [(int(i), _outline(mask, scale)) for i, mask in zip(track_ids, masks, strict=True)]
    people = [person for person in people if person[1]]
    people.sort(
        key=lambda person: (person[0] >= 0, max(contour[:, 1].max() for contour in person[1]))
    )  # near ones last
    for track_id, contours in people:
        _draw_mask(canvas, contours, track_id, opacity)
    _draw_labels(canvas, [person for person in people if person[0] >= 0])
    return canvas


def _check(image: _Image, masks: Sequence[Rle], track_ids: Sequence[int] | np.ndarray) -> None:
    if len(masks) != len(track_ids):
        raise ValueError(f"{len(masks)} masks but {len(track_ids)} track ids; they must be as many")
    for mask in masks:
        if tuple(mask["size"]) != image.shape[:2]:
            height_px, width_px = mask["size"]
            raise ValueError(f"a mask is of {width_px}x{height_px} px, the frame {image.shape[1]}x{image.shape[0]} px")


def _scale_down(image: _Image, max_height_px: int | None) -> tuple[_Image, float]:
    height, width = image.shape[:2]
    if max_height_px is None or height <= max_height_px:
        return image.copy(), 1.0
    scale = max_height_px / height
    size = (max(1, round(width * scale)), max_height_px)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _outline(mask: Rle, scale: float) -> list[_Points]:
    """Trace a mask's contours, holes included, in px of the scaled image: arrays of shape (n_points, 2)."""
    left, top, width, height = boxes([mask])[0].tolist()
    if not width:
        return []
    crop = np.ascontiguousarray(decode_crop(mask, left, top, width, height)).view(np.uint8)
    contours, _ = cv2.findContours(crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))
    return [(contour[:, 0].astype(np.float64) + 0.5) * scale - 0.5 for contour in contours]


def _draw_mask(canvas: _Image, contours: list[_Points], track_id: int, opacity: float) -> None:
    colour, thickness = track_colour(track_id), _line_width(canvas)
    window, corner = _window(canvas, np.concatenate(contours), margin=thickness + 1)
    polygons = [_subpixel(contour - corner) for contour in contours]
    if track_id < 0:
        cv2.polylines(window, polygons, True, colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)
        return
    inside = np.zeros(window.shape[:2], dtype=np.uint8)
    cv2.fillPoly(inside, polygons, 255, cv2.LINE_AA, SUBPIXEL_BITS)
    _blend(window, colour, inside, opacity)
    cv2.polylines(window, polygons, True, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_trail(canvas: _Image, points: _Points, colour: Colour) -> None:
    """Draw a trail that fades and thins towards its old end."""
    if len(points) < 2:
        return
    thickness = _line_width(canvas) + 1
    window, corner = _window(canvas, points, margin=thickness + 1)
    ink = np.zeros(window.shape[:2], dtype=np.uint8)
    path = _subpixel(points - corner)
    for age, (start, end) in enumerate(pairwise(path), start=1):
        freshness = age / (len(path) - 1)
        width = max(1, round(thickness * freshness))
        cv2.line(ink, start.tolist(), end.tolist(), round(255 * freshness), width, cv2.LINE_AA, SUBPIXEL_BITS)
    _blend(window, colour, ink, TRAIL_OPACITY)


class _Label(NamedTuple):
    ink: NDArray[np.uint8]  # where the text is, 0–255
    plate: NDArray[np.uint8]  # where the plate behind it is, 0–255


def _draw_labels(canvas: _Image, people: list[tuple[int, list[_Points]]]) -> None:
    """Write each id on a plate over the person's head; plates make way for one another upwards."""
    taken: list[tuple[int, int, int, int]] = []
    size_px = max(11, round(canvas.shape[0] / 40))
    for track_id, contours in reversed(people):  # the nearest person's plate is the first to choose
        label = _render_label(str(track_id), size_px)
        points = np.concatenate(contours)
        box = _place(canvas, points, label.plate.shape, taken)
        taken.append(box)
        left, top, right, bottom = box
        window, colour = canvas[top:bottom, left:right], track_colour(track_id)
        visible = np.s_[: bottom - top, : right - left]
        _blend(window, colour, label.plate[visible], 1.0)
        _blend(window, readable_on(colour), label.ink[visible], 1.0)


def _place(
    canvas: _Image, points: _Points, size: tuple[int, ...], taken: list[tuple[int, int, int, int]]
) -> tuple[int, int, int, int]:
    """Find a free box (left, top, right, bottom) over the head, inside the image."""
    height, width = size
    head = points[points[:, 1] <= points[:, 1].min() + 0.1 * np.ptp(points[:, 1])]
    left = int(np.clip(round(head[:, 0].mean() - width / 2), 0, max(0, canvas.shape[1] - width)))
    top = round(points[:, 1].min()) - height - _line_width(canvas) - 1
    in_the_way = sorted((b for b in taken if b[0] < left + width and left < b[2]), key=lambda b: -b[3])
    for other in in_the_way:
        if other[1] < top + height and top < other[3]:
            top = other[1] - height - 1
    top = int(np.clip(top, 0, max(0, canvas.shape[0] - height)))
    return left, top, min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])


@lru_cache(maxsize=4096)
def _render_label(text: str, size_px: int) -> _Label:
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = map(round, font.getbbox(text))
    pad_x, pad_y = round(0.4 * size_px), round(0.25 * size_px)
    size = (right - left + 2 * pad_x, bottom - top + 2 * pad_y)
    ink, plate = Image.new("L", size), Image.new("L", size)
    ImageDraw.Draw(ink).text((pad_x - left, pad_y - top), text, fill=255, font=font, stroke_width=0)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=0.3 * size_px, fill=255)
    return _Label(np.asarray(ink), np.asarray(plate))


def _blend(window: _Image, colour: Colour, coverage: NDArray[np.uint8], opacity: float) -> None:
    """Mix a colour into part of the image, in place; coverage is 0–255 per pixel."""
    # In 256ths, as whole numbers of 16 bits: several times as fast as in floating point.
    weight = (coverage * np.uint16(round(256 * opacity)) // np.uint16(255))[..., None]
    mixed = window * (np.uint16(256) - weight) + np.array(colour, dtype=np.uint16) * weight
    window[...] = (mixed + np.uint16(128)) >> np.uint16(8)


def _window(canvas: _Image, points: _Points, margin: int) -> tuple[_Image, _Points]:
    """Give the view of the image around some points, and its corner as x, y."""
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - margin, 0, None)
    high = np.ceil(points.max(axis=0)).astype(int) + margin + 1
    return canvas[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def _subpixel(points: _Points) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * 2**SUBPIXEL_BITS), dtype=np.int32)


def _line_width(canvas: _Image) -> int:
    return max(1, round(int(canvas.shape[0]) / 400))
