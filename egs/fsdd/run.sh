#!/usr/bin/env bash
# Free Spoken Digit Dataset: English digits, 50 takes of each by every speaker, 8 kHz. One model for all pairs of
# speakers.
#
#   bash egs/fsdd/run.sh [--corpus DIR] [--domains george,jackson,lucas,nicolas] [--config FILE | --model NAME]
#                        [--tag NAME] [--stage N] [--stop_stage M] [--jobs N] [--difference true] [key=value ...]
#
# Without --corpus, stage 0 clones the public repository (about 25 MB). DIR: a local copy, its folder recordings/ or one
# folder per speaker, with {digit}_{speaker}_{take}.wav. Six speakers are there; theo and yweweler are the two that
# --domains leaves out by default. With --source A --target B, models of two domains can be trained, too.
#
# The clips are shorter than a crop, so stage 1 joins the ten digits of a take into one utterance, in an order that all
# speakers share: corpus/joined. The takes 0 to 4 are for evaluation, 5 to 9 choose the best step of a training (dev).
recipes=voice_conversion
config=conf/stargan_vc2_small.yaml
domains=george,jackson,lucas,nicolas train_files='train_*' dev_files='train_0[5-9]' eval_files='eval_*'

get_corpus() {
    if [ ! -d corpus/repository/recordings ]; then
        rm -rf corpus/repository
        git clone --quiet --depth 1 "${FSDD_URL:-https://github.com/Jakobovski/free-spoken-digit-dataset}" \
            corpus/repository >&2 || fail "cannot clone the corpus; get it by hand and give its folder: --corpus DIR"
    fi
    echo "$PWD/corpus/repository"
}

arrange_corpus() {
    python local/join_digits.py "$1" corpus/joined || exit 2
    echo "$PWD/corpus/joined"
}

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
