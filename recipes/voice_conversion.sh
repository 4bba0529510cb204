# Voice conversion between two domains or among many, in stages.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/{train,dev,eval}.jsonl, no sentence in two of them; every recording that trains is checked
#   2 extract    dump/<config>: features of all three, memory-mapped
#   3 train      exp/<tag>; continues an interrupted run. With train.evaluate_every, dev chooses the best step
#   4 convert    exp/<tag>/converted/<source>-<target>: the evaluation set, every direction that the model has, with the
#                best step where one was chosen, else with the last
#   5 evaluate   exp/<tag>/results.md, results.json, pictures: the evaluation set, which has chosen nothing
#   6 export     exp/<tag>/onnx: graphs for onnxruntime; only when asked for, --stage 6 --stop_stage 6
#
# Sourced by recipes/run.sh. The caller sets train_files, eval_files (patterns of file names), dev_files (likewise, or
# none; default: every tenth sentence that trains, see `translate prepare`), domains (of the manifests; default: every
# folder), and source and target if the model has two domains; otherwise it has all of `domains`. If the caller has a
# function arrange_corpus, it makes from the corpus in folder $1 one with a folder per domain, and prints the new folder.
# --difference true filters the source's waves in stage 4 by the ratio of the envelopes, without a vocoder, which keeps
# F0: for speakers of one gender.
options="source target domains jobs difference"
: "${jobs:=-1}"
case "${difference:=false}" in true | false) ;; *) fail "--difference: expected true or false, found '$difference'" ;; esac
name_run "$name${source:+_$source-$target}"
if [ "${source:+given}" != "${target:+given}" ]; then fail "--source and --target go together"; fi

features=$(printf '%s\n' "${overrides[@]+"${overrides[@]}"}" | grep '^features\.' || true)
dump=${dump:-dump/$name}${features:+-$(echo "$features" | cksum | cut -d' ' -f1)} # other features, another folder

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    if declare -F arrange_corpus >/dev/null; then folder=$(arrange_corpus "$folder"); fi
    translate prepare "$folder" "$data" ${domains:+--domains "$domains"} --train "$train_files" --eval "$eval_files" \
        ${dev_files:+--dev "$dev_files"}
    translate doctor "$data/train.jsonl" --jobs "$jobs" ||
        fail "stage 1: the recordings above cannot be used; repair or remove them"
fi
if stage_runs 2 features; then
    find_manifests "$data"
    translate extract "${manifests[@]}" --config "$config" --out "$dump" --jobs "$jobs" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 3 "training $run"; then
    if [ -n "$source" ]; then between=(--source "$source" --target "$target"); else between=(--domains "$domains"); fi
    translate train --config "$config" --features "$dump" --out "$run" "${between[@]}" "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 conversion; then
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate convert "$run" "$data/eval.jsonl" "$run/converted" --all --features difference="$difference"
fi
if stage_runs 5 evaluation; then
    translate evaluate "$run" --eval "$data/eval.jsonl" --train "$data/train.jsonl" --jobs "$jobs"
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
if stage_runs 6 "export to ONNX"; then export_run; fi
