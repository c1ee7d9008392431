"""`envs/install_detectors.sh` into environments of all kinds."""

import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from tests.environments.conftest import REPOSITORY
from tests.environments.test_pins import pins_of, text_of

SCRIPT = REPOSITORY / "envs" / "install_detectors.sh"


def call(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program and give what it printed."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def make_environment(folder: Path) -> Path:
    """Make an environment with pip alone, this one's; give its interpreter."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install(python, f"pip=={pins_of(text_of('constraints.txt'))['pip']}")
    return python


def install(python: Path, *packages: str) -> None:
    """Install packages into an environment, quickly."""
    call(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, *packages)


def installed(python: Path) -> dict[str, str]:
    """Give the packages of an environment at their versions."""
    return pins_of(call(sys.executable, "-m", "uv", "pip", "freeze", "--python", python).stdout.splitlines())


def locate(python: Path, module: str) -> Path:
    """Give the file of an environment's module, without importing it."""
    ask = f"from importlib.util import find_spec; print(find_spec({module!r}).origin)"
    return Path(call(python, "-P", "-c", ask).stdout.strip())


def put_package(python: Path, name: str, version: str, module: str, code: str) -> Path:
    """Put a package into an environment as a site's own build of a framework would be; give its module's file."""
    packages = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    for file, text in [
        (f"{module}/__init__.py", code),
        (f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
    ]:
        (packages / file).parent.mkdir()
        (packages / file).write_text(text)
    return packages / module / "__init__.py"


def test_an_unknown_framework_is_told_in_one_line() -> None:
    done = call(SCRIPT, sys.executable, "yolo", check=False)
    assert done.returncode == 2
    assert done.stderr == ("install_detectors: unknown framework 'yolo'; there is detectron2, mmdet, transformers\n")


def test_an_interpreter_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    done = call(SCRIPT, tmp_path / "python", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is no Python 3.11 or newer" in done.stderr


def test_an_environment_without_pip_is_told_how_to_get_it(tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=True)
    done = call(SCRIPT, tmp_path / "bin" / "python", "detectron2", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "-m ensurepip" in done.stderr


def test_a_build_of_detectron2_that_is_there_is_left_untouched(package_index: None, tmp_path: Path) -> None:
    python = make_environment(tmp_path)
    module = put_package(python, "detectron2", "0.6", "detectron2", "__version__ = '0.6'\n")
    before = installed(python)
    done = call(SCRIPT, python, "detectron2")
    assert "detectron2 is there already and stays as it is" in done.stderr
    assert installed(python) == before
    assert module.read_text() == "__version__ = '0.6'\n"


@pytest.fixture(scope="module")
def filled(package_index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a full mmcv, an OpenCV without windows and an older tqdm, into which both frameworks went."""
    python = make_environment(tmp_path_factory.mktemp("environment"))
    install(python, "opencv-python-headless==4.12.0.88", "numpy==2.1.3", "tqdm==4.66.1")
    put_package(python, "mmcv", "2.1.0", "mmcv", "__version__ = '2.1.0'\n")
    call(SCRIPT, python, "detectron2", "mmdet")
    return python


@pytest.mark.slow
def test_what_was_there_keeps_its_version_and_what_is_new_has_its_pin(filled: Path) -> None:
    now = installed(filled)
    pins = pins_of(text_of("constraints.txt"))
    own = {"opencv-python-headless": "4.12.0.88", "numpy": "2.1.3", "tqdm": "4.66.1", "mmcv": "2.1.0"}
    assert now.pop("sal-detectron2") == "0.7.2"
    assert now == {name: own.get(name) or pins[name] for name in now}
    assert {"mmdet", "mmengine", "fvcore", *own} <= set(now)


@pytest.mark.slow
def test_opencv_is_there_once_and_can_be_imported(filled: Path) -> None:
    assert [name for name in installed(filled) if name.startswith("opencv")] == ["opencv-python-headless"]
    assert call(filled, "-c", "import cv2; print(cv2.__version__)").stdout == "4.12.0\n"


@pytest.mark.slow
def test_detectron2_comes_without_the_package_tools_that_its_wheel_holds_too(filled: Path) -> None:
    assert locate(filled, "detectron2").is_file()
    assert not (locate(filled, "detectron2").parents[1] / "tools").exists()


@pytest.mark.slow
def test_a_second_run_does_nothing_and_is_quick(filled: Path) -> None:
    before = installed(filled)
    start = time.perf_counter()
    done = call(SCRIPT, filled, "detectron2", "mmdet")
    assert time.perf_counter() - start < 15
    assert done.stdout == ""
    assert installed(filled) == before


@pytest.mark.slow
def test_an_installation_that_was_interrupted_is_finished(filled: Path) -> None:
    module = locate(filled, "detectron2")
    shutil.rmtree(module.parent)
    call(SCRIPT, filled, "detectron2")
    assert module.is_file()
