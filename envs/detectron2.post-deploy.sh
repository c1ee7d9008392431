#!/bin/sh
# Put detectron2 into the active environment, or into that of $PYTHON, without a compiler.
# It is on the package index as sal-detectron2: upstream's Python files in a wheel whose tag says CPython 3.10, which no
# line of a pip section can ask for under another Python. Its one compiled module, detectron2._C, is of use to 3.10 alone;
# remots.detectors.compat stands in for it. Snakemake runs this file when it has made the environment of detectron2.yaml;
# install_detectors.sh runs it too. Where another detectron2 is there, built or from conda-forge, it does nothing.
set -eu
python=${PYTHON:-python}
version=0.7.2
sha256=491af0c7f79bdb2d178e46f6cb16a97c4ac968d45c41ea3f6b6435d59bbee561

state=$("$python" -P -c '
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
there = find_spec("detectron2") is not None
try:
    right = version("sal-detectron2") == sys.argv[1]
    print("ready" if there and right else "unfinished")
except PackageNotFoundError:
    print("ready" if there else "missing")
' "$version")
[ "$state" != ready ] || exit 0

echo "installing detectron2 (sal-detectron2 $version)"
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$packages"
staging=$(mktemp -d "$packages/.detectron2-XXXXXX")
trap 'rm -rf "$staging"' EXIT
echo "sal-detectron2==$version --hash=sha256:$sha256" >"$staging/requirements.txt"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
    --python-version 3.10 --only-binary=:all: --target "$staging/new" --requirement "$staging/requirements.txt"
if [ "$state" != missing ]; then
    "$python" -m pip uninstall --quiet --yes sal-detectron2
    rm -rf "$packages/detectron2"
fi
# The wheel also holds a package with the bare name `tools`, which nobody needs.
record=$staging/new/sal_detectron2-$version.dist-info/RECORD
grep -v '^tools/' "$record" >"$staging/RECORD" && mv "$staging/RECORD" "$record"
# In this order, so that what an interruption leaves never looks like a detectron2 of another origin.
rm -rf "$packages/sal_detectron2-$version.dist-info"
mv "$staging/new/sal_detectron2-$version.dist-info" "$staging/new/detectron2" "$packages/"
"$python" -m compileall -q "$packages/detectron2"
