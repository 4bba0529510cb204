#!/usr/bin/env bash
# Check everything that must hold before a change is merged: style, types, import rule, tests, the recipes on toy data.
#
#   bash tools/test.sh [pytest arguments]
#
# Tests on real recordings need TRANSLATE_DATA, which names their folder. About ten minutes on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/activate.sh test

echo "--- ruff"
python -m ruff check .
echo "--- mypy"
python -m mypy
echo "--- imports"
lint-imports --no-logo 2>/dev/null || lint-imports
echo "--- tests"
export OMP_NUM_THREADS=1 # the tests run in several processes; a file stays in one, for what its tests share
python -m pytest -q --durations=15 --numprocesses auto --maxprocesses 4 --dist loadfile "$@"
