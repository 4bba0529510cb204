#!/usr/bin/env bash
# Download the CMP facades as the pix2pix paper prepared them. Prints DIR with train/ val/ test/.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
base=${PIX2PIX_URL:-https://efrosgans.eecs.berkeley.edu/pix2pix/datasets}

if [ ! -d "$dir" ]; then
    unpack "$base/facades.tar.gz" downloads/unpacked
    expect downloads/unpacked/facades/train 400 '*.jpg'
    expect downloads/unpacked/facades/val 100 '*.jpg'
    mv downloads/unpacked/facades "$dir"
fi
echo "$dir"
