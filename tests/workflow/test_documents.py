"""Every command of the documents, as it stands there, in order, in a copy of the checkout with a video `my_video.mp4`.

What differs from what a reader has: the video is rendered and short; `config/config.yaml`, over which every other
config is laid, asks for next to no training and small crops (`SMALL`), and its sample sheet has the video; caches of
weights are empty. docs/own_video.md runs first; each other document in a copy of what it has left.

A command that cannot run here stands in `NOT_RUN` with the reason, and with what is run in its place.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import yaml
from PIL import Image

from remots.cli import main
from remots.formats.footage.video import iterate_video, to_rgb
from remots.formats.results.tables import read_table
from tests.documents import REPOSITORY, commands, documents
from tests.workflow.conftest import Workplace

pytestmark = pytest.mark.workflow

SMALL = {
    "sequences": "config/sequences.tsv",
    "crop": {"crop_height_px": 32, "crop_width_px": 16},
    "initialise": {"backbone": "resnet10t", "weights": "random"},
    "train": {"steps": 2, "batch_size": 16},
}
SCENE = ["--n-frames", "24", "--n-people", "5", "--height-px", "180", "--width-px", "320", "--seed", "4"]
RESULT = "my_videos/results/my_video"


def planned(command: str) -> str:
    """Let Snakemake plan the same; conda is not there."""
    return f"{command.split('#')[0].replace('--sdm conda', '')} --dry-run --quiet rules"


def up_to_its_own_step(command: str) -> str:
    """Run Snakemake up to the tracklets; all that follows is as for any video."""
    return f"{command} --until refine"


def left_out(_command: str) -> str:
    """Nothing but that the shell finds it whole."""
    return "true"


class NotRun(NamedTuple):
    """How commands begin that are not run, why, and what is run in their place."""

    begins: str
    reason: str
    instead: Callable[[str], str]


NOT_RUN = [
    NotRun(
        "make ",
        "minutes; CI runs `make test`, tests/environments runs the demo",
        lambda it: f"{it.split('#')[0]} --dry-run",
    ),
    NotRun(r"\. \.venv/bin/activate", "the tests have an environment already", left_out),
    NotRun(r"\.venv/bin/pre-commit", "writes into .git", left_out),
    NotRun("python -m pip install", "needs a network; tests/environments installs", left_out),
    NotRun("envs/install_detectors.sh", "needs a network; tests/environments runs it", left_out),
    NotRun("snakemake .*--sdm conda", "makes environments; tests/environments has a stand-in for conda", planned),
    NotRun("PIP_CONSTRAINT=.* snakemake", "as above", planned),
    NotRun("snakemake --cores 4 --config sequences=", "what follows runs for my_video.mp4", up_to_its_own_step),
    NotRun("snakemake --cores 4 --config fill=", "tests/workflow/test_reruns.py fills gaps", planned),
    NotRun("snakemake --profile", "needs a cluster, or all of the machine; tests/cluster runs both", planned),
    NotRun(
        "(mkdir -p|for chunk in|awk .*) *chunks",
        "tests/workflow/test_scale.py runs it, with several sequences",
        left_out,
    ),
    NotRun("snakedeploy ", "needs a host; tests/workflow/test_module.py has a stand-in", left_out),
]


def first_not_run(command: str) -> NotRun | None:
    return next((entry for entry in NOT_RUN if re.match(entry.begins, command, re.DOTALL)), None)


def run(command: str, folder: Path) -> None:
    """Run a command in a shell, with our `remots` and `snakemake` in front and no weights in any cache."""
    empty = folder / "home"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
        **{name: str(empty) for name in ("HOME", "TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "FVCORE_CACHE")},
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"


def run_document(document: str, folder: Path) -> None:
    """Run all commands of a document, or what stands for them."""
    for command in commands(document):
        for begins, make in MADE_BEFORE.items():
            if command.startswith(begins):
                make(folder)
        entry = first_not_run(command)
        run(entry.instead(command) if entry else command, folder)


def save_corrections(folder: Path) -> None:
    """What the report would have saved: two tracklets of different frames are one person."""
    tracklets = read_table(folder / RESULT / "short_tracklets.parquet", "short_tracklets")
    ranges = tracklets.groupby("tracklet_id")["frame"].agg(["min", "max"])
    later = ranges[ranges["min"] > ranges.loc[0, "max"]].index
    row = f"must_link\t0\t{later[0]}\t\t" if len(later) else "drop\t0\t\t\t"
    digest = json.loads((folder / RESULT / "excerpt.json").read_text())["tracklets_digest"]
    saved = folder / "home" / "Downloads" / "corrections.tsv"
    saved.parent.mkdir(parents=True)
    saved.write_text(f"# tracklets: {digest}\naction\ta\tb\tframe\tnote\n{row}\n")


MADE_BEFORE = {"mv ~/Downloads/corrections.tsv": save_corrections}


def give_nothing(_folder: Path) -> None:
    """The document needs nothing that is not there."""


def give_readme(folder: Path) -> None:
    """As before `remots new`; the results stay, so that what it says next has nothing left to do."""
    for name in ("config.yaml", "sequences.tsv"):
        (folder / "my_videos" / name).unlink()


def give_formats(folder: Path) -> None:
    """Four sequences of MOTS20, an annotation of CVAT, a text, and a data set."""
    for number in ("01", "06", "07", "12"):
        shutil.copytree(folder / RESULT, folder / "results" / "mots20" / f"MOTS20-{number}")
        path = folder / "results" / "mots20" / f"MOTS20-{number}" / "sequence.json"
        path.write_text(path.read_text().replace('"my_video"', f'"MOTS20-{number}"'))
    run(f"remots convert {RESULT} --to cvat --out street.xml", folder)
    shutil.copy(folder / RESULT / "mots.txt", folder / "results.txt")
    sequence = folder / "data" / "MOTS" / "train" / "MOTS20-02"
    for name in ("gt", "img1"):
        (sequence / name).mkdir(parents=True)
    shutil.copy(folder / RESULT / "mots.txt", sequence / "gt" / "gt.txt")
    for number, image in enumerate(iterate_video(folder / "my_video.mp4"), start=1):
        Image.fromarray(to_rgb(image)).save(sequence / "img1" / f"{number:06d}.jpg")
    sizes = "seqLength=24\nimWidth=320\nimHeight=180\nframeRate=10"
    (sequence / "seqinfo.ini").write_text(f"[Sequence]\nname=MOTS20-02\nimDir=img1\nimExt=.jpg\n{sizes}\n")


def give_refining(folder: Path) -> None:
    """The boxes of our tracks stand for the tracks of another tracker."""
    run(f"remots convert {RESULT} --to boxes --out bytetrack.txt", folder)


def give_troubleshooting(folder: Path) -> None:
    shutil.copy(folder / RESULT / "mots.txt", folder / "masks.txt")


def give_reproducibility(folder: Path) -> None:
    shutil.copy(folder / RESULT / "tracks.parquet", folder / "renamed_copy.parquet")


def give_command_line(folder: Path) -> None:
    for name in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions"):
        (folder / "home" / name).mkdir(parents=True, exist_ok=True)


def give_scale(folder: Path) -> None:
    """The evaluation of a sequence of a chunk: our tracks against themselves."""
    result = "results/0000/my_video"
    shutil.copytree(folder / RESULT, folder / result)
    sequence = f"--sequence {result}/sequence.json"
    run(f"remots import-truth {result}/mots.txt {sequence} --out {result}/truth.parquet", folder)
    files = f"--truth {result}/truth.parquet --mots {result}/mots.txt --out {result}/evaluation.json"
    run(f"remots evaluate {sequence} {files}", folder)


GIVEN = {
    "README.md": give_readme,
    "docs/formats.md": give_formats,
    "docs/refining.md": give_refining,
    "docs/troubleshooting.md": give_troubleshooting,
    "docs/reproducibility.md": give_reproducibility,
    "docs/command_line.md": give_command_line,
    "docs/scale.md": give_scale,
}


@pytest.fixture(scope="module")
def own_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader has followed docs/own_video.md to its end."""
    folder = tmp_path_factory.mktemp("reader")
    Workplace(folder)
    shutil.copy(REPOSITORY / "Makefile", folder)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(SMALL))
    header = "sequence\tsplit\tframes\tdetections\n"
    (folder / "config" / "sequences.tsv").write_text(f"{header}street\ttarget\tmy_video.mp4\tmotion\n")
    assert main(["render", "--out-dir", str(folder / "scene"), "--name", "my_video", *SCENE]) == 0
    for name in ("my_video", "morning", "evening"):
        shutil.copy(folder / "scene" / "frames.mp4", folder / f"{name}.mp4")
    (folder / "mask_rcnn_x101.pth").touch()
    run_document("docs/own_video.md", folder)
    return folder


