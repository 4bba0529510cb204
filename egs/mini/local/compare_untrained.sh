# Sourced by run.sh --part image: every system after one step and after its training, and the table of both. Two run at a
# time, each on one core; what they say goes to exp/<system>.log.
. "$recipes/../tools/activate.sh"
export OMP_NUM_THREADS=1

python -c 'from translate.data.mini_images import make_images; make_images("corpus/pictures")'
mkdir -p exp

# Train and measure systems on the pictures in folder $1, one after the other; the first of them also after one step.
compare() {
    local pictures=$1 system=$2 phases=
    shift
    if [ "$system" = pix2pixhd ]; then phases='network.phases=[0,0]'; fi # its three do not fit into one step
    bash run.sh --part "$system" --corpus "$PWD/corpus/pictures/$pictures" --tag "${system}_untrained" train.steps=1 \
        $phases || return 1
    for system in "$@"; do bash run.sh --part "$system" --stage 3 || return 1; done
}

# `compare` for each argument, a line of words; what it says in a log, and a line here when it is done.
work() {
    local group begin log
    for group in "$@"; do
        begin=$SECONDS
        set -- $group
        log=exp/$2.log
        if ! compare "$@" >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            echo "mini/run.sh: ${*:2} failed; all that was said is in $PWD/$log" >&2
            return 1
        fi
        echo "[$(date +%H:%M:%S)] ${*:2}: $((SECONDS - begin)) s" >&2
    done
}

work "unpaired cyclegan" "domains stargan" &
other=$!
status=0
work "pairs pix2pix" "high srresnet srgan" "labels pix2pixhd" "labels spade" || status=2
wait "$other" || status=2
[ "$status" -eq 0 ] || exit "$status"
python local/tabulate.py
