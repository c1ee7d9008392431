"""A street of which everything is known: textured people who walk over a textured wall, some in front of others."""

import cv2
import numpy as np

from remots.masks.rle import encode

HEIGHT, WIDTH = 56, 80
PERSON_HEIGHT, PERSON_WIDTH = 30, 12
TOP = 14


def texture(rng, height, width):
    noise = rng.integers(0, 256, (height, width)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def draw_street(n_frames, people, seed=0):
    """Draw frames 1 to n_frames.

    Parameters
    ----------
    n_frames : int
    people : list of (float, float)
        Left side in frame 1 and steps in px; the later ones stand in front.

    Returns
    -------
    images : list of ndarray, shape (HEIGHT, WIDTH, 3)
    masks : list of list of ndarray of bool
        The visible pixels of each person in each frame.
    """
    rng = np.random.default_rng(seed)
    wall = texture(rng, HEIGHT, WIDTH)
    clothes = [texture(rng, PERSON_HEIGHT, PERSON_WIDTH) for _ in people]
    images, masks = [], []
    for number in range(n_frames):
        image, labels = wall.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        for person, (left_px, step_px) in enumerate(people):
            left = round(left_px + step_px * number)
            first, last = max(left, 0), min(left + PERSON_WIDTH, WIDTH)
            if first < last:
                image[TOP : TOP + PERSON_HEIGHT, first:last] = clothes[person][:, first - left : last - left]
                labels[TOP : TOP + PERSON_HEIGHT, first:last] = person + 1
        images.append(np.repeat(image[..., None], 3, axis=2))
        masks.append([labels == person + 1 for person in range(len(people))])
    return images, masks


def detect(images, masks, missed=()):
    """Give what `iterate_fillings` reads, and frame and track of each mask; `missed` are (frame, person)."""
    stream, frames, tracks = [], [], []
    for frame, (image, people) in enumerate(zip(images, masks, strict=True), start=1):
        seen = [p for p, mask in enumerate(people) if mask.any() and (frame, p) not in missed]
        stream.append((frame, image, [encode(people[p]) for p in seen]))
        frames += [frame] * len(seen)
        tracks += [p + 1 for p in seen]
    return stream, np.array(frames, np.int64), np.array(tracks, np.int64)
