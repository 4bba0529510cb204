#!/usr/bin/env bash
# Cityscapes needs a login. Uses what was unpacked here by hand, or says where to get it. Prints DIR.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
[ -d "$dir/leftImg8bit/train" ] && [ -d "$dir/gtFine/train" ] || fail "no $dir/leftImg8bit and $dir/gtFine;" \
    "register at https://www.cityscapes-dataset.com, unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip" \
    "there, or give your copy: --corpus DIR"
for split in train:2975 val:500; do
    found=$(find "$dir/leftImg8bit/${split%:*}" -name '*_leftImg8bit.png' | wc -l | tr -d ' ')
    [ "$found" -eq "${split#*:}" ] ||
        fail "$dir/leftImg8bit/${split%:*}: $found photographs, expected ${split#*:}; unpack the archive again"
done
echo "$dir"
