# Sourced: set up when needed, then put `translate` on the PATH.
_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bash "$_root/tools/setup.sh" "$@"
if [ -x "$_root/.venv/bin/translate" ]; then PATH="$_root/.venv/bin:$PATH"; fi
