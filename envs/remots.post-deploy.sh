#!/bin/sh
# Leave one OpenCV, and one that can be imported, in the active environment, or in that of $PYTHON.
# Some of our packages ask for opencv-python, which needs desktop libraries (libGL). Where a server has none, its twin
# without windows takes its place, at the same version; where an opencv that was there before would be a second one, that
# one stays. Snakemake runs this file when it has made the environment of remots.yaml or mmdet.yaml;
# make_environment.sh and install_detectors.sh run it too.
set -eu
python=${PYTHON:-python}

wheels=$("$python" -P -c '
from importlib.metadata import distributions
wheels = {each.name.lower().replace("_", "-"): each for each in distributions() if each.name.lower().startswith("opencv")}
print(*sorted(f"{name}=={each.version}" for name, each in wheels.items() if (each.read_text("INSTALLER") or "").strip() != "conda"))
')
case $wheels in
    *" "*) chosen=$(echo "$wheels" | tr ' ' '\n' | grep -v '^opencv-python==' | head -n 1) ;;
    *) chosen=$(echo "$wheels" | sed -n 's/^opencv-python==/opencv-python-headless==/p')
       ! "$python" -P -c 'import cv2' 2>/dev/null || exit 0 ;;
esac
[ -n "$chosen" ] || { "$python" -P -c 'import cv2'; exit; }

echo "one OpenCV: $chosen takes the place of $wheels"
# shellcheck disable=SC2046,SC2086  # one word a package
"$python" -m pip uninstall --quiet --yes $(echo "$wheels" | tr ' ' '\n' | sed 's/==.*//')
"$python" -m pip install --quiet --disable-pip-version-check --no-deps "$chosen"
"$python" -P -c 'import cv2'
