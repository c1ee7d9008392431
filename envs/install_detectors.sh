#!/bin/sh
# Install detection frameworks into an environment, without a compiler:
#   envs/install_detectors.sh PYTHON [detectron2] [mmdet] [transformers]     (without a name: all three)
# PYTHON is the interpreter of the environment. What is there keeps its version, and a full detectron2 or mmcv is left
# as it is; what is new comes at the version of constraints.txt. A second run finds nothing to do.
# With --pinned before PYTHON, what is there is brought to those versions too (make_environment.sh does so).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

stop() {
    echo "install_detectors: $1" >&2
    exit 2
}

pinned=
[ "${1:-}" != --pinned ] || { pinned=yes && shift; }
[ $# -gt 0 ] || stop "name the environment's interpreter: envs/install_detectors.sh PYTHON [detectron2] [mmdet] [transformers]"
python=$1
shift
[ $# -gt 0 ] || set -- detectron2 mmdet transformers
for framework; do
    case $framework in
        detectron2 | mmdet | transformers) ;;
        *) stop "unknown framework '$framework'; there is detectron2, mmdet, transformers" ;;
    esac
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    stop "$python is no Python 3.11 or newer; name the environment's interpreter."
"$python" -c 'import pip' 2>/dev/null || stop "$python has no pip; run '$python -m ensurepip', then this again."

# The packages that are still to come, one a line; and what pip may not change, in a file.
limits=$(mktemp)
trap 'rm -f "$limits"' EXIT
wanted=$("$python" -P - "$here/constraints.txt" "$limits" "$pinned" "$@" <<'PLAN'
import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

# What their code imports, setuptools for pkg_resources, which version 82 dropped. detectron2 comes itself by
# detectron2.post-deploy.sh.
FRAMEWORKS = {
    "detectron2": "cloudpickle fvcore hydra-core>=1.1 iopath omegaconf<2.4 packaging pycocotools setuptools<82 tabulate"
    " termcolor tqdm yacs",
    "mmdet": "mmcv-lite==2.1.0 mmdet==3.3.0 mmengine==0.10.7 setuptools<82",
    "transformers": "transformers",
}


def is_full(module, light):
    """Whether a module is there that another package than the light one brought."""
    there = find_spec(module) is not None and light not in installed
    if there:
        print(f"install_detectors: {module} is there already and stays as it is", file=sys.stderr)
    return there


def requirements_of(framework):
    if framework == "detectron2" and is_full("detectron2", "sal-detectron2"):
        return []
    requirements = [Requirement(text) for text in FRAMEWORKS[framework].split()]
    if framework == "mmdet" and is_full("mmcv", "mmcv-lite"):
        return [each for each in requirements if each.name != "mmcv-lite"]
    return requirements


def fits(requirement):
    version = installed.get(requirement.name)
    if version is None or (pinned and version != pins.get(requirement.name, version)):
        return False
    return requirement.specifier.contains(version, prereleases=True)


constraints, limits, pinned, *frameworks = sys.argv[1:]
installed = {canonicalize_name(found.name): found.version for found in distributions()}
pins = dict(line.split("==") for line in Path(constraints).read_text().split() if "==" in line)
missing = {each.name: each for name in frameworks for each in requirements_of(name) if not fits(each)}
kept = {} if pinned else {name: version for name, version in installed.items() if name not in missing}
Path(limits).write_text("".join(f"{name}=={version}\n" for name, version in {**pins, **kept}.items()))
print("\n".join(map(str, missing.values())))
PLAN
)

if [ -n "$wanted" ]; then
    echo "install_detectors: installing" $wanted
    # shellcheck disable=SC2086  # one word a package
    "$python" -m pip install --quiet --disable-pip-version-check --constraint "$limits" $wanted
fi
for framework; do
    case $framework in
        detectron2) PYTHON=$python sh "$here/detectron2.post-deploy.sh" ;;
        mmdet) PYTHON=$python sh "$here/mmdet.post-deploy.sh" ;;
    esac
done
