#!/usr/bin/env bash
# Download the Voice Conversion Challenge 2018 database (Lorenzo-Trueba et al., DataShare 10283/3061, ODbL) and lay it
# out as DIR/<speaker>/<sentence>.wav. Prints DIR.
#
#   bash local/get_corpus.sh DIR
#
# Cut downloads are resumed. Every archive is tested, and every speaker must end with 81 training (1xxxx or 2xxxx) and
# 35 evaluation (3xxxx) sentences.
set -euo pipefail

dir=$1
base=${VCC2018_URL:-https://datashare.ed.ac.uk/bitstream/handle/10283/3061}
speakers="SF1 SF2 SF3 SF4 SM1 SM2 SM3 SM4 TF1 TF2 TM1 TM2"

fail() {
    echo "get_corpus.sh: $*" >&2
    exit 2
}

count() { find "$dir/$1" -name "$2*.wav" 2>/dev/null | wc -l; }

complete() {
    for speaker in $speakers; do
        [ "$(($(count "$speaker" 1) + $(count "$speaker" 2)))" -eq 81 ] && [ "$(count "$speaker" 3)" -eq 35 ] || return 1
    done
}

if ! complete; then
    mkdir -p downloads "$dir"
    for part in training evaluation reference; do
        archive=downloads/vcc2018_database_$part.zip
        if ! python -m zipfile -t "$archive" >/dev/null 2>&1; then
            echo "downloading $base/$(basename "$archive")" >&2
            curl --fail --location --retry 5 --continue-at - --output "$archive" "$base/$(basename "$archive")" >&2 ||
                fail "cannot download $(basename "$archive"); get it by hand from $base into $PWD/downloads"
            python -m zipfile -t "$archive" >/dev/null 2>&1 ||
                fail "$archive is damaged: delete it and start again"
        fi
        python -m zipfile -e "$archive" "downloads/$part"
        find "downloads/$part" -path '*/VCC2*/*.wav' -print | while read -r wave; do
            speaker=$(basename "$(dirname "$wave")")
            mkdir -p "$dir/${speaker#VCC2}"
            mv "$wave" "$dir/${speaker#VCC2}/"
        done
        rm -r "downloads/$part"
    done
    for speaker in $speakers; do
        trained=$(($(count "$speaker" 1) + $(count "$speaker" 2))) evaluated=$(count "$speaker" 3)
        [ "$trained" -eq 81 ] && [ "$evaluated" -eq 35 ] ||
            fail "$dir/$speaker: $trained training and $evaluated evaluation sentences; expected 81 and 35"
    done
fi
echo "$dir"
