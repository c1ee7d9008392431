"""Stand-ins take the place of compiled operators only where there are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("detectron2", reason="needs Detectron2")

from remots.detectors.compat import provide_detectron2_ops

provide_detectron2_ops()

from detectron2.layers import DeformConv, ModulatedDeformConv  # noqa: E402
from torchvision.ops import deform_conv2d  # noqa: E402

SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from remots.detectors.compat import provide_detectron2_ops
provide_detectron2_ops()
provide_detectron2_ops()
from detectron2 import _C
print(_C.deform_conv_forward, getattr(_C, "MARK", "no mark"))
"""


def import_ops(folder: Path | None) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, filter(None, [folder, *sys.path])))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)


def install(folder: Path, operators: str) -> Path:
    """Put a framework there that has a module of operators."""
    (folder / "detectron2" / "_C").mkdir(parents=True)
    (folder / "detectron2" / "__init__.py").write_text("")
    (folder / "detectron2" / "_C" / "__init__.py").write_text(operators)
    return folder


def test_a_framework_with_its_own_operators_is_left_untouched(tmp_path: Path) -> None:
    ran = import_ops(install(tmp_path, "MARK = 'its own'\ndeform_conv_forward = 'compiled'\n"))
    assert ran.stdout.strip() == "compiled its own"
    assert ran.stderr == ""


def test_operators_that_do_not_load_are_stood_in_for_and_one_line_says_why(tmp_path: Path) -> None:
    ran = import_ops(install(tmp_path, "raise ImportError('undefined symbol: _ZN2at')\n"))
    assert "_deform_conv" in ran.stdout
    assert "no mark" not in ran.stdout.split()[0]
    expected = "detectron2._C cannot be imported (undefined symbol: _ZN2at): torchvision's operators stand in for it\n"
    assert ran.stderr == expected


def test_a_missing_framework_is_told_from_missing_operators(tmp_path: Path) -> None:
    script = SCRIPT.replace("import logging, sys", "import logging, sys\nsys.modules['detectron2'] = None")
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "ModuleNotFoundError" in ran.stderr


def test_the_stand_in_convolves_as_the_framework_does_on_a_cpu() -> None:
    torch.manual_seed(0)
    layer = DeformConv(8, 6, (3, 5), stride=(2, 1), padding=(1, 3), dilation=(1, 2), groups=2)
    image, (height, width) = torch.rand(2, 8, 13, 17), (7, 15)
    offset = torch.randn(2, 2 * 3 * 5, height, width)
    with torch.no_grad():
        expected = layer(image, offset)
    output = torch.empty_like(expected)
    sys.modules["detectron2._C"].deform_conv_forward(
        # The order of detectron2/layers/deform_conv.py: width before height.
        *(image, layer.weight.detach(), offset, output, image.new_empty(0), image.new_empty(0)),
        *(5, 3, 1, 2, 3, 1, 2, 1, 2, 1, 2),
    )
    assert expected.abs().max() > 0.1
    assert torch.equal(output, expected)


@pytest.mark.parametrize("with_bias", [False, True])
def test_the_stand_in_convolves_with_a_mask(with_bias: bool) -> None:
    torch.manual_seed(0)
    layer = ModulatedDeformConv(8, 6, 3, stride=2, padding=1, groups=2, bias=with_bias)
    image, offset, mask = torch.rand(2, 8, 13, 17), torch.randn(2, 18, 7, 9), torch.rand(2, 9, 7, 9)
    bias = torch.rand(6) if with_bias else image.new_empty(1)
    output, buffer = torch.empty(2, 6, 7, 9), image.new_empty(0)
    sys.modules["detectron2._C"].modulated_deform_conv_forward(
        *(image, layer.weight.detach(), bias, buffer, offset, mask, output, buffer),
        *(3, 3, 2, 2, 1, 1, 1, 1, 2, 1, with_bias),
    )
    own_bias = bias if with_bias else None
    assert torch.equal(
        output, deform_conv2d(image, offset, layer.weight, own_bias, stride=2, padding=1, mask=mask).detach()
    )


def test_other_operators_say_that_they_are_missing() -> None:
    with pytest.raises(NotImplementedError, match=r"this network needs detectron2\._C\.COCOevalAccumulate, .* lacks"):
        sys.modules["detectron2._C"].COCOevalAccumulate()
    assert not hasattr(sys.modules["detectron2._C"], "__path__")
