# What all recipes share; sourced by recipes/<task>.sh, which has set `options` (its own, beside those below) and their
# defaults. The caller of that, egs/<corpus>/run.sh, sets `config` and the function get_corpus.
#
# Parses the options, goes to the folder of the corpus, puts `translate` on the PATH, and sets name (of the
# configuration), tag (a recipe may have its own name_run), run (exp/<tag>), data (the folder of the manifests; a caller
# may choose its own) and overrides.
set -euo pipefail

recipe_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
recipe_corpus=$(basename "$(cd "$(dirname "$0")" && pwd)")
options="stage stop_stage corpus config model tag $options"
: "${stage:=0}" "${stop_stage:=5}" "${corpus:=}" "${config:=}" "${model:=}" "${tag:=}" "${data:=data}"
. "$recipe_root/tools/parse_options.sh"

say() { echo "[$(date +%H:%M:%S)] $*" >&2; }
fail() {
    echo "$recipe_corpus/run.sh: $*" >&2
    exit 2
}
# A path that the caller gave, relative to where the caller stands.
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
# Whether stage $1 is asked for; says what it does ($2).
stage_runs() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ] && say "stage $1: $2"; }

# Stage 0: where the corpus is, for the stages to come.
find_corpus() {
    if [ -z "$corpus" ]; then corpus=$(get_corpus); fi
    [ -d "$corpus" ] || fail "--corpus $corpus: no such folder"
    mkdir -p "$data"
    echo "$corpus" >"$data/corpus"
}
read_corpus() {
    [ -f "$data/corpus" ] || fail "run stage 0 first (it notes where the corpus is)"
    cat "$data/corpus"
}

# Stage 6, in which all recipes are the same.
export_run() {
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate export "$run" "$run/onnx"
}

for recipe_number in "$stage" "$stop_stage"; do
    case "$recipe_number" in "" | *[!0-9]*) fail "--stage and --stop_stage: expected whole numbers, found '$recipe_number'" ;; esac
done
if [ -n "$corpus" ]; then corpus=$(absolute "$corpus"); fi
if [ -n "$model" ]; then config=conf/$model.yaml; fi
if [ -f "$config" ]; then config=$(absolute "$config"); fi
cd "$(dirname "$0")"
[ -f "$config" ] || fail "no configuration $config; there are: $(echo conf/*.yaml)"
name=$(basename "$config" .yaml)
if ! declare -F name_run >/dev/null; then name_run() { echo "$name${source:+_$source-$target}"; }; fi
tag=${tag:-$(name_run)}
run=exp/$tag
. "$recipe_root/tools/activate.sh"
