#!/usr/bin/env bash
# Link the recordings of VCTK's first microphone as OUT/<speaker>/<sentence>.flac, where a sentence that all speakers read
# has one name: rainbow_001 to rainbow_024. The others keep the speaker's name, p225_025: their numbers mean nothing to
# other speakers. Prints OUT.
#
#   bash local/arrange_corpus.sh VCTK OUT
set -euo pipefail

vctk=$1 out=$2
folder=$vctk/wav48_silence_trimmed
[ -d "$folder" ] || {
    echo "arrange_corpus.sh: $folder: no such folder; expected VCTK-Corpus-0.92" >&2
    exit 2
}
for of_speaker in "$folder"/*/; do
    speaker=$(basename "$of_speaker")
    mkdir -p "$out/$speaker"
    for path in "$of_speaker"*_mic1.flac; do
        [ -f "$path" ] || continue # p280 and others lack a microphone
        sentence=$(basename "$path" _mic1.flac)
        number=${sentence##*_}
        case "$number" in *[!0-9]* | "") continue ;; esac # arithmetic would run what stands in brackets
        if [ "$((10#$number))" -le 24 ]; then sentence=rainbow_$number; fi
        ln -sf "$(cd "$of_speaker" && pwd)/$(basename "$path")" "$out/$speaker/$sentence.flac"
    done
done
echo "$out"
