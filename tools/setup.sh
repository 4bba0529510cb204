#!/usr/bin/env bash
# Make `translate` importable: a virtual environment in .venv with this project installed in place.
#
#   bash tools/setup.sh [EXTRA,...]      extras: test, demo, export, hub, cluster, shards, listen
#
# The extra `test` also installs Debian's Chromium, if there is none, for the tests in a browser (skipped without it).
#
# Does nothing if the python on the PATH (an activated environment) or .venv has everything already. Another
# interpreter: PYTHON=python3.12 bash tools/setup.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
extras=${1:-}
stamp="$root/.venv/installed-$(cat "$root/pyproject.toml" <(echo "$extras") | cksum | cut -d' ' -f1)"

if [ -e "$stamp" ]; then exit 0; fi
if [ -z "$extras" ]; then
    if "$root/.venv/bin/python" -c 'import translate, torch, pyworld' 2>/dev/null; then exit 0; fi
    if command -v translate >/dev/null && python3 -c 'import translate, torch, pyworld' 2>/dev/null; then exit 0; fi
fi

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "tools/setup.sh: needs Python 3.10 to 3.13 (set PYTHON=/path/to/python3)" >&2
    exit 2
}

if [ ! -x "$root/.venv/bin/python" ]; then
    python=$(find_python)
    "$python" -m venv "$root/.venv" 2>/dev/null || {
        echo "tools/setup.sh: $python cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2
        exit 2
    }
fi
command -v g++ >/dev/null || {
    echo "tools/setup.sh: pyworld is built from source and needs g++ (Debian: apt-get install g++)" >&2
    exit 2
}

echo "Installing into $root/.venv (a few minutes and 5 GB at first)" >&2
"$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'setuptools<81' wheel
"$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$root${extras:+[$extras]}"

case ",$extras," in *,listen,*|*,test,*)
    # Without what it asks for: webrtcvad, which needs a compiler, and a `typing` that shadows Python's. The extra has the rest.
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps 'resemblyzer==0.1.4'
esac

find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
case ",$extras," in *,test,*)
    if ! find_browser >/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "Installing chromium for the tests in a browser" >&2
            { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 || true
        fi
        find_browser >/dev/null ||
            echo "tools/setup.sh: no chromium on the PATH; the tests in a browser will be skipped" >&2
    fi
esac
touch "$stamp"
