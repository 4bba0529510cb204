#!/usr/bin/env bash
# Download horse2zebra of the CycleGAN paper. Prints DIR with trainA/ trainB/ testA/ testB/.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
base=${CYCLEGAN_URL:-https://efrosgans.eecs.berkeley.edu/cyclegan/datasets}

if [ ! -d "$dir" ]; then
    unpack "$base/horse2zebra.zip" downloads/unpacked
    expect downloads/unpacked/horse2zebra/trainA 1067 '*.jpg'
    expect downloads/unpacked/horse2zebra/trainB 1334 '*.jpg'
    expect downloads/unpacked/horse2zebra/testA 120 '*.jpg'
    expect downloads/unpacked/horse2zebra/testB 140 '*.jpg'
    mv downloads/unpacked/horse2zebra "$dir"
fi
echo "$dir"
