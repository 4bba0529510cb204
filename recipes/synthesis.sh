# Pictures from noise, in stages.
#
#   0 corpus     find it (--corpus) or get it: the function `get_corpus` of the caller prints its folder
#   1 prepare    data/train.jsonl, data/eval.jsonl; every training image is checked
#   2 (nothing)  images are decoded while training; speech has its features here
#   3 train      exp/<tag>; continues an interrupted run
#   4 generate   exp/<tag>/generated: --count pictures (1000), a sheet, their latent vectors; exp/<tag>/between: the way
#                from the first to the second
#   5 evaluate   exp/<tag>/results.md, results.json: against the evaluation set
#   6 export     exp/<tag>/onnx: a graph for onnxruntime; only when asked for, --stage 6 --stop_stage 6
#
# Sourced by recipes/run.sh. The caller sets layout and domains, the labels (see `translate prepare --help`); pictures
# without labels have none.
options="domains count"
name_run "$name"
: "${count:=1000}"

if stage_runs 0 corpus; then find_corpus; fi
if stage_runs 1 "manifests and checks"; then
    folder=$(read_corpus)
    translate prepare "$folder" "$data" --layout "$layout" ${domains:+--domains "$domains"}
    translate doctor "$data/train.jsonl" || fail "stage 1: the images above cannot be used; repair or remove them"
fi
if stage_runs 2 "nothing to extract: images are decoded while training"; then :; fi
if stage_runs 3 "training $run"; then
    translate train --config "$config" --data "$data" --out "$run" ${domains:+--domains "$domains"} \
        "${overrides[@]+"${overrides[@]}"}"
fi
if stage_runs 4 "pictures from noise"; then
    [ -f "$run/latest/config.yaml" ] || fail "no checkpoint in $run; run stage 3 first"
    translate generate "$run" "$run/generated" --count "$count"
    translate generate "$run" "$run/between" between=0,1
fi
if stage_runs 5 evaluation; then
    translate evaluate "$run" --eval "$data/eval.jsonl" --train "$data/train.jsonl"
    say "tables: $PWD/$run/results.md, pictures: $PWD/$run/generated/sheet.png"
fi
if stage_runs 6 "export to ONNX"; then export_run; fi
