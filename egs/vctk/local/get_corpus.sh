#!/usr/bin/env bash
# Download VCTK 0.92 (Yamagishi, Veaux and MacDonald 2019, DataShare 10283/3443, CC BY 4.0) and unpack the recordings of
# the first microphone to DIR/wav48_silence_trimmed. Prints DIR.
#
#   bash local/get_corpus.sh DIR
#
# A cut download is resumed; the archive's checksum (sha256sums, here) is compared before it is unpacked.
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
url=${VCTK_URL:-https://datashare.ed.ac.uk/bitstream/handle/10283/3443}/VCTK-Corpus-0.92.zip

if [ ! -f "$dir/complete" ]; then
    unpack "$url" downloads/unpacked '*wav48_silence_trimmed/*_mic1.flac'
    found=$(find downloads/unpacked -type d -name wav48_silence_trimmed | head -n 1)
    mkdir -p "$dir"
    rm -rf "$dir/wav48_silence_trimmed"
    mv "$found" "$dir/"
    rm -r downloads/unpacked
    touch "$dir/complete"
fi
echo "$dir"
