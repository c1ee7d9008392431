"""Small masks, images and videos that the tests of the formats share."""

from pathlib import Path

import cv2
import numpy as np

from remots.formats.footage.sequence import Sequence
from remots.formats.footage.video import write_video
from remots.masks.rle import encode_crop

HEIGHT, WIDTH = 24, 32


def block(left, top, width, height, size=(HEIGHT, WIDTH)):
    """A rectangular mask."""
    return encode_crop(np.ones((height, width)), left, top, size)


def image(number, height=HEIGHT, width=WIDTH):
    """A smooth image in which every number has a shade of its own; red falls and green rises from left to right."""
    ramp = np.linspace(0, 200, width)
    shaded = np.stack([200 - ramp, ramp, np.full(width, 10.0 * number)], axis=-1)
    return np.broadcast_to(shaded, (height, width, 3)).round().astype(np.uint8)


def write_image(path: Path, pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path


def write_images(folder: Path, n_images: int, suffix=".png") -> Path:
    for number in range(1, n_images + 1):
        write_image(folder / f"{number}{suffix}", image(number))
    return folder


def write_numbered_video(path: Path, n_images: int, height=HEIGHT, width=WIDTH, fps=10.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (image(number, height, width) for number in range(1, n_images + 1)), fps)
    return path


def some_sequence(first_frame=1, last_frame=5, height=HEIGHT, width=WIDTH) -> Sequence:
    return Sequence("street", "frames.mp4", "video", height, width, 10.0, first_frame, last_frame)


def mots_line(frame, object_id, mask, class_id=None) -> str:
    class_id = object_id // 1000 if class_id is None else class_id
    return f"{frame} {object_id} {class_id} {mask['size'][0]} {mask['size'][1]} {mask['counts'].decode()}"
