"""Other people's workflows: ours as a module of another, deployed by snakedeploy, and listed in the catalog."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import CONFIG, REPOSITORY, Workplace

pytestmark = pytest.mark.workflow

# A workflow of somebody else: its own config, working directory, command prefix and target; it makes the video itself.
PARENT = """
shell.prefix("set -euo pipefail; export OF_THE_PARENT=1; ")
configfile: "their_config.yaml"

rule report:
    input: "report.txt"

module remots:
    snakefile: "{snakefile}"
    config: config["tracking"]
    prefix: "tracking"

use rule * from remots as remots_*

rule film:
    input: "tracking/out/scenes/plaza/frames.mp4"
    output: "videos/street.mp4"
    shell: "test $OF_THE_PARENT = 1; cp {{input}} {{output}}"

rule count:
    input: rules.remots_all.input, mots="tracking/out/street/mots.txt"
    output: "report.txt"
    shell: "wc -l < {{input.mots}} > {{output}}"
"""
TRACKING = {
    **CONFIG,
    "sequences": "their_sequences.tsv",
    "results": "out",
    "scenes": {"plaza": {**CONFIG["scenes"]["plaza"], "n_frames": 8}},
}


def snakemake(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder, without our checkout among the places where Python looks for packages."""
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--show-failed-logs", *options]
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        words, cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project with one commit and a tag."""
    folder = tmp_path_factory.mktemp("hosted") / "github.com" / "owner" / "remots"
    folder.mkdir(parents=True)
    Workplace(folder)
    for words in ["init -q", "add .", "commit -q -m all", "tag v1"]:
        who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", *who, *words.split()], cwd=folder, check=True)
    return folder


def deploy(source: str, destination: Path, repository: Path) -> dict[str, str]:
    """Run snakedeploy as the catalog says; gives the environment in which the host is the clone."""
    program = shutil.which("snakedeploy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs snakedeploy: python -m pip install -e '.[test]'")
    settings = repository.parents[2] / "gitconfig"
    settings.write_text(f'[url "file://{repository.parents[1]}/"]\n\tinsteadOf = https://github.com/\n')
    environment = {"GIT_CONFIG_GLOBAL": str(settings), "XDG_CACHE_HOME": str(repository.parents[2] / "cache")}
    words = [program, "deploy-workflow", source, str(destination), "--tag", "v1"]
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (destination / "video.mp4").touch()
    sheet = "sequence\tsplit\tframes\tdetections\nmine\ttarget\tvideo.mp4\tmotion\n"
    (destination / "config" / "sequences.tsv").write_text(sheet)
    return environment


def test_another_workflow_runs_ours_as_a_module_with_its_own_config_prefix_and_folder(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "Snakefile").write_text(PARENT.format(snakefile=repository / "Snakefile"))
    (tmp_path / "their_config.yaml").write_text(yaml.safe_dump({"tracking": TRACKING}))
    sheet = "sequence\tsplit\tframes\tdetections\nstreet\ttarget\tvideos/street.mp4\tmotion\n"
    (tmp_path / "their_sequences.tsv").write_text(sheet)
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert (tmp_path / "report.txt").is_file()
    results = tmp_path / "tracking" / "out"
    assert {path.name for path in results.iterdir()} == {
        *(".provenance", "benchmarks", "encoder_pretrained.safetensors", "logs", "report.html", "scenes", "street")
    }
    assert (results / "street" / "overlay.mp4").stat().st_size > 0
    assert "Nothing to be done" in (again := snakemake(tmp_path)).stdout + again.stderr


def test_the_workflow_of_the_catalog_is_that_of_the_checkout(repository: Path) -> None:
    def total(*options: str) -> list[str]:
        done = snakemake(
            repository, "--dry-run", "--quiet", "rules", "--configfile", "config/demo/config.yaml", *options
        )
        return sorted(line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("total", "fuse")))

    assert total() == total("--snakefile", "workflow/Snakefile") != []


def test_a_workflow_deployed_from_a_host_runs_with_the_installed_code(tmp_path: Path, repository: Path) -> None:
    environment = deploy("https://github.com/owner/remots", tmp_path / "deployed", repository)
    installed = tmp_path / "packages"
    installed.mkdir()
    shutil.copytree(repository / "remots", installed / "remots")
    environment["PYTHONPATH"] = str(installed)
    planned = snakemake(tmp_path / "deployed", "--dry-run", **environment)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "rule everything" in planned.stdout + planned.stderr
    scene = ["--config", "scenes={tiny: {n_frames: 3, height_px: 64, width_px: 64, n_people: 1}}"]
    video = "results/scenes/tiny/frames.mp4"
    done = snakemake(tmp_path / "deployed", video, *scene, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "deployed" / video).is_file()
    # Only a link to the package is put before the PYTHONPATH of jobs, never what else lies beside it.
    links = tmp_path / "deployed" / ".snakemake" / "remots_code"
    assert [path.name for path in links.iterdir()] == ["remots"]


def test_a_deployed_workflow_without_the_code_says_what_to_install(tmp_path: Path, repository: Path) -> None:
    environment = deploy("https://github.com/owner/remots", tmp_path / "deployed", repository)
    other = tmp_path / "packages" / "remots"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('of another version')\n")
    done = snakemake(tmp_path / "deployed", "--dry-run", **environment, PYTHONPATH=str(other.parent))
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "the code of ReMOTS must be installed beside Snakemake" in output
    assert "pip install 'remots @ git+https://" in output
    assert "Traceback" not in output


def test_a_local_clone_is_deployed_and_runs_once_its_path_is_whole(tmp_path: Path, repository: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(repository, clone)
    environment = deploy(str(clone), tmp_path / "deployed", repository)
    snakefile = tmp_path / "deployed" / "workflow" / "Snakefile"
    # snakedeploy writes a local path without its folder.
    snakefile.write_text(snakefile.read_text().replace('"workflow/Snakefile"', f'"{clone}/workflow/Snakefile"'))
    done = snakemake(tmp_path / "deployed", "--dry-run", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule everything" in done.stdout + done.stderr


def test_the_catalog_s_files_are_there_with_what_it_reads() -> None:
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"] == {"conda": True, "report": True}
    assert isinstance(usage["mandatory-flags"]["flags"], str)
    assert (REPOSITORY / "config" / "README.md").is_file()
    assert (REPOSITORY / "workflow" / "Snakefile").is_file()
    assert list((REPOSITORY / "workflow" / "rules").glob("*.smk"))
    readme = (REPOSITORY / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
