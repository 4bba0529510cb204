# Sourced by run.sh --part image and --part speech: every model after one step and after its training, and the table of
# both. Two run at a time, each on one core; what they say goes to exp/<model>.log.
. "$here/../../tools/activate.sh"
export OMP_NUM_THREADS=1
mkdir -p exp
modality=$part
if [ "$part" = image ]; then modality=images; fi

# Lists in exp/plan.<data>, for each folder of manifests, what trains on it: a line "PART STAGE CORPUS SETTINGS", from
# which stage on, and the settings of a single step; "-" for a model that starts from another's run. Models with the same
# features share them.
plan() {
    local facts folder known=
    rm -f exp/plan.*
    while IFS= read -r facts; do
        data= dump=
        eval "$facts"
        part=$fact_part
        adapt
        case "$corpus_kind" in
            voices) folder=corpus/voices features=$data/${dump:-$part} ;;
            *) folder=corpus/pictures/$corpus_kind features=$data ;;
        esac
        case " $known " in *" $features "*) stage=3 ;; *) stage=0 known+=" $features" ;; esac
        if [ -n "$fact_starts_from" ]; then fact_at_once=-; fi
        echo "$part $stage $PWD/$folder $fact_at_once" >>"exp/plan.$(basename "$data")"
        (get_corpus >/dev/null)
    done < <(python local/list_parts.py "$modality")
}

# Train and measure a model of a plan, after one step and after all.
compare() {
    local part=$1 stage=$2 folder=$3
    shift 3
    if [ "$*" != - ]; then
        bash run.sh --part "$part" --corpus "$folder" --stage "$stage" --tag "${part}_untrained" train.steps=1 "$@" || return 1
    fi
    bash run.sh --part "$part" --stage 3
}

# `compare` for each line of the plan $1; what it says in a log, and a line here when it is done.
work() {
    local begin part stage folder settings
    while read -r part stage folder settings; do
        begin=$SECONDS
        if ! compare "$part" "$stage" "$folder" $settings >"exp/$part.log" 2>&1 </dev/null; then
            tail -n 5 "exp/$part.log" >&2
            echo "mini/run.sh: $part failed; all that was said is in $PWD/exp/$part.log" >&2
            return 2
        fi
        echo "[$(date +%H:%M:%S)] $part: $((SECONDS - begin)) s" >&2
    done <"$1"
}

plan
export -f compare work
ls -S exp/plan.* | xargs -P 2 -n 1 bash -c 'work "$0"' || exit 2 # the longest first
python local/tabulate.py "$modality"
