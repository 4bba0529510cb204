#!/usr/bin/env bash
# Download the aerial photographs and maps of the pix2pix paper. Prints DIR with train/ and val/.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
base=${PIX2PIX_URL:-https://efrosgans.eecs.berkeley.edu/pix2pix/datasets}

if [ ! -d "$dir" ]; then
    unpack "$base/maps.tar.gz" downloads/unpacked
    expect downloads/unpacked/maps/train 1096 '*.jpg'
    expect downloads/unpacked/maps/val 1098 '*.jpg'
    mv downloads/unpacked/maps "$dir"
fi
echo "$dir"
