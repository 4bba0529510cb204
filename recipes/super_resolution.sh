# Super-resolution, in stages.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/train.jsonl, data/eval.jsonl; every training image is checked
#   2 (nothing)  images are decoded, and made small, while training; speech has its features here
#   3 train      exp/<tag>; continues an interrupted run
#   4 convert    exp/<tag>/converted/low-high: the test sets
#   5 evaluate   exp/<tag>/results.md, results.json, pictures; a row for each test set
#   6 export     exp/<tag>/onnx: graphs for onnxruntime; only when asked for, --stage 6 --stop_stage 6
#
# Sourced by recipes/run.sh. The corpus has train/ and test/, or a folder per set of images; those with files X_HR and
# X_LR are the test sets. --low made takes X_HR alone and makes the low resolution here, for other factors than the
# files have. --vgg FILE names a file with the weights of VGG19, for machines that cannot download them; --deep true
# adds the measures of downloaded networks. A model that starts from another (SRGAN from SRResNet) starts from
# --start_from RUN; default: the run of the other's configuration, the small one for a small one.
options="low start_from vgg deep"
: "${low:=files}"
name_run "$name"
case "$low" in files | made) ;; *) fail "--low: expected files or made, found '$low'" ;; esac
case "$deep" in "" | true | false) ;; *) fail "--deep: expected true or false, found '$deep'" ;; esac

# Print the setting that names the run to start from: the given one, or that of the model that $fact_starts_from names.
find_start() {
    local first=$fact_starts_from
    if [ -z "$start_from" ] && [ -n "$first" ]; then
        case "$name" in *_small) first+=_small ;; esac
        start_from=exp/$first
        [ -d "$start_from" ] || fail "stage 3: $name starts from a run of $fact_starts_from, and $PWD/$start_from is not" \
            "there; run --config conf/$first.yaml first, or name a run with --start_from"
    fi
    if [ -n "$start_from" ]; then echo "train.start_from=$start_from"; fi
}

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    translate prepare "$folder" "$data" --layout high
    if [ "$low" = made ]; then
        grep -v '"domain": "low"' "$data/eval.jsonl" >"$data/eval.jsonl.part"
        mv "$data/eval.jsonl.part" "$data/eval.jsonl"
    fi
    translate doctor "$data/train.jsonl" || fail "stage 1: the images above cannot be used; repair or remove them"
fi
if stage_runs 2 "nothing to extract: images are decoded while training"; then :; fi
if stage_runs 3 "training $run"; then
    start=$(find_start)
    translate train --config "$config" --data "$data" --out "$run" --source low --target high ${vgg:+--vgg "$vgg"} \
        ${start:+"$start"} "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 conversion; then
    translate convert "$run" "$data/eval.jsonl" "$run/converted/low-high"
fi
if stage_runs 5 evaluation; then
    if [ "$deep" = true ]; then measures=(--deep); else measures=(); fi
    translate evaluate "$run" --eval "$data/eval.jsonl" --train "$data/train.jsonl" ${measures[@]+"${measures[@]}"}
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
if stage_runs 6 "export to ONNX"; then export_run; fi
