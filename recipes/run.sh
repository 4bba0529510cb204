# Run the recipe of a configuration's model: recipes/<recipe>.sh, by `translate models --facts`. Sourced by every
# egs/<corpus>/run.sh.
#
# The caller sets config, the function get_corpus (which prints the folder of the corpus), and the variables that the
# head of each recipe names. Recipes, speakers and other domains are set by
#
#   recipes   the recipes that the corpus can be used with, such as "voice_conversion postfilter"; default: all
#   pair      "SF1 TM1": default source and target of models with two domains; models with many domains use `domains`
#   domains   the domains of the manifests
#   many      "SF1,SF2,SM1": default domains of models with many domains, if `pair` is set
#
# If the caller has a function adapt, it is called before the recipe and sets what depends on the facts ($fact_model,
# $fact_recipe, $fact_batches, $fact_source, ...).
#
# This script parses the options, changes to the folder of the corpus, puts `translate` on the PATH, and sets name (of
# the configuration), data (the folder of the manifests; a caller may choose its own) and overrides. A recipe calls
# name_run to set tag and run (exp/<tag>). --model NAME is short for --config conf/NAME.yaml.
set -euo pipefail

recipe_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
recipe_corpus=$(basename "$(cd "$(dirname "$0")" && pwd)")
caller_folder=$PWD

# The options of recipe $1.
list_options() { sed -n 's/^options="\(.*\)"/\1/p' "$recipe_root/recipes/$1.sh"; }

if [ -z "${recipes:-}" ]; then
    recipes=$(grep -l '^options="' "$recipe_root"/recipes/*.sh | xargs -n 1 basename -s .sh | tr '\n' ' ')
fi
common_options="stage stop_stage corpus config model tag"
options=$common_options
for recipe_name in $recipes; do
    for recipe_option in $(list_options "$recipe_name"); do
        case " $options " in *" $recipe_option "*) ;; *) options+=" $recipe_option" ;; esac
    done
done
for recipe_option in $options; do printf -v "$recipe_option" %s "${!recipe_option:-}"; done
: "${stage:=0}" "${stop_stage:=5}" "${data:=data}"
. "$recipe_root/tools/parse_options.sh"

say() { echo "[$(date +%H:%M:%S)] $*" >&2; }
fail() {
    echo "$recipe_corpus/run.sh: $*" >&2
    exit 2
}
# Whether the option $1 is on the command line.
is_given() { case " $given " in *" $1 "*) ;; *) return 1 ;; esac; }
# A path that the caller gave, relative to where the caller stands.
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$caller_folder/$1" ;; esac; }
# Whether stage $1 was requested; if so, says what it does ($2).
stage_runs() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ] && say "stage $1: $2"; }
# Name the run $1, unless --tag does.
name_run() {
    tag=${tag:-$1}
    run=exp/$tag
}

# Stage 0: find the corpus, and record its folder for later stages.
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

# Set `manifests` to those of folder $1: train, dev where there is one, eval.
find_manifests() {
    local split
    manifests=()
    for split in train dev eval; do
        if [ -f "$1/$split.jsonl" ]; then manifests+=("$1/$split.jsonl"); fi
    done
}

# Stage 6, the same in all recipes.
export_run() {
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate export "$run" "$run/onnx"
}

# Set the source and the target of a model with two domains, or the domains of a model with many, unless given.
choose_domains() {
    local first second
    if is_given domains || [ -z "${pair:-}" ]; then return; fi
    if [ "$fact_batches" = labelled ]; then
        if [ -n "${many:-}" ]; then domains=$many data=data/many; fi
    else
        read -r first second <<<"$pair"
        source=${source:-$first} target=${target:-$second}
    fi
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
. "$recipe_root/tools/activate.sh"

recipe_facts=$(translate models --config "$config" "${overrides[@]+"${overrides[@]}"}" --facts) || exit 2
eval "$(sed 's/^/fact_/' <<<"$recipe_facts")"
case " $recipes " in
    *" $fact_recipe "*) ;;
    *) fail "$config: $fact_model needs the recipe $fact_recipe; this corpus serves: $recipes" ;;
esac
recipe_options="$common_options $(list_options "$fact_recipe")"
for recipe_option in $given; do
    case " $recipe_options " in
        *" $recipe_option "*) ;;
        *) fail "unknown option --$recipe_option of $fact_model; known: --${recipe_options// / --}" ;;
    esac
done
if declare -F adapt >/dev/null; then adapt; fi
choose_domains
. "$recipe_root/recipes/$fact_recipe.sh"
