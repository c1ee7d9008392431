"""Dense optical flow between two frames (paper 2.3), by OpenCV."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

METHODS = ("dis_ultrafast", "dis_fast", "dis_medium", "dis_fine", "farneback")

_DIS_PRESETS = {
    "dis_ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "dis_fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "dis_medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# OpenCV's presets end at a half or a quarter of the frame's size: too coarse for people a few dozen pixels high. The
# fine one ends at the first scale with no more pixels than this, so that its cost hardly depends on the frame's size.
_FINE_PX = 250_000
_LEAST_SIDE_PX = 8  # of a shrunk frame: one patch
_FINE_DESCENTS = 16
# On frames smaller than this, and on long strips first, DIS leaves its coarsest picture: OpenCV 5.0 raises, or crashes.
_MIN_SIDE_PX = 32
_NO_FIRST_GUESS: Any = None


def dense_flow(
    previous_gray: NDArray[np.uint8],
    current_gray: NDArray[np.uint8],
    method: str = "dis_fine",
    first_guess: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Find where each pixel of the current frame was in the previous one.

    The flow leads backwards, from the current frame to the previous one: to warp a picture onto the current frame is to
    look up, for each pixel there, the place it came from. A forward flow would leave holes and pile pixels up.

    Parameters
    ----------
    previous_gray, current_gray : ndarray of uint8, shape (height, width)
        Two frames.
    method : {"dis_ultrafast", "dis_fast", "dis_medium", "dis_fine", "farneback"}
        The first three are OpenCV's presets. ``"dis_fine"`` leaves out their smoothing, and goes down to a scale of at
        most 250,000 pixels: docs/flow.md has costs and quality.
    first_guess : ndarray of float32, shape (height, width, 2), in px, optional
        A flow to try first, from the current frame back to the previous one. DIS takes it patch by patch where it fits
        better than what it finds itself; Farneback starts from it. Not changed.

    Returns
    -------
    ndarray of float32, shape (height, width, 2), in px
        ``previous[y + flow[y, x, 1], x + flow[y, x, 0]]`` looks like ``current[y, x]``. The same frames always give
        the same flow, whatever the number of threads.

    Raises
    ------
    ValueError
        If the frames are not gray or differ in size, or the method is unknown.

    Notes
    -----
    Source: ReMOTS section 2.3, "the dense optical flow function of OpenCV".
    """
    if previous_gray.shape != current_gray.shape or previous_gray.ndim != 2:
        raise ValueError(f"flow needs two gray frames of one size, not {previous_gray.shape} and {current_gray.shape}")
    if method not in METHODS:
        raise ValueError(f"unknown optical flow {method!r}; one of {', '.join(METHODS)}")
    if first_guess is not None and first_guess.shape != (*current_gray.shape, 2):
        raise ValueError(f"a first guess of {first_guess.shape} for the flow of frames of {current_gray.shape}")
    if min(previous_gray.shape) < _MIN_SIDE_PX:
        return _flow_of_small_frames(previous_gray, current_gray, method, first_guess)
    if method == "dis_fine":
        return _fine_flow(previous_gray, current_gray, first_guess)
    start = _NO_FIRST_GUESS if first_guess is None else np.array(first_guess, np.float32, order="C")  # written into
    if method == "farneback":
        # The values of OpenCV's own example: 3 levels, each half as large, windows of 15 px, polynomials over 5 px.
        flow = cv2.calcOpticalFlowFarneback(
            current_gray,
            previous_gray,
            start,
            0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0 if first_guess is None else cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        return np.asarray(flow, np.float32)
    solver = cv2.DISOpticalFlow.create(_DIS_PRESETS[method])
    return np.asarray(solver.calc(current_gray, previous_gray, start), np.float32)


def _fine_flow(
    previous_gray: NDArray[np.uint8], current_gray: NDArray[np.uint8], first_guess: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Compute DIS at full resolution on frames shrunk to `_FINE_PX`: what it would do on large ones, but sooner."""
    height_px, width_px = current_gray.shape
    shrink = 2 ** _fine_scale(current_gray.shape)
    small = (width_px // shrink, height_px // shrink)
    factor = np.array([width_px / small[0], height_px / small[1]], np.float32)
    current, previous = (
        cv2.resize(gray, small, interpolation=cv2.INTER_AREA) for gray in (current_gray, previous_gray)
    )
    start = _NO_FIRST_GUESS
    if first_guess is not None:
        start = np.asarray(cv2.resize(first_guess, small, interpolation=cv2.INTER_NEAREST) / factor, np.float32)
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # which does not smooth
    solver.setFinestScale(0)
    solver.setGradientDescentIterations(_FINE_DESCENTS)
    flow = np.asarray(solver.calc(current, previous, start) * factor, np.float32)
    return np.asarray(cv2.resize(flow, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.float32)


def _fine_scale(size: tuple[int, ...]) -> int:
    """How often ``dis_fine`` halves a frame; a few patches must fit into what is left."""
    wanted = math.ceil(math.log(max(1, math.prod(size) / _FINE_PX), 4))
    return min(wanted, int(math.log2(min(size) / _LEAST_SIDE_PX)))


def _flow_of_small_frames(
    previous_gray: NDArray[np.uint8],
    current_gray: NDArray[np.uint8],
    method: str,
    first_guess: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """Repeat the border pixels until the frames are large enough for OpenCV, and cut the flow back to size."""
    height_px, width_px = previous_gray.shape
    padding = [(0, max(0, _MIN_SIDE_PX - side)) for side in (height_px, width_px)]
    previous_padded, current_padded = (np.pad(gray, padding, mode="edge") for gray in (previous_gray, current_gray))
    guess_padded = None if first_guess is None else np.pad(first_guess, [*padding, (0, 0)], mode="edge")
    flow = dense_flow(previous_padded, current_padded, method, guess_padded)
    return np.ascontiguousarray(flow[:height_px, :width_px])
