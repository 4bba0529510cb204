# Voice conversion between two domains, in stages; sourced by egs/<corpus>/run.sh, which sets the defaults.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/train.jsonl, data/eval.jsonl; every recording that trains is checked
#   2 extract    dump/<config>: features, memory-mapped
#   3 train      exp/<tag>; goes on where it was cut
#   4 convert    exp/<tag>/converted/<source>-<target>: the evaluation set, both directions
#   5 evaluate   exp/<tag>/results.md, results.json, pictures
#
# The caller sets source, target, config, train_files, eval_files (patterns of file names), optionally domains, and the
# function get_corpus. --model NAME is short for --config conf/NAME.yaml.
set -euo pipefail

recipe_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
options="stage stop_stage corpus config model tag source target jobs"
: "${stage:=0}" "${stop_stage:=5}" "${corpus:=}" "${config:=}" "${model:=}" "${tag:=}" "${jobs:=-1}"
. "$recipe_root/tools/parse_options.sh"

say() { echo "[$(date +%H:%M:%S)] $*" >&2; }
fail() {
    echo "$(basename "$(dirname "$0")")/run.sh: $*" >&2
    exit 2
}
# A path that the caller gave, relative to where the caller stands.
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

if [ -n "$corpus" ]; then corpus=$(absolute "$corpus"); fi
if [ -n "$model" ]; then config=conf/$model.yaml; fi
if [ -f "$config" ]; then config=$(absolute "$config"); fi
cd "$(dirname "$0")"
[ -f "$config" ] || fail "no configuration $config; there are: $(echo conf/*.yaml)"
name=$(basename "$config" .yaml)
tag=${tag:-${name}_${source}-${target}}
run=exp/$tag
features=$(printf '%s\n' "${overrides[@]+"${overrides[@]}"}" | grep '^features\.' || true)
dump=dump/$name${features:+-$(echo "$features" | cksum | cut -d' ' -f1)} # other features, another folder
. "$recipe_root/tools/activate.sh"

if [ "$stage" -le 0 ] && [ "$stop_stage" -ge 0 ]; then
    say "stage 0: corpus"
    if [ -z "$corpus" ]; then corpus=$(get_corpus); fi
    [ -d "$corpus" ] || fail "--corpus $corpus: no such folder"
    mkdir -p data
    echo "$corpus" >data/corpus
fi
if [ "$stage" -le 1 ] && [ "$stop_stage" -ge 1 ]; then
    say "stage 1: manifests and checks"
    [ -f data/corpus ] || fail "run stage 0 first (it notes where the corpus is)"
    translate prepare "$(cat data/corpus)" data ${domains:+--domains "$domains"} --train "$train_files" --eval "$eval_files"
    translate doctor data/train.jsonl --jobs "$jobs" ||
        fail "stage 1: the recordings above cannot be used; mend or remove them"
fi
if [ "$stage" -le 2 ] && [ "$stop_stage" -ge 2 ]; then
    say "stage 2: features"
    translate extract data/train.jsonl data/eval.jsonl --config "$config" --out "$dump" --jobs "$jobs" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if [ "$stage" -le 3 ] && [ "$stop_stage" -ge 3 ]; then
    say "stage 3: training $run"
    translate train --config "$config" --features "$dump" --out "$run" --source "$source" --target "$target" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if [ "$stage" -le 4 ] && [ "$stop_stage" -ge 4 ]; then
    say "stage 4: conversion"
    translate convert "$run" data/eval.jsonl "$run/converted/$source-$target" --from "$source" --to "$target" --features
    translate convert "$run" data/eval.jsonl "$run/converted/$target-$source" --from "$target" --to "$source" --features
fi
if [ "$stage" -le 5 ] && [ "$stop_stage" -ge 5 ]; then
    say "stage 5: evaluation"
    translate evaluate "$run" --eval data/eval.jsonl --train data/train.jsonl --jobs "$jobs"
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
