#!/usr/bin/env bash
# Download the images of super-resolution: 91 of Yang et al. and 200 of BSD to train with (from the LapSRN project of
# Lai et al. 2017), Set5 and Set14 to measure (from the SelfExSR project of Huang et al. 2015, low resolution by
# MATLAB's bicubic). Prints DIR with yang91/ bsd200/ set5/ set14/.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
training=${LAPSRN_URL:-https://vllab.ucmerced.edu/wlai24/LapSRN/results}
tests=${SELFEXSR_URL:-https://raw.githubusercontent.com/jbhuang0604/SelfExSR/master/data}

move_set() { # name in the archive, name here, number of images
    [ -d "$dir/$2" ] && return
    local found
    [ -d downloads/unpacked ] || unpack "$training/SR_training_datasets.zip" downloads/unpacked
    found=$(find downloads/unpacked -type d -name "$1" | head -n 1)
    [ -n "$found" ] || fail "SR_training_datasets.zip holds no folder $1"
    expect "$found" "$3" '*.png'
    mv "$found" "$dir/$2"
}

fetch_set() { # name there, name here, number of images
    mkdir -p "$dir/$2"
    for number in $(seq -f '%03g' 1 "$3"); do
        for kind in HR LR; do
            local file=img_${number}_SRF_4_$kind.png
            [ -f "$dir/$2/$file" ] && continue
            curl --fail --silent --show-error --location --retry 5 --output "$dir/$2/$file.part" \
                "$tests/$1/image_SRF_4/$file" >&2 || fail "cannot download $tests/$1/image_SRF_4/$file"
            mv "$dir/$2/$file.part" "$dir/$2/$file"
        done
    done
    expect "$dir/$2" "$((2 * $3))" '*.png'
}

mkdir -p "$dir"
move_set T91 yang91 91
move_set BSDS200 bsd200 200
fetch_set Set5 set5 5
fetch_set Set14 set14 14
echo "$dir"
