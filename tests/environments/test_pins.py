"""The pins agree: constraints.txt, remots.lock, the pip sections, the scripts, pyproject.toml."""

import ast
import itertools
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "envs"
YAML_FILES = sorted(ENVIRONMENTS.glob("*.yaml"))
NOT_NEEDED_BY_RULES = {"snakemake", "shtab"}
NEEDED_BY_DETECT = {"av", "numpy", "pandas", "pyarrow", "pycocotools", "pydantic", "pyyaml", "torch", "torchvision"}


def pins_of(lines: Iterable[str]) -> dict[str, str]:
    """Give the version of every line with one; a line without is a failure."""
    matches = [re.fullmatch(r"([\w.-]+)==([\w.+]+)(?: ;.*)?(?: \\)?", line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def pip_section(file: Path) -> list[str]:
    """Give the lines of the pip section of an environment."""
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return [line for each in content["dependencies"] if isinstance(each, dict) for line in each["pip"]]


def text_of(name: str) -> list[str]:
    """Give the lines of a file with pins that are neither comments nor hashes."""
    lines = (ENVIRONMENTS / name).read_text().splitlines()
    return [line for line in lines if line and not line.lstrip().startswith(("#", "--hash"))]


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    return pins_of(text_of("constraints.txt"))


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    return pins_of(text_of("remots.lock"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ENVIRONMENTS.parent / "pyproject.toml").read_text())
    return content["project"]


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_every_line_of_a_pip_section_is_pinned_to_the_version_of_the_constraints(
    file: Path, constraints: dict[str, str]
) -> None:
    pins = pins_of(pip_section(file))
    assert pins == {name: constraints[name] for name in pins}


def test_the_lock_has_the_versions_of_the_constraints(lock: dict[str, str], constraints: dict[str, str]) -> None:
    assert lock == {name: constraints[name] for name in lock}


def test_every_package_of_the_lock_has_hashes() -> None:
    lines = (ENVIRONMENTS / "remots.lock").read_text().splitlines()
    followed = [after for line, after in itertools.pairwise(lines) if "==" in line]
    assert len(followed) > 50
    assert all(after.startswith("    --hash=sha256:") for after in followed)


def test_the_lock_covers_what_the_project_depends_on(lock: dict[str, str], project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["weights"], *extras["slurm"]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(lock[canonicalize_name(requirement.name)]), text


def test_the_constraints_cover_every_extra(constraints: dict[str, str], project: dict[str, Any]) -> None:
    for text in [each for extra in project["optional-dependencies"].values() for each in extra]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(constraints[canonicalize_name(requirement.name)]), text


def test_the_environment_of_all_rules_has_what_the_project_depends_on(project: dict[str, Any]) -> None:
    needed = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    assert needed - NOT_NEEDED_BY_RULES <= set(pins_of(pip_section(ENVIRONMENTS / "remots.yaml")))


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_every_environment_has_what_detection_needs_and_one_opencv(file: Path) -> None:
    names = set(pins_of(pip_section(file)))
    assert names >= NEEDED_BY_DETECT
    assert len([name for name in names if name.startswith("opencv")]) == 1


def test_what_install_detectors_asks_for_is_in_the_constraints_and_in_the_conda_environments(
    constraints: dict[str, str],
) -> None:
    script = (ENVIRONMENTS / "install_detectors.sh").read_text()
    listed = re.search(r"^FRAMEWORKS = (\{.*?^\})", script, re.DOTALL | re.MULTILINE)
    assert listed
    for framework, packages in ast.literal_eval(listed[1]).items():
        section = pins_of(pip_section(ENVIRONMENTS / f"{framework}.yaml"))
        for requirement in map(Requirement, packages.split()):
            assert requirement.specifier.contains(constraints[requirement.name])
            assert requirement.name in section
