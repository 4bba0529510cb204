#!/usr/bin/env bash
# CelebA cannot be fetched by a plain command: its homes are Google Drive and Baidu. Uses what was unpacked here by hand,
# or says where to get it. Prints DIR.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
[ -f "$dir/list_attr_celeba.txt" ] && [ -d "$dir/images" ] || fail "no $dir/images with $dir/list_attr_celeba.txt;" \
    "get img_align_celeba.zip (unpack it as images/) and list_attr_celeba.txt from" \
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, or give your copy: --corpus DIR"
expect "$dir/images" 202599 '*.jpg'
echo "$dir"
