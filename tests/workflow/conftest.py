"""A small copy of the checkout with a tiny scene, in which the tests run the real Snakemake on the real rules."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
COPIED = [
    "Snakefile",
    "workflow",
    "remots",
    "config",
    "envs",
    "profiles",
    "local",
    "slurm",
    "pyproject.toml",
    "README.md",
]
HEADER = "sequence\tsplit\tframes\tdetections\tground_truth\tfirst_frame\tlast_frame\n"
CONFIG = {
    "sequences": "sequences.tsv",
    "results": "results",
    "scenes": {
        name: {"n_frames": 16, "n_people": 4, "height_px": 120, "width_px": 200, "seed": seed}
        for name, seed in [("street", 1), ("plaza", 2), ("market", 3)]
    },
    "crop": {"crop_height_px": 32, "crop_width_px": 16},
    "initialise": {"backbone": "resnet10t", "weights": "random"},
    "train": {"steps": 3, "batch_size": 24},
}
# What tells of the run itself; the report has the time that each step took.
RUN_RECORDS = {"logs", "benchmarks", "report.html", "report.html.json"}


def digests(folder: Path) -> dict[str, str]:
    """The digest of every result below a folder: everything but what tells of the run itself."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not RUN_RECORDS & set(path.relative_to(folder).parts)
    }


class Workplace:
    """A folder with a copy of the checkout, a config and a sample sheet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = yaml.safe_load(yaml.safe_dump(CONFIG))
        self.sequences = ["street:train", "plaza:target"]
        self.sheet: str | None = None  # a whole sample sheet, where these sequences are not enough
        for name in COPIED:
            source = REPOSITORY / name
            if (folder / name).exists():
                continue
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        self.write()

    def write(self) -> None:
        """Write the config and the sample sheet as they are now."""
        (self.folder / "my_config.yaml").write_text(yaml.safe_dump(self.config))
        rows = [self._row(*entry.split(":")) for entry in self.sequences]
        (self.folder / "sequences.tsv").write_text(self.sheet or HEADER + "".join(rows))

    @staticmethod
    def _row(name: str, split: str) -> str:
        scene = f"results/scenes/{name}"
        detections = f"{scene}/detections_a.json,{scene}/detections_b.json" if split == "target" else ""
        return f"{name}\t{split}\t{scene}/frames.mp4\t{detections}\t{scene}/truth.txt\t\t\n"

    def command(self, *options: str) -> list[str]:
        """The words of a Snakemake call in this folder."""
        words = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "my_config.yaml"]
        return [*words, "--show-failed-logs", *options]

    def run(self, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here and give its output."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            self.command(*options), cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"snakemake failed:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
        return done

    def rules_to_run(self, *targets: str) -> dict[str, int]:
        """How often each rule would run now, by a dry run; for all results, or for some files."""
        done = self.run("--dry-run", *targets, "--quiet", "rules")
        rules: dict[str, int] = {}
        for line in (done.stdout + done.stderr).splitlines():
            words = line.split()
            if len(words) == 2 and words[1].isdigit() and words[0] not in ("total", "all"):
                rules[words[0]] = int(words[1])
        return rules


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A workplace in which one target sequence has been run to the end; not to be changed: see `finished`."""
    workplace = Workplace(tmp_path_factory.mktemp("first_run"))
    workplace.run()
    return workplace


@pytest.fixture(scope="module")
def finished(first_run: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A copy of the first run, for the tests of a module to go on from; Snakemake's records and times come along."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(first_run.folder, folder, symlinks=True, dirs_exist_ok=True)
    return Workplace(folder)
