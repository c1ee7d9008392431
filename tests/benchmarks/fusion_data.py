"""Frames with raw detections and a truth, for the study of fusion: rendered, rendered with other errors, and real."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from remots.formats.exchange.coco import open_coco_results
from remots.formats.exchange.mots_text import iterate_mots_text
from remots.masks.rle import Rle, boxes, check_rle, check_rles, decode_crop, encode, encode_crop
from remots.synthetic.detections import DETECTOR_A, DETECTOR_B, DetectorStyle, simulate_detections
from remots.synthetic.scene import SceneParameters, render_scene

DATA = Path(os.environ.get("REMOTS_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SCENES = {
    "market": SceneParameters(n_people=12, seed=1),  # the demo's three
    "plaza": SceneParameters(n_people=10, seed=2),
    "avenue": SceneParameters(n_people=10, seed=3, pan=True),
    "crowd": SceneParameters(n_people=30, seed=4, n_frames=120),
}
EVERY = 4  # adjacent frames are almost the same; one in so many is enough
PEOPLE_OF_MARKET = range(7, 29)  # palette numbers of its people, by eye
MIN_VISIBILITY = 0.25  # nobody is to be found of whom MOT17 says that less is visible
MOT17_IGNORED = (2, 7, 8, 12)  # person on a vehicle, static person, distractor, reflection


class Detections(NamedTuple):
    """One detector's raw masks in one frame, and their scores."""

    masks: list[Rle]
    scores: np.ndarray


@dataclass(frozen=True)
class Frame:
    """What was found in a frame and what is there.

    ``truth`` holds masks, boxes (left, top, width, height) or points on the ground (x, y); ``ignored`` masks or boxes
    of which nobody can say what is in them. ``found`` has one entry a detector. ``identities`` say whose the true
    masks are.
    """

    truth: list[Rle] | np.ndarray
    found: tuple[Detections, ...]
    ignored: list[Rle] | np.ndarray = field(default_factory=list)
    identities: list[int] = field(default_factory=list)


def render_scenes() -> dict[str, list[Frame]]:
    """The scenes with the two detectors that `remots render` simulates, and the crowd with detectors that err more."""
    truths = {name: _render(scene) for name, scene in SCENES.items()}
    both = (DETECTOR_A, DETECTOR_B)
    data = {name: _detect(truth, SCENES[name], both) for name, truth in truths.items()}
    crowd, scene = truths["crowd"], SCENES["crowd"]
    data["crowd, 40% halves"] = _detect(crowd, scene, tuple(replace(style, part=0.4) for style in both))
    data["crowd, 75% of neighbours merged"] = _detect(crowd, scene, tuple(replace(style, merge=0.25) for style in both))
    return data


def spoil_crowd(crowd: list[Frame]) -> dict[str, list[Frame]]:
    """The crowd with errors that our simulation does not make, with scores that do not give them away."""
    return {
        "crowd + torsos, legs": [_add(frame, number, _bands, 0.3) for number, frame in enumerate(crowd)],
        "crowd + left, right halves": [_add(frame, number, _sides, 0.2) for number, frame in enumerate(crowd)],
        "crowd + pairs as one": [_add(frame, number, _pairs, 0.3) for number, frame in enumerate(crowd)],
        "crowd + specks": [_add(frame, number, _specks, 0.1) for number, frame in enumerate(crowd)],
        "crowd, scores at random": [_shuffle_scores(frame, number) for number, frame in enumerate(crowd)],
        "crowd, B's scores squared": [_square_scores_of_b(frame) for frame in crowd],
    }


def read_real() -> dict[str, list[Frame]]:
    """The real videos, each as far as it has a truth."""
    masks, points = _read_vtest()
    return {"vtest, masks": masks, "vtest, points": points, "market, frame 1": _read_market(), "MOT17": _read_mot17()}


Truth = list[tuple[int, list[Rle], list[int]]]


def _render(scene: SceneParameters) -> Truth:
    return [(f.frame, f.masks, f.identities) for f in render_scene(scene) if f.frame % EVERY == 0]


def _detect(truth: Truth, scene: SceneParameters, styles: Iterable[DetectorStyle]) -> list[Frame]:
    styles, size = tuple(styles), (scene.height_px, scene.width_px)
    frames = []
    for number, masks, people in truth:
        found = [simulate_detections(masks, people, number, size, style, scene.seed) for style in styles]
        frames.append(
            Frame(masks, tuple(_as_detections((d.mask, d.score) for d in one) for one in found), identities=people)
        )
    return frames


def _as_detections(found: Iterable[tuple[Rle, float]]) -> Detections:
    masks, scores = zip(*found, strict=True) if (found := list(found)) else ((), ())
    return Detections(list(masks), np.array(scores, float))


def _add(frame: Frame, number: int, draw, share: float) -> Frame:
    """Let both detectors find now and then what `draw` makes of the truth, with scores from 0.4 (specks 0.5) to 1."""
    found = []
    for detector, (masks, scores) in enumerate(frame.found):
        rng = np.random.default_rng((11, number, detector))
        new = check_rles([mask for mask in draw(frame.truth, share, rng) if coco_mask.area(mask) > 0])
        low = 0.5 if draw is _specks else 0.4
        found.append(Detections(masks + new, np.concatenate([scores, rng.uniform(low, 1, len(new))])))
    return replace(frame, found=tuple(found))


def _bands(masks: list[Rle], share: float, rng: np.random.Generator) -> list[Rle]:
    """A quarter to six tenths of a person's height: head and torso, torso, or legs."""
    found = []
    for mask in _some(masks, share, rng):
        crop, left, top = _crop(mask)
        part = rng.uniform(0.25, 0.6)
        start = rng.uniform(0, 1 - part)
        rows = np.arange(len(crop)) / len(crop)
        found.append(encode_crop(crop & ((rows >= start) & (rows < start + part))[:, None], left, top, mask["size"]))
    return found


