# Postfilters, which make synthetic speech natural, in stages.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/<speakers>/{train,dev,eval}.jsonl; every recording that trains is checked
#   2 extract    data/synthetic/<what>: synthetic speech of the target, aligned with the natural one, and
#                dump/<config>-<what>: the features of both
#   3 train      exp/<tag>, from `synthetic` to `natural`; continues an interrupted run. With train.evaluate_every, dev
#                chooses the best step
#   4 convert    exp/<tag>/converted/synthetic-natural: the evaluation set, with the best step where one was chosen
#   5 evaluate   exp/<tag>/results.md, results.json, pictures
#   6 export     exp/<tag>/onnx: graphs for onnxruntime; only when asked for, --stage 6 --stop_stage 6
#
# The synthetic speech is made by the first of these options that is given:
#
#   --smooth N         analysis-synthesis with mel-cepstra averaged over N frames; for a postfilter of STFT spectra,
#                      their log magnitudes, the phase by Griffin and Lim
#   --converter RUN    a run's conversions of the source's sentences, warped to the target's timing
#   --base CONFIG      the same by a run of that configuration, which stage 2 trains: exp/<its name>_<source>-<target>
#
# and by plain analysis-synthesis if none is given and `base` is empty. Sourced by recipes/run.sh; the caller sets pair,
# base, train_files, eval_files, dev_files (patterns of file names, see voice_conversion.sh).
options="source target base smooth converter jobs"
: "${jobs:=-1}"
case "$smooth" in *[!0-9]*) fail "--smooth: expected a number of frames, found '$smooth'" ;; esac
if [ -n "$converter" ] && [ -d "$caller_folder/$converter" ]; then converter=$caller_folder/$converter; fi
if [ -n "$smooth" ]; then converter= base=; elif [ -n "$converter" ]; then base=; fi

# Print a name that says how the synthetic speech is made, and from which speakers.
name_synthetic() {
    if [ -n "$smooth" ]; then
        if [ "$fact_source" = stft ]; then echo "spectra$smooth-$target"; else echo "smooth$smooth-$target"; fi
    elif [ -n "$converter" ]; then
        echo "$(basename "$converter")_$source-$target"
    elif [ -n "$base" ]; then
        echo "$(basename "$base" .yaml)_$source-$target"
    else
        echo "vocoder-$target"
    fi
}

made=$(name_synthetic)
name_run "${name}_$made"
speakers=$target
if [ -n "$converter$base" ]; then speakers=$source,$target; fi
natural=$data/${speakers/,/-}
synthetic=$data/synthetic/$made
features=$(printf '%s\n' "${overrides[@]+"${overrides[@]}"}" | grep '^features\.' || true)
dump=${dump:-dump/$name-$made}${features:+-$(echo "$features" | cksum | cut -d' ' -f1)} # other features, another folder

# Train the base, if there is one, and set `making`: the options of `translate synthesise`.
prepare_synthesis() {
    making=(--config "$config")
    if [ -n "$smooth" ]; then making+=(--smooth "$smooth"); fi
    if [ -n "$base" ]; then
        [ -f "$base" ] || fail "--base $base: no such configuration"
        local features
        features=dump/$(basename "$base" .yaml)
        converter=exp/$(basename "$base" .yaml)_$source-$target
        find_manifests "$natural"
        translate extract "${manifests[@]}" --config "$base" --out "$features" --jobs "$jobs"
        translate train --config "$base" --features "$features" --out "$converter" --source "$source" --target "$target"
    fi
    if [ -n "$converter" ]; then making=(--converter "$converter" --from "$source"); fi
}

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    if declare -F arrange_corpus >/dev/null; then folder=$(arrange_corpus "$folder"); fi
    translate prepare "$folder" "$natural" --domains "$speakers" --train "$train_files" --eval "$eval_files" \
        ${dev_files:+--dev "$dev_files"}
    translate doctor "$natural/train.jsonl" --jobs "$jobs" ||
        fail "stage 1: the recordings above cannot be used; repair or remove them"
fi
if stage_runs 2 "synthetic speech, and features of it and the natural one"; then
    prepare_synthesis
    find_manifests "$natural"
    translate synthesise "${manifests[@]}" --out "$synthetic" --domain "$target" "${making[@]}" --jobs "$jobs"
    find_manifests "$synthetic"
    translate extract "${manifests[@]}" --config "$config" --out "$dump" --jobs "$jobs" \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 3 "training $run"; then
    translate train --config "$config" --features "$dump" --out "$run" --source synthetic --target natural \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 conversion; then
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate convert "$run" "$synthetic/eval.jsonl" "$run/converted/synthetic-natural" --from synthetic --to natural --features
fi
if stage_runs 5 evaluation; then
    translate evaluate "$run" --eval "$synthetic/eval.jsonl" --train "$synthetic/train.jsonl" --jobs "$jobs"
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
if stage_runs 6 "export to ONNX"; then export_run; fi
