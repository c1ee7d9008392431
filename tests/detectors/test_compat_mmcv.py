"""Stand-ins for mmcv's compiled operators compute what mmcv's own do, and are there only when those are absent."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

pytest.importorskip("mmcv", reason="needs mmcv")

from remots.detectors.compat import provide_mmcv_ops

provide_mmcv_ops()

from mmcv import _ext, ops  # noqa: E402
from mmcv.ops.multi_scale_deform_attn import (  # noqa: E402
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from mmengine.utils.dl_utils import mmcv_full_available  # noqa: E402

SCRIPT = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
from remots.detectors.compat import provide_mmcv_ops
provide_mmcv_ops()
provide_mmcv_ops()
from mmcv import _ext
print(_ext.nms)
"""


def import_ops(folder: Path, has_operators: bool) -> subprocess.CompletedProcess[str]:
    """Import in a fresh process, in which mmcv is a package made for the test."""
    (folder / "mmcv").mkdir()
    (folder / "mmcv" / "__init__.py").write_text("")
    if has_operators:
        (folder / "mmcv" / "_ext.py").write_text("nms = 'compiled'\n")
    path = os.pathsep.join([str(folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)


def test_an_mmcv_with_its_own_operators_is_left_untouched(tmp_path: Path) -> None:
    ran = import_ops(tmp_path, has_operators=True)
    assert (ran.stdout, ran.stderr) == ("compiled\n", "")


def test_an_mmcv_without_operators_gets_stand_ins_and_one_line_says_so(tmp_path: Path) -> None:
    ran = import_ops(tmp_path, has_operators=False)
    assert "function _mmcv_nms" in ran.stdout
    assert len(ran.stderr.splitlines()) == 1
    assert "mmcv._ext cannot be imported (No module named 'mmcv._ext')" in ran.stderr


def test_mmengine_takes_the_installation_for_a_full_one() -> None:
    assert mmcv_full_available()


def suppress_naively(boxes: Any, scores: Any, iou_threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i], boxes[j], offset) <= iou_threshold for j in kept):
            kept.append(int(i))
    return kept


def iou(a: Any, b: Any, offset: int) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + offset
    inner = float(np.prod(np.maximum(sides, 0)))
    areas = [float(np.prod(box[2:] - box[:2] + offset)) for box in (a, b)]
    return inner / (sum(areas) - inner)


@settings(deadline=None, max_examples=50)
@given(
    corners=st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 15)] * 2), min_size=1, max_size=12),
    offset=st.integers(0, 1),
    threshold=st.sampled_from([0.31, 0.52, 0.73]),
)
def test_suppression_keeps_what_a_naive_loop_keeps(
    corners: list[tuple[int, int, int, int]], offset: int, threshold: float
) -> None:
    boxes = np.array([(x, y, x + width, y + height) for x, y, width, height in corners], np.float32)
    scores = np.linspace(0.9, 0.1, len(boxes), dtype=np.float32)
    _, kept = ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold, offset)
    assert kept.tolist() == suppress_naively(boxes, scores, threshold, offset)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("aligned", [False, True])
def test_aligned_regions_of_a_plane_have_the_values_at_their_centres(dtype: torch.dtype, aligned: bool) -> None:
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    plane = (2 * x + y)[None, None].to(dtype)
    region = torch.tensor([[0, 8, 12, 24, 44]], dtype=dtype)  # x0, y0, x1, y1 in an image twice as large
    pooled = ops.roi_align(plane, region, (4, 2), 0.5, 0, "avg", aligned)
    shift = 0.5 if aligned else 0.0
    centres_x, centres_y = 4 + 8 * (torch.arange(2) + 0.5) / 2 - shift, 6 + 16 * (torch.arange(4) + 0.5) / 4 - shift
    assert pooled.dtype == dtype
    assert torch.allclose(
        pooled[0, 0].float(), 2 * centres_x + centres_y[:, None], atol=0.25 if dtype != x.dtype else 1e-4
    )


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    """Give each pixel the value that lies so far below it and to its right, 0 beyond the edge."""
    return functional.pad(image, (0, right, 0, down))[..., down:, right:]


def convolution() -> tuple[Tensor, Tensor, Tensor]:
    """Give an image, weights of two groups, and an offset of one row and two columns everywhere."""
    torch.manual_seed(0)
    image, weight = torch.rand(2, 4, 9, 11), torch.rand(6, 2, 3, 3)
    offset = torch.tensor([1.0, 2.0]).repeat(9)[None, :, None, None].expand(2, 18, 5, 11)
    return image, weight, offset.contiguous()


def test_a_deformable_convolution_samples_where_its_offsets_point() -> None:
    image, weight, offset = convolution()
    found = ops.deform_conv2d(image, offset, weight, (2, 1), 1, 1, 2)
    expected = functional.conv2d(shifted(functional.pad(image, (1, 1, 1, 1)), 1, 2), weight, None, (2, 1), 0, 1, 2)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("with_bias", [False, True])
def test_a_modulated_convolution_weighs_its_samples(with_bias: bool) -> None:
    image, weight, offset = convolution()
    bias = torch.rand(6) if with_bias else None
    mask = torch.full((2, 9, 5, 11), 0.5)
    found = ops.modulated_deform_conv2d(image, offset, mask, weight, bias, (2, 1), 1, 1, 2)
    moved = shifted(functional.pad(image, (1, 1, 1, 1)), 1, 2)
    expected = functional.conv2d(moved, weight / 2, bias, (2, 1), 0, 1, 2)
    assert torch.allclose(found, expected, atol=1e-5)


def test_deformable_attention_is_mmcvs_own_python_code() -> None:
    torch.manual_seed(0)
    sizes = torch.tensor([[4, 6], [2, 3]])
    value, places = torch.rand(2, 30, 4, 8), torch.rand(2, 5, 4, 2, 3, 2)
    attention = torch.rand(2, 5, 4, 2, 3)
    found = MultiScaleDeformableAttnFunction.apply(value, sizes, torch.tensor([0, 24]), places, attention, 64)
    assert torch.equal(found, multi_scale_deformable_attn_pytorch(value, sizes, places, attention))


@pytest.mark.skipif(not type(_ext).__module__.startswith("remots"), reason="this mmcv has its own operators")
def test_what_has_no_stand_in_says_what_to_install() -> None:
    with pytest.raises(NotImplementedError, match=r"needs mmcv\._ext\.softnms, a compiled .*: install a full mmcv"):
        ops.soft_nms(torch.rand(3, 4), torch.rand(3))
    with pytest.raises(NotImplementedError, match=r"the maximum in mmcv\._ext\.roi_align_forward"):
        ops.roi_align(torch.rand(1, 1, 8, 8), torch.tensor([[0.0, 1, 1, 4, 4]]), 2, 1.0, 0, "max", True)
