#!/usr/bin/env bash
# Download speakers of the CMU ARCTIC databases (Kominek and Black 2004; free, see the COPYING of each) and lay them out
# as DIR/<speaker>/<sentence>.wav. Prints DIR.
#
#   bash local/get_corpus.sh DIR SPEAKER,SPEAKER,...
#
# Cut downloads are resumed. Every archive is tested, and every speaker must end with 1100 sentences at least: some lack
# one or two of the 1132.
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
for speaker in ${2//,/ }; do
    if [ "$(count "$dir/$speaker" '*.wav')" -lt 1100 ]; then
        archive=cmu_us_${speaker}_arctic
        unpack "${ARCTIC_URL:-http://festvox.org/cmu_arctic/packed}/$archive.tar.bz2" downloads/unpacked
        mkdir -p "$dir/$speaker"
        find "downloads/unpacked/$archive/wav" -name '*.wav' -exec mv {} "$dir/$speaker/" \;
        rm -r "downloads/unpacked/$archive"
        found=$(count "$dir/$speaker" '*.wav')
        [ "$found" -ge 1100 ] || fail "$dir/$speaker: $found sentences, expected 1100 at least; delete it and start again"
    fi
done
echo "$dir"
