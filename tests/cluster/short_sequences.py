"""Short sequences, as many as wanted: each is four frames of one tiny scene."""

import re
import subprocess
import sys

from tests.workflow.conftest import HEADER, Workplace

PROFILE = ["--workflow-profile", "profiles/many_short"]
SCENE = {"n-frames": 13, "n-people": 2, "height-px": 64, "width-px": 96}


def make_short_sequences(workplace: Workplace, n_sequences: int) -> None:
    """Render the scene into a workplace, and make that many sequences of it."""
    words = [word for name, value in SCENE.items() for word in (f"--{name}", str(value))]
    render = [sys.executable, "-m", "remots", "render", "--name", "tiny", "--out-dir", "tiny", *words]
    subprocess.run(render, cwd=workplace.folder, capture_output=True, check=True)
    files = "tiny/frames.mp4\ttiny/detections_a.json,tiny/detections_b.json\t"
    rows = (f"s{number:03}\ttarget\t{files}\t{1 + number % 10}\t{4 + number % 10}\n" for number in range(n_sequences))
    workplace.sheet = HEADER + "".join(rows)
    workplace.config["train"] = {"steps": 2, "batch_size": 8}
    workplace.write()


def count_planned(output: str) -> tuple[int, int]:
    """How many steps a dry run has planned, and in how many jobs of the cluster; without `all`."""
    steps = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}
    n_steps = steps["total"] - steps.get("all", 0)
    return n_steps, len(re.findall(r"^\[.*\] Group job |^rule (?!all)", output, re.MULTILINE))