def test_your_own_video_ends_in_a_report_and_obeyed_corrections(own_video: Path) -> None:
    assert (own_video / "my_videos" / "results" / "report.html").stat().st_size > 10_000
    merges = read_table(own_video / RESULT / "merges.parquet", "merges")
    tracks = read_table(own_video / RESULT / "tracks.parquet", "tracks").set_index("tracklet_id")["track_id"]
    row = (own_video / RESULT / "corrections.tsv").read_text().splitlines()[-1].split("\t")
    if row[0] == "must_link":
        assert tracks[int(row[1])] == tracks[int(row[2])]
        assert len(merges)
    else:
        assert int(row[1]) not in tracks.index
    assert pd.read_csv(own_video / RESULT / "mots.txt", sep=" ", header=None)[1].nunique() >= 1


def test_the_pictures_of_tuning_are_made_again_from_a_run(first_run: Workplace, tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(first_run.folder / "results")
    run("python -m tests.benchmarks pictures --results results --out pictures", tmp_path)
    names = {path.name for path in (REPOSITORY / "docs" / "pictures").iterdir()}
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == names


OTHERS = [name for name in documents() if commands(name) and name != "docs/own_video.md"]


def follow(document: str, own_video: Path, folder: Path) -> None:
    """Follow a document, in a copy of the folder of its reader."""
    shutil.copytree(own_video, folder, symlinks=True)
    GIVEN.get(document, give_nothing)(folder)
    run_document(document, folder)


@pytest.fixture(scope="module")
def followed(own_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """All other documents, two at a time: most commands use one core."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            name: pool.submit(follow, name, own_video, tmp_path_factory.mktemp("followed") / "reader")
            for name in OTHERS
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("document", OTHERS)
def test_the_commands_of_a_document_run(document: str, followed: dict[str, Future[None]]) -> None:
    followed[document].result()


@pytest.mark.parametrize("entry", NOT_RUN, ids=lambda entry: entry.begins)
def test_what_is_not_run_stands_in_a_document(entry: NotRun) -> None:
    assert any(first_not_run(command) == entry for name in documents() for command in commands(name))
