#!/usr/bin/env bash
# Download night2day of the pix2pix paper, views of the same place at two times side by side in one file, and take them
# apart. Prints DIR with trainA/ testA/ (day) and trainB/ testB/ (night).
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
base=${PIX2PIX_URL:-https://efrosgans.eecs.berkeley.edu/pix2pix/datasets}

if [ ! -d "$dir" ]; then
    unpack "$base/night2day.tar.gz" downloads/unpacked
    python local/split_pairs.py downloads/unpacked/night2day "$dir"
    rm -r downloads/unpacked
fi
for split in train test; do
    [ "$(count "$dir/${split}A" '*.jpg')" -gt 0 ] && [ "$(count "$dir/${split}A" '*.jpg')" -eq "$(count "$dir/${split}B" '*.jpg')" ] ||
        fail "$dir: ${split}A and ${split}B do not hold the same number of views; delete the folder and start again"
done
echo "$dir"
