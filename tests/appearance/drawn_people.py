"""Crops of people drawn for tests: patches of colour on a body, before changing backgrounds, in changing light."""

import cv2
import numpy as np

HEIGHT, WIDTH = 32, 16


def draw_people(n_people, n_frames, height=HEIGHT, width=WIDTH, seed=0):
    """All people in all frames: crops of shape (n, height, width, 4), the frame and the person of each."""
    rng = np.random.default_rng((seed, 77))
    looks = [smooth_pattern(rng, (6, 3), (height, width), 40) + 110 for _ in range(n_people)]
    frames, people = (values.ravel() for values in np.mgrid[1 : n_frames + 1, :n_people])
    crops = np.stack([draw_person(looks[person], rng) for person in people])
    return crops, frames, people


def draw_person(look, rng):
    height, width = look.shape[:2]
    crop = np.empty((height, width, 4), np.uint8)
    body = np.zeros((height, width), np.uint8)
    centre = (width // 2 + int(rng.integers(-1, 2)), height // 2)
    cv2.ellipse(body, centre, (width // 2 - 2, height // 2 - 1), 0, 0, 360, 255, -1)
    background = smooth_pattern(rng, (4, 3), (height, width), 60) + 128
    light = rng.uniform(0.6, 1.4)
    seen = np.roll(look, rng.integers(-3, 4, 2), (0, 1)) * light + rng.normal(0, 8, look.shape)
    crop[..., :3] = np.clip(np.where(body[..., None] > 0, seen, background), 0, 255)
    crop[..., 3] = body
    return crop


def smooth_pattern(rng, grid, size, deviation):
    coarse = rng.normal(0, deviation, (*grid, 3)).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def area_under_curve(features, people):
    """Chance that two crops of one person are more similar than two of different people."""
    similarities = (features @ features.T)[np.triu_indices(len(features), 1)]
    same = (people[:, None] == people)[np.triu_indices(len(features), 1)]
    ranks = np.argsort(np.argsort(similarities)) + 1
    n_same, n_different = same.sum(), (~same).sum()
    return (ranks[same].sum() - n_same * (n_same + 1) / 2) / (n_same * n_different)
