"""Dense optical flow: which way it points, and that it is the same every time."""

import cv2
import numpy as np
import pytest

from remots.association.flow import METHODS, _fine_scale, dense_flow

SHIFT_X, SHIFT_Y = 6, -3


def street(height, width, seed=0):
    """A smooth random texture."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.fixture(scope="module")
def shifted_pair():
    """Two frames; what is at (x, y) in the first is at (x + SHIFT_X, y + SHIFT_Y) in the second."""
    large = street(200, 260)
    previous = large[20:180, 20:240]
    current = large[20 - SHIFT_Y : 180 - SHIFT_Y, 20 - SHIFT_X : 240 - SHIFT_X]
    return np.ascontiguousarray(previous), np.ascontiguousarray(current)


@pytest.mark.parametrize("method", METHODS)
def test_the_flow_leads_from_the_current_frame_back_to_the_previous_one(shifted_pair, method):
    flow = dense_flow(*shifted_pair, method)
    assert flow.shape == (160, 220, 2)
    assert flow.dtype == np.float32
    inner = flow[30:-30, 30:-30]
    assert np.median(np.abs(inner - (-SHIFT_X, -SHIFT_Y)), axis=(0, 1)) == pytest.approx([0, 0], abs=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_looking_up_along_the_flow_restores_the_current_frame(shifted_pair, method):
    previous, current = shifted_pair
    flow = dense_flow(previous, current, method)
    y, x = np.mgrid[30:130, 30:190]
    source_y = y + np.rint(flow[30:130, 30:190, 1]).astype(int)
    source_x = x + np.rint(flow[30:130, 30:190, 0]).astype(int)
    error = np.abs(previous[source_y, source_x].astype(int) - current[30:130, 30:190])
    unmoved = np.abs(previous[y, x].astype(int) - current[30:130, 30:190])
    assert np.median(error) * 4 < np.median(unmoved)


@pytest.mark.parametrize("method", METHODS)
def test_the_flow_is_the_same_for_any_number_of_threads(shifted_pair, method):
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = dense_flow(*shifted_pair, method)
        cv2.setNumThreads(3)
        assert np.array_equal(alone, dense_flow(*shifted_pair, method))
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (12, 40), (11, 300), (300, 11), (31, 2000), (32, 32000)])
def test_small_frames_and_strips_have_a_flow_too(method, size):
    gray = street(*size)
    flow = dense_flow(gray, gray, method)
    assert flow.shape == (*size, 2)
    assert np.abs(flow).max() < 0.5


@pytest.mark.parametrize(
    ("size", "scale"),
    [((36, 64), 0), ((360, 640), 0), ((576, 768), 1), ((720, 1280), 1), ((1080, 1920), 2), ((2160, 3840), 3)],
)
def test_the_fine_flow_ends_at_the_first_scale_of_at_most_250_000_pixels(size, scale):
    assert _fine_scale(size) == scale
    assert np.prod(size) / 4**scale <= 250_000
    assert scale == 0 or np.prod(size) / 4 ** (scale - 1) > 250_000


def test_on_a_long_strip_a_patch_still_fits_into_the_finest_scale():
    assert _fine_scale((32, 400_000)) == 2  # 3 would be wanted


def test_frames_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"one size, not \(40, 40\) and \(40, 41\)"):
        dense_flow(street(40, 40), street(40, 41))


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="unknown optical flow 'raft'; one of dis_ultrafast, dis_fast"):
        dense_flow(street(40, 40), street(40, 40), "raft")
