"""The package index has what the pip sections ask for, and nothing comes along that has no pin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments.conftest import CONSTRAINTS
from tests.environments.test_pins import YAML_FILES, pins_of, pip_section, text_of

pytestmark = pytest.mark.usefixtures("package_index")


def resolve(requirements: list[str]) -> dict[str, str]:
    """Give every package that would be installed, at its version."""
    ask = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "-"]
    done = subprocess.run(
        [*ask, "--python-version", "3.11", "--constraint", str(CONSTRAINTS)],
        input="\n".join(requirements),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return pins_of(done.stdout.splitlines())


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_a_pip_section_resolves_to_pinned_packages_alone(file: Path) -> None:
    resolved = resolve(pip_section(file))
    pins = pins_of(text_of("constraints.txt"))
    assert resolved == {name: pins.get(name) for name in resolved}
    assert len(resolved) > len(pip_section(file))


def test_the_lock_is_what_its_packages_resolve_to() -> None:
    lock = text_of("remots.lock")
    assert resolve([re.sub(r" \\$", "", line) for line in lock]) == pins_of(lock)