def _sides(masks: list[Rle], share: float, rng: np.random.Generator) -> list[Rle]:
    """Both sides of a person, apart, as behind a pole."""
    found = []
    for mask in _some(masks, share, rng):
        crop, left, top = _crop(mask)
        on_the_left = np.arange(crop.shape[1]) < rng.uniform(0.35, 0.65) * crop.shape[1]
        found += [encode_crop(crop & side, left, top, mask["size"]) for side in (on_the_left, ~on_the_left)]
    return found


def _pairs(masks: list[Rle], share: float, rng: np.random.Generator) -> list[Rle]:
    """Two people, one behind the other, as one mask."""
    near = _box_iou(boxes(masks), boxes(masks)) > 0.1
    first, second = np.nonzero(np.triu(near, 1))
    chosen = rng.random(len(first)) < share
    return [coco_mask.merge([masks[a], masks[b]]) for a, b in zip(first[chosen], second[chosen], strict=True)]


def _specks(masks: list[Rle], share: float, rng: np.random.Generator) -> list[Rle]:
    """A few pixels of a person."""
    found = []
    for mask in _some(masks, share, rng):
        crop, left, top = _crop(mask)
        row, column = rng.choice(np.argwhere(crop))
        spot = np.zeros_like(crop)
        reach = rng.integers(1, 3)
        spot[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = True
        found.append(encode_crop(crop & spot, left, top, mask["size"]))
    return found


def _some(masks: list[Rle], share: float, rng: np.random.Generator) -> list[Rle]:
    return [mask for mask in masks if rng.random() < share]


def _crop(mask: Rle) -> tuple[np.ndarray, int, int]:
    left, top, width, height = boxes([mask])[0].tolist()
    return decode_crop(mask, left, top, width, height), left, top


def _shuffle_scores(frame: Frame, number: int) -> Frame:
    rng = np.random.default_rng((12, number))
    found = [Detections(one.masks, rng.uniform(0.5, 1, len(one.masks))) for one in frame.found]
    return replace(frame, found=tuple(found))


def _square_scores_of_b(frame: Frame) -> Frame:
    a, b = frame.found
    return replace(frame, found=(a, Detections(b.masks, b.scores**2)))


def _read_vtest() -> tuple[list[Frame], list[Frame]]:
    """Every second frame, against its labelled masks and against the points on the ground."""
    folder = DATA / "vtest"
    found = _read_detections(folder, 576, 768)
    labelled, all_masks = _read_mots(folder / "gt.txt"), _read_mots(folder / "masks.txt")
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    with (folder / "gt_ground_points.csv").open() as file:
        for row in csv.DictReader(file):
            points[int(row["frame"])].append((float(row["image_u"]), float(row["image_v"])))
    against_masks, against_points = [], []
    for frame in range(2, 401, 2):
        truth = [mask for _, mask in labelled[frame]]
        unlabelled = [mask for _, mask in all_masks[frame] if mask not in truth]
        detections = tuple(one[frame] for one in found)
        people = [person for person, _ in labelled[frame]]
        against_masks.append(Frame(truth, detections, unlabelled, people))
        against_points.append(Frame(np.reshape(points[frame], (-1, 2)), detections, unlabelled))
    return against_masks, against_points


def _read_market() -> list[Frame]:
    segments = np.array(Image.open(DATA / "market" / "first_frame_mask" / "00002058.png"))
    people = [encode(segments == number) for number in PEOPLE_OF_MARKET]
    elsewhere = [encode(~np.isin(segments, PEOPLE_OF_MARKET))]
    found = _read_detections(DATA / "market", *segments.shape)
    return [Frame(people, tuple(one[1] for one in found), elsewhere, list(PEOPLE_OF_MARKET))]


def _read_mot17() -> list[Frame]:
    frames = []
    for folder in sorted(path for path in (DATA / "mot17_mini").iterdir() if path.is_dir()):
        rows = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
        with Image.open(next((folder / "img1").iterdir())) as image:
            found = _read_detections(folder, image.height, image.width)
        for number in np.unique(rows[:, 0]).astype(int):
            here = rows[rows[:, 0] == number]
            person = (here[:, 7] == 1) & (here[:, 6] == 1) & (here[:, 8] >= MIN_VISIBILITY)
            ignored = np.isin(here[:, 7], MOT17_IGNORED) | ((here[:, 7] == 1) & ~person)
            frames.append(Frame(here[person, 2:6], tuple(one[number] for one in found), here[ignored, 2:6]))
    return frames


def _read_detections(folder: Path, height_px: int, width_px: int) -> list[dict[int, Detections]]:
    found = []
    for name in "ab":
        source = open_coco_results(folder / f"detections_{name}.json", height_px, width_px)
        by_frame: dict[int, list[tuple[Rle, float]]] = defaultdict(list)
        for mask in source.find_masks():
            by_frame[mask.frame].append((check_rle(source.read_mask(mask.rle)), mask.score))
        found.append(defaultdict(lambda: _as_detections([]), {n: _as_detections(own) for n, own in by_frame.items()}))
    return found


def _read_mots(path: Path) -> dict[int, list[tuple[int, Rle]]]:
    by_frame: dict[int, list[tuple[int, Rle]]] = defaultdict(list)
    for mask in iterate_mots_text(path, first_frame_number=1):
        by_frame[mask.frame].append((mask.object_id, check_rle(mask.rle)))
    return by_frame


def _box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.reshape(coco_mask.iou(a.astype(float), b.astype(float), [0] * len(b)), (len(a), len(b)))
