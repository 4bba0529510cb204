#!/usr/bin/env bash
# Everything that must hold before a change lands: style, types, import rule, tests, the recipes on toy data.
#
#   bash tools/test.sh [pytest arguments]
#
# Real recordings are tested where TRANSLATE_DATA names their folder. About ten minutes on two cores.
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
