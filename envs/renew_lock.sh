#!/bin/sh
# Write remots.lock anew: every package of the default environment with its hashes, for Linux x86_64 and Python 3.11, at
# the versions of constraints.txt. Change a version there first. Needs uv (python -m pip install uv).
#   python -m pip install --require-hashes -r envs/remots.lock && python -m pip install --no-deps -e .
set -eu
cd "$(dirname -- "$0")/.."
lock=${1:-envs/remots.lock}
{
    echo "# Made by envs/renew_lock.sh; not to be edited."
    uv pip compile --quiet --no-header --no-annotate --generate-hashes \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --constraint envs/constraints.txt --extra weights --extra slurm pyproject.toml
} >"$lock.new"
mv "$lock.new" "$lock"
