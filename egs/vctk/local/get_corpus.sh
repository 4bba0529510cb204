#!/usr/bin/env bash
# Download VCTK 0.92 (Yamagishi, Veaux and MacDonald 2019, DataShare 10283/3443, CC BY 4.0) and unpack the recordings of
# the first microphone to DIR/wav48_silence_trimmed. Prints DIR.
#
#   bash local/get_corpus.sh DIR
#
# A cut download is resumed; the archive's checksum is compared before it is unpacked.
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
url=${VCTK_URL:-https://datashare.ed.ac.uk/bitstream/handle/10283/3443}/VCTK-Corpus-0.92.zip
checksum=${VCTK_SHA256:-f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c}
archive=downloads/VCTK-Corpus-0.92.zip

if [ ! -f "$dir/complete" ]; then
    mkdir -p downloads "$dir"
    if ! echo "$checksum  $archive" | sha256sum --check --status 2>/dev/null; then
        echo "downloading $url" >&2
        curl --fail --location --retry 5 --continue-at - --output "$archive" "$url" >&2 ||
            fail "cannot download $url; get it by hand into $PWD/downloads, or give your copy: --corpus DIR"
        echo "$checksum  $archive" | sha256sum --check --status || fail "$archive is damaged: delete it and start again"
    fi
    python - "$archive" "$dir" <<'PY'
import sys
from zipfile import ZipFile

archive = ZipFile(sys.argv[1])
for name in archive.namelist():
    if "wav48_silence_trimmed/" in name and name.endswith("_mic1.flac"):
        member = archive.getinfo(name)
        member.filename = name[name.index("wav48_silence_trimmed/") :]
        archive.extract(member, sys.argv[2])
PY
    touch "$dir/complete"
fi
echo "$dir"
