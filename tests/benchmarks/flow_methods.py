"""Ways to tell where each pixel of a frame came from, for the study of flow: ours, and what was tried beside."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from remots.association.first_guess import guess_flow
from remots.association.flow import dense_flow
from tests.benchmarks.flow_data import Frame

Flow = np.ndarray
# Takes the previous frame, the current one, and what it gave for the two frames before.
Method = Callable[[Frame, Frame, Flow | None], Flow]

CAMERA_SIDE_PX = 480  # the camera's motion is looked for in frames of this size
MAX_RETURN_PX = 3.0  # forward-backward: a pixel that comes back further off than this has no flow of its own
MIN_CORNERS = 12


def plain(previous: Frame, current: Frame, _before: Flow | None, name: str, guess: bool = False) -> Flow:
    """Production's flow, with or without its first guess."""
    first = guess_flow(previous.labels, current.labels) if guess else None
    return dense_flow(previous.gray, current.gray, name, first)


def no_flow(_previous: Frame, current: Frame, _before: Flow | None) -> Flow:
    """Everything stands still."""
    return np.zeros((*current.gray.shape, 2), np.float32)


def camera_motion(previous: Frame, current: Frame, _before: Flow | None) -> Flow:
    """One homography for all: corners outside of the masks, followed by Lucas and Kanade, RANSAC."""
    factor = min(1.0, CAMERA_SIDE_PX / max(current.gray.shape))
    small = [cv2.resize(gray, None, fx=factor, fy=factor) for gray in (current.gray, previous.gray)]
    size = small[0].shape[::-1]
    street = cv2.resize((current.labels == 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    corners = cv2.goodFeaturesToTrack(small[0], 300, 0.01, 7, mask=cv2.erode(street, np.ones((7, 7), np.uint8)))
    if corners is None or len(corners) < MIN_CORNERS:
        return no_flow(previous, current, None)
    found, status, _ = cv2.calcOpticalFlowPyrLK(*small, corners, corners.copy(), winSize=(21, 21), maxLevel=4)
    kept = status.ravel() == 1
    homography = None
    if kept.sum() >= MIN_CORNERS:
        homography, _ = cv2.findHomography(corners[kept], found[kept], cv2.RANSAC, 1.0)
    if homography is None:
        return no_flow(previous, current, None)
    scale = np.diag([factor, factor, 1.0])
    return _flow_of(np.linalg.inv(scale) @ homography @ scale, current.gray.shape)


def _flow_of(homography: np.ndarray, size: tuple[int, int]) -> Flow:
    rows, columns = np.indices(size, np.float32)
    grid = np.stack([columns, rows], axis=-1)
    moved = cv2.perspectiveTransform(grid.reshape(-1, 1, 2), homography).reshape(grid.shape)
    return np.asarray(moved - grid, np.float32)


def camera_as_guess(previous: Frame, current: Frame, _before: Flow | None, name: str) -> Flow:
    """The camera's motion as the first guess."""
    return dense_flow(previous.gray, current.gray, name, camera_motion(previous, current, None))


def camera_undone(previous: Frame, current: Frame, _before: Flow | None, name: str) -> Flow:
    """The previous frame warped by the camera's motion first, and the flow on top of that."""
    camera = camera_motion(previous, current, None)
    rest = dense_flow(_look_up(previous.gray, camera), current.gray, name)
    return rest + _look_up(camera, rest)


def _look_up(values: np.ndarray, flow: Flow) -> np.ndarray:
    how = cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP
    return np.asarray(cv2.remap(values, flow, None, how, borderMode=cv2.BORDER_REPLICATE))


def checked(previous: Frame, current: Frame, _before: Flow | None, name: str, instead: str) -> Flow:
    """Forward-backward consistency: pixels that do not come back get the camera's motion, their mask's, or none."""
    flow = dense_flow(previous.gray, current.gray, name)
    forward = dense_flow(current.gray, previous.gray, name)
    astray = np.linalg.norm(flow + _look_up(forward, flow), axis=2) > MAX_RETURN_PX
    if instead == "camera":
        flow[astray] = camera_motion(previous, current, None)[astray]
    elif instead == "nothing":
        flow[astray] = 1e6  # from outside of the frame
    else:
        flow = _medians(flow, current, ~astray)
    return flow


def median_of_masks(previous: Frame, current: Frame, _before: Flow | None, name: str) -> Flow:
    """One way for all pixels of a mask."""
    flow = dense_flow(previous.gray, current.gray, name)
    return _medians(flow, current, np.ones(current.gray.shape, bool), everywhere=True)


def _medians(flow: Flow, current: Frame, trusted: np.ndarray, everywhere: bool = False) -> Flow:
    """Give pixels that are not trusted, or all, the median flow of their mask's trusted pixels."""
    changed = flow.copy()
    for label in range(1, len(current.identities) + 1):
        mask = current.labels == label
        if (mask & trusted).any():
            changed[mask if everywhere else mask & ~trusted] = np.median(flow[mask & trusted], axis=0)
    return changed


def halved(previous: Frame, current: Frame, _before: Flow | None, name: str) -> Flow:
    """On frames of half the size."""
    height_px, width_px = current.gray.shape
    size = ((width_px + 1) // 2, (height_px + 1) // 2)
    small = [cv2.resize(frame.gray, size, interpolation=cv2.INTER_AREA) for frame in (previous, current)]
    return np.asarray(2 * cv2.resize(dense_flow(*small, name), (width_px, height_px)), np.float32)


def carried(previous: Frame, current: Frame, before: Flow | None, name: str) -> Flow:
    """The flow of the pair before as the first guess; masks take theirs along with them."""
    if before is None:
        return dense_flow(previous.gray, current.gray, name)
    guess = before[::4, ::4].copy()
    small = previous.labels[::4, ::4]
    for label in np.unique(small[small > 0]):
        rows, columns = np.nonzero(small == label)
        way = np.median(before[::4, ::4][rows, columns], axis=0)
        rows, columns = rows - round(way[1] / 4), columns - round(way[0] / 4)
        inside = (rows >= 0) & (columns >= 0) & (rows < small.shape[0]) & (columns < small.shape[1])
        guess[rows[inside], columns[inside]] = way
    return dense_flow(previous.gray, current.gray, name, cv2.resize(guess, current.gray.shape[::-1]))


DEFAULT = "dis_fine, first guess from the masks"
METHODS: dict[str, Method] = {
    DEFAULT: partial(plain, name="dis_fine", guess=True),
    "dis_fine": partial(plain, name="dis_fine"),
    "dis_fast": partial(plain, name="dis_fast"),
    "dis_fast, first guess from the masks": partial(plain, name="dis_fast", guess=True),
    "dis_ultrafast": partial(plain, name="dis_ultrafast"),
    "dis_ultrafast, first guess from the masks": partial(plain, name="dis_ultrafast", guess=True),
    "dis_medium": partial(plain, name="dis_medium"),
    "dis_medium, first guess from the masks": partial(plain, name="dis_medium", guess=True),
    "farneback": partial(plain, name="farneback"),
    "farneback, first guess from the masks": partial(plain, name="farneback", guess=True),
    "no flow": no_flow,
    "camera's motion alone": camera_motion,
    "first guess alone": lambda previous, current, _before: guess_flow(previous.labels, current.labels),
    "dis_fine, first guess from the pair before": partial(carried, name="dis_fine"),
    "dis_fine, first guess from the camera": partial(camera_as_guess, name="dis_fine"),
    "dis_fine, camera's motion undone first": partial(camera_undone, name="dis_fine"),
    "dis_fine, half size": partial(halved, name="dis_fine"),
    "dis_fine, one way a mask": partial(median_of_masks, name="dis_fine"),
    "dis_fine, checked, else the mask's way": partial(checked, name="dis_fine", instead="mask"),
    "dis_fine, checked, else the camera's": partial(checked, name="dis_fine", instead="camera"),
    "dis_fine, checked, else no pixel": partial(checked, name="dis_fine", instead="nothing"),
}
