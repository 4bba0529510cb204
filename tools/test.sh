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
python -m pytest -q --durations=10 "$@"
