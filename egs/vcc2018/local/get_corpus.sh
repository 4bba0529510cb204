#!/usr/bin/env bash
# Download the Voice Conversion Challenge 2018 database (Lorenzo-Trueba et al., DataShare 10283/3061, ODbL) and lay it
# out as DIR/<speaker>/<sentence>.wav. Prints DIR.
#
#   bash local/get_corpus.sh DIR
#
# Cut downloads are resumed. Every archive is tested, and every speaker must end with 81 training (1xxxx or 2xxxx) and
# 35 evaluation (3xxxx) sentences.
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
base=${VCC2018_URL:-https://datashare.ed.ac.uk/bitstream/handle/10283/3061}
speakers="SF1 SF2 SF3 SF4 SM1 SM2 SM3 SM4 TF1 TF2 TM1 TM2"

# Sentences of speaker $1, of training and of evaluation.
count_sentences() { echo "$(($(count "$dir/$1" '1*.wav') + $(count "$dir/$1" '2*.wav'))) $(count "$dir/$1" '3*.wav')"; }

is_complete() {
    for speaker in $speakers; do
        [ "$(count_sentences "$speaker")" = "81 35" ] || return 1
    done
}

if ! is_complete; then
    for part in training evaluation reference; do
        unpack "$base/vcc2018_database_$part.zip" downloads/unpacked
        for speaker in $speakers; do
            mkdir -p "$dir/$speaker"
            find downloads/unpacked -path "*/VCC2$speaker/*.wav" -exec mv {} "$dir/$speaker/" \;
        done
        rm -r downloads/unpacked
    done
    for speaker in $speakers; do
        read -r trained evaluated <<<"$(count_sentences "$speaker")"
        [ "$trained" -eq 81 ] && [ "$evaluated" -eq 35 ] ||
            fail "$dir/$speaker: $trained training and $evaluated evaluation sentences; expected 81 and 35"
    done
fi
echo "$dir"
