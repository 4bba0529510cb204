# Image translation, in stages.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/train.jsonl, data/eval.jsonl; every training image is checked
#   2 (nothing)  images are decoded while training; speech has its features here
#   3 train      exp/<tag>; continues an interrupted run
#   4 convert    exp/<tag>/converted/<source>-<target>: the evaluation set; both directions where the model has both,
#                every domain where it has many
#   5 evaluate   exp/<tag>/results.md, results.json, pictures
#   6 export     exp/<tag>/onnx: graphs for onnxruntime; only when asked for, --stage 6 --stop_stage 6
#
# Sourced by recipes/run.sh. The caller sets layout and domains (see `translate prepare --help`), and source and target
# if the model has two domains; otherwise it has all of `domains`. --vgg FILE names a file with the weights of VGG19,
# for machines that cannot download them; --deep true adds the measures of downloaded networks (FID, KID, LPIPS).
options="source target domains vgg deep"
name_run "$name${source:+_$source-$target}"
case "$deep" in "" | true | false) ;; *) fail "--deep: expected true or false, found '$deep'" ;; esac

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    translate prepare "$folder" "$data" --layout "$layout" ${domains:+--domains "$domains"}
    translate doctor "$data/train.jsonl" || fail "stage 1: the images above cannot be used; repair or remove them"
fi
if stage_runs 2 "nothing to extract: images are decoded while training"; then :; fi
if stage_runs 3 "training $run"; then
    if [ -n "$source" ]; then between=(--source "$source" --target "$target"); else between=(--domains "$domains"); fi
    translate train --config "$config" --data "$data" --out "$run" "${between[@]}" ${vgg:+--vgg "$vgg"} \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 conversion; then
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate convert "$run" "$data/eval.jsonl" "$run/converted" --all
fi
if stage_runs 5 evaluation; then
    if [ "$deep" = true ]; then measures=(--deep); else measures=(); fi
    translate evaluate "$run" --eval "$data/eval.jsonl" --train "$data/train.jsonl" ${measures[@]+"${measures[@]}"}
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/pictures"
fi
if stage_runs 6 "export to ONNX"; then export_run; fi
