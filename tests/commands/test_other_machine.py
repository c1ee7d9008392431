"""Another machine rounds otherwise: the metrics of a small scene stay close.

Stand-ins for it: the processor without its newer instructions (for torch, oneDNN, numpy and OpenCV), and half
precision, which a processor that has it takes by default.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.commands.test_whole_chain import Chain

REPOSITORY = Path(__file__).parents[2]
LARGEST_DIFFERENCE = 3.0  # points of IDF1 and HOTA; docs/reproducibility.md has what was measured
OLD_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    "OPENCV_CPU_DISABLE": "AVX2,AVX512_SKX,AVX512_ICL,FP16",
}
PROGRAM = """
import sys
from pathlib import Path
from tests.commands.test_whole_chain import Chain

class LongerTraining(Chain):
    def call(self, verb, *words):
        precision = ["--precision", sys.argv[2]] if verb in ("train", "embed") else []
        plan = ["--batch-size", "32", "--steps", "40"] if verb == "train" else []
        size = ["--crop-height-px", "64", "--crop-width-px", "32"] if verb == "crop" else []
        super().call(verb, *words, *precision, *plan, *size)

chain = LongerTraining(Path(sys.argv[1]))
chain.track()
chain.report()
"""


def track(folder, precision="float32", **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), precision],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return pd.read_csv(folder / "metrics.csv").set_index("sequence").loc["scene", ["IDF1", "HOTA"]]


@pytest.mark.slow
def test_the_metrics_of_a_small_scene_hardly_depend_on_the_processor(tmp_path):
    Chain(tmp_path / "here").masks("--n-people", "8", "--n-frames", "60", "--seed", "2")
    for name in ("old", "half"):
        shutil.copytree(tmp_path / "here", tmp_path / name)
    here = track(tmp_path / "here")
    old = track(tmp_path / "old", **OLD_PROCESSOR)
    half = track(tmp_path / "half", "bfloat16")
    features = [(tmp_path / name / "features_inter.npy").read_bytes() for name in ("here", "old")]
    assert features[0] != features[1], "the older processor was not stood in for"
    assert (here - old).abs().max() <= LARGEST_DIFFERENCE
    assert (here - half).abs().max() <= LARGEST_DIFFERENCE
