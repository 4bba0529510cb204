# Sourced by run.sh --part image and --part speech: every system after one step and after its training, and the table of
# both. Two run at a time, each on one core; what they say goes to exp/<system>.log.
. "$recipes/../tools/activate.sh"
export OMP_NUM_THREADS=1
mkdir -p exp

# Train and measure systems on the folder corpus/$1 from stage $2 on, one after the other; the first of them also after
# one step.
compare() {
    local folder=$1 stage=$2 system=$3 phases=
    shift 2
    if [ "$system" = pix2pixhd ]; then phases='network.phases=[0,0]'; fi # its three do not fit into one step
    bash run.sh --part "$system" --corpus "$PWD/corpus/$folder" --stage "$stage" --tag "${system}_untrained" train.steps=1 \
        $phases || return 1
    for system in "$@"; do bash run.sh --part "$system" --stage 3 || return 1; done
}

# `compare` for each argument, a line of words; what it says in a log, and a line here when it is done.
work() {
    local group begin log
    for group in "$@"; do
        begin=$SECONDS
        set -- $group
        log=exp/$3.log
        if ! compare "$@" >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            echo "mini/run.sh: ${*:3} failed; all that was said is in $PWD/$log" >&2
            return 1
        fi
        echo "[$(date +%H:%M:%S)] ${*:3}: $((SECONDS - begin)) s" >&2
    done
}

if [ "$part" = image ]; then
    python -c 'from translate.images.corpus.mini import make_images; make_images("corpus/pictures")'
    one=("pictures/unpaired 0 cyclegan" "pictures/domains 0 stargan")
    other=("pictures/pairs 0 pix2pix" "pictures/high 0 srresnet srgan" "pictures/labels 0 pix2pixhd" "pictures/labels 0 spade")
    table=tabulate.py
else
    # Converters share their features, and the waveform systems theirs.
    bash run.sh --part stargan_vc --stop_stage 2 --jobs 2 >exp/features.log 2>&1 ||
        { tail -n 5 exp/features.log >&2 && exit 2; }
    one=("voices 3 stargan_vc" "voices 3 stargan_vc2" "voices 3 cyclegan_vc2" "voices 3 gan_vc")
    other=("voices 0 gan_postfilter" "voices 1 stft_postfilter" "voices 0 wavecyclegan" "voices 3 wavecyclegan2")
    table=tabulate_speech.py
fi
work "${one[@]}" &
background=$!
status=0
work "${other[@]}" || status=2
wait "$background" || status=2
[ "$status" -eq 0 ] || exit "$status"
python "local/$table"
