"""Grey frames with labelled masks and whose they are, for the study of flow: rendered, and real at several rates."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from remots.association.sure_links import MAX_RIVAL_IOU_TO_LEARN, chain_links, find_sure_links
from remots.association.warping import LabelMap, iterate_warped_iou, paint_labels
from remots.formats.footage.frames import iterate_images, probe_frames
from remots.masks.fusion import fuse_masks
from remots.masks.rle import Rle, areas, boxes
from remots.settings import Fuse
from remots.synthetic.scene import SceneParameters, render_scene
from tests.benchmarks.fusion_data import DATA, Detections, _box_iou, _read_detections, _read_mots

# Laid down before anything was measured on them; what was tried while the study was written ran on other seeds.
N_FRAMES = 100  # of each clip, at most
SCENES = {
    "static": SceneParameters(seed=301, n_people=14, n_frames=N_FRAMES),
    "pan": SceneParameters(seed=302, n_people=14, n_frames=N_FRAMES, pan=True),
    "pan, 5 frames a second": SceneParameters(seed=303, n_people=14, n_frames=N_FRAMES, pan=True, fps=5),
    "3 frames a second": SceneParameters(seed=304, n_people=14, n_frames=N_FRAMES, fps=3),
    "crowd": SceneParameters(seed=305, n_people=32, n_frames=N_FRAMES),
    "exposure drifts": SceneParameters(seed=306, n_people=14, n_frames=N_FRAMES, exposure_drift=0.4),
}
VTEST_STRIDES = (1, 2, 4, 8)
MARKET_STRIDE = 4
MARKET = "market, every 4th frame"
MIN_BOX_IOU = 0.5  # a mask is of the person in whose true box it lies so well
DEFAULT_FUSE = Fuse()


class Frame(NamedTuple):
    """A grey frame, its label map (labels count from 1), and whose each label is; neighbours' numbers differ by one."""

    number: int
    gray: np.ndarray
    labels: LabelMap
    identities: np.ndarray


Clip = Callable[[], Iterator[Frame]]


def rendered_clips() -> dict[str, Clip]:
    """The scenes with their true masks."""
    return {f"scene: {name}": lambda scene=scene: _render(scene) for name, scene in SCENES.items()}


def real_clips() -> dict[str, Clip]:
    """Real videos: vtest and market with some of their frames, and the parts of MOT17."""
    names = {1: "each frame", 2: "every 2nd frame"}
    clips: dict[str, Clip] = {
        f"vtest, {names.get(stride, f'every {stride}th frame')}": lambda stride=stride: _vtest(stride)
        for stride in VTEST_STRIDES
    }
    return clips | {MARKET: _market, "MOT17": _mot17}


def _as_frame(number: int, image: np.ndarray, masks: list[Rle], identities: list[int]) -> Frame:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return Frame(number, gray, paint_labels(masks, gray.shape), np.array(identities, np.int64))


def _render(scene: SceneParameters) -> Iterator[Frame]:
    for frame in render_scene(scene):
        yield _as_frame(frame.frame, frame.image, frame.masks, frame.identities)


def _vtest(stride: int) -> Iterator[Frame]:
    """The masks that bear a true identity."""
    truth = _read_mots(DATA / "vtest" / "gt.txt")
    for number, image in iterate_images(probe_frames(DATA / "vtest" / "vtest.avi", None, max(truth))):
        if number > N_FRAMES * stride:
            break
        if (number - 1) % stride == 0:
            people, masks = [person for person, _ in truth[number]], [mask for _, mask in truth[number]]
            yield _as_frame(number // stride, image, masks, people)


def _mot17() -> Iterator[Frame]:
    """Fused masks, each with the identity of the true box that fits it best; one part after the other."""
    for part, folder in enumerate(sorted(path for path in (DATA / "mot17_mini").iterdir() if path.is_dir())):
        sequence = probe_frames(folder / "img1")
        truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
        truth = truth[(truth[:, 6] == 1) & (truth[:, 7] == 1)]
        found = _read_detections(folder, sequence.height_px, sequence.width_px)
        for number, image in iterate_images(sequence):
            masks, here = _fuse([one[number] for one in found]), truth[truth[:, 0] == number]
            iou = _box_iou(boxes(masks), here[:, 2:6])
            mutual = (iou == iou.max(0, initial=0)) & (iou == iou.max(1, initial=0, keepdims=True))
            mask, box = np.nonzero(mutual & (iou >= MIN_BOX_IOU))
            people = here[box, 1].astype(int).tolist()
            yield _as_frame(1000 * part + number, image, [masks[i] for i in mask], people)


def _market() -> Iterator[Frame]:
    """Every 4th frame, fused masks; a chain of sure links over all frames is taken for one person.

    There is no truth beyond the first frame. From one frame to the next people move by a few pixels only, and a sure
    link is right; but a chain may break, so that two identities are one person, and a link between them no error.
    """
    sequence = probe_frames(DATA / "market")
    found = _read_detections(DATA / "market", sequence.height_px, sequence.width_px)
    frames = [(n, image, _fuse([one[n] for one in found])) for n, image in iterate_images(sequence)]
    links = list(iterate_warped_iou(frames, "dis_medium", "none"))
    pairs = np.concatenate([np.column_stack([link.previous, link.current]) for link in links])
    sure = find_sure_links(pairs, np.concatenate([link.iou for link in links]), max_rival_iou=MAX_RIVAL_IOU_TO_LEARN)
    chains = chain_links(sum(len(masks) for *_, masks in frames), pairs[sure])
    first = 0
    for number, image, masks in frames:
        if number % MARKET_STRIDE == 1:
            yield _as_frame(number // MARKET_STRIDE, image, masks, chains[first : first + len(masks)].tolist())
        first += len(masks)


def _fuse(found: list[Detections]) -> list[Rle]:
    """Fuse one frame's detections as `remots fuse` does by default."""
    masks = [mask for one in found for mask in one.masks]
    scores = np.concatenate([one.scores for one in found])
    chosen = np.flatnonzero((scores >= DEFAULT_FUSE.min_score) & (areas(masks) >= DEFAULT_FUSE.min_area_px))
    fused = fuse_masks(
        [masks[i] for i in chosen],
        scores[chosen],
        DEFAULT_FUSE.overlap_threshold,
        DEFAULT_FUSE.min_area_px,
        DEFAULT_FUSE.overlap_metric,
    )
    return fused.masks
