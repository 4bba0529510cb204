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
options="source target jobs"
: "${jobs:=-1}"
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

features=$(printf '%s\n' "${overrides[@]+"${overrides[@]}"}" | grep '^features\.' || true)
dump=dump/$name${features:+-$(echo "$features" | cksum | cut -d' ' -f1)} # other features, another folder

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    translate prepare "$folder" "$data" ${domains:+--domains "$domains"} --train "$train_files" --eval "$eval_files"
    translate doctor "$data/train.jsonl" --jobs "$jobs" ||
        fail "stage 1: the recordings above cannot be used; mend or remove them"
fi
if stage_runs 2 features; then
    translate extract "$data/train.jsonl" "$data/eval.jsonl" --config "$config" --out "$dump" --jobs "$jobs" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 3 "training $run"; then
    translate train --config "$config" --features "$dump" --out "$run" --source "$source" --target "$target" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 conversion; then
    translate convert "$run" "$data/eval.jsonl" "$run/converted/$source-$target" --from "$source" --to "$target" --features
    translate convert "$run" "$data/eval.jsonl" "$run/converted/$target-$source" --from "$target" --to "$source" --features
fi
if stage_runs 5 evaluation; then
    translate evaluate "$run" --eval "$data/eval.jsonl" --train "$data/train.jsonl" --jobs "$jobs"
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
