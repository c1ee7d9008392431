"""Dense optical flow between two frames (paper 2.3), by OpenCV."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

METHODS = ("dis_ultrafast", "dis_fast", "dis_medium", "farneback")

_DIS_PRESETS = {
    "dis_ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "dis_fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "dis_medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
# On frames smaller than this, and on long strips first, DIS leaves its coarsest picture: OpenCV 5.0 raises, or crashes.
_MIN_SIDE_PX = 32
_NO_FIRST_GUESS: Any = None


def dense_flow(
    previous_gray: NDArray[np.uint8], current_gray: NDArray[np.uint8], method: str = "dis_fast"
) -> NDArray[np.float32]:
    """Find where each pixel of the current frame was in the previous one.

    The flow leads backwards, from the current frame to the previous one: to warp a picture onto the current frame is to
    look up, for each pixel there, the place it came from. A forward flow would leave holes and pile pixels up.

    Parameters
    ----------
    previous_gray, current_gray : ndarray of uint8, shape (height, width)
        Two frames.
    method : {"dis_ultrafast", "dis_fast", "dis_medium", "farneback"}
        In the order of rising cost.

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
    if min(previous_gray.shape) < _MIN_SIDE_PX:
        return _flow_of_small_frames(previous_gray, current_gray, method)
    if method == "farneback":
        # The values of OpenCV's own example: 3 levels, each half as large, windows of 15 px, polynomials over 5 px.
        flow = cv2.calcOpticalFlowFarneback(
            current_gray,
            previous_gray,
            _NO_FIRST_GUESS,
            0.5,
            levels=3,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )
        return np.asarray(flow, np.float32)
    solver = cv2.DISOpticalFlow.create(_DIS_PRESETS[method])
    return np.asarray(solver.calc(current_gray, previous_gray, _NO_FIRST_GUESS), np.float32)


def _flow_of_small_frames(
    previous_gray: NDArray[np.uint8], current_gray: NDArray[np.uint8], method: str
) -> NDArray[np.float32]:
    """Repeat the border pixels until the frames are large enough for OpenCV, and cut the flow back to size."""
    height_px, width_px = previous_gray.shape
    padding = [(0, max(0, _MIN_SIDE_PX - side)) for side in (height_px, width_px)]
    previous_padded, current_padded = (np.pad(gray, padding, mode="edge") for gray in (previous_gray, current_gray))
    return np.ascontiguousarray(dense_flow(previous_padded, current_padded, method)[:height_px, :width_px])
