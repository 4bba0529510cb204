# What the scripts egs/*/local/get_corpus.sh share: downloads that are resumed, archives that are tested before they
# are unpacked, files that are counted. Messages go to standard error: standard output is the folder's name.
set -euo pipefail

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
known_checksums=${CORPUS_SHA256SUMS:-$(dirname "$0")/sha256sums}

fail() {
    echo "get_corpus.sh: $*" >&2
    exit 2
}

# Files in folder $1 (its own, not those of folders inside) whose names match the pattern $2.
count() { find "$1" -maxdepth 1 -type f -name "$2" 2>/dev/null | wc -l | tr -d ' '; }

# Stop unless folder $1 has $2 files that match the pattern $3.
expect() {
    local found
    found=$(count "$1" "$3")
    [ "$found" -eq "$2" ] || fail "$1: $found files $3, expected $2; delete the folder and start again"
}

# Print the SHA-256 that the archive $1 must have: that of sha256sums beside get_corpus.sh (another list:
# CORPUS_SHA256SUMS), otherwise that of downloads/sha256sums, recorded when it was first unpacked; nothing if neither
# has it.
find_checksum() {
    local list
    for list in "$known_checksums" downloads/sha256sums; do
        [ -f "$list" ] || continue
        awk -v name="$(basename "$1")" '$2 == name && !found { print $1; found = 1 } END { exit !found }' "$list" &&
            return
    done
    return 0
}

# Whether the archive $1 is there and whole: of the checksum $2 where there is one, else readable.
is_whole() {
    [ -f "$1" ] || return 1
    if [ -n "$2" ]; then
        [ "$(python "$recipes/archive.py" sum "$1")" = "$2" ]
        return
    fi
    case "$1" in
        *.zip) python -m zipfile -t "$1" >/dev/null 2>&1 ;;
        *.bz2) python -m tarfile -t "$1" >/dev/null 2>&1 ;;
        *) gzip --test "$1" 2>/dev/null ;;
    esac
}

# Download $1 to downloads/, going on where it was cut, and unpack it into the folder $2, all of it or nothing; what was
# in the folder is replaced. $3: pattern of the members to take, all without.
unpack() {
    local archive checksum only=()
    archive=downloads/$(basename "$1")
    mkdir -p downloads
    checksum=$(find_checksum "$archive")
    if ! is_whole "$archive" "$checksum"; then
        echo "downloading $1" >&2
        case "$1" in https:*) only=(--proto =https) ;; esac # no detour that anybody could listen to
        curl --fail --location --retry 5 ${only[@]+"${only[@]}"} --continue-at - --output "$archive" "$1" >&2 ||
            fail "cannot download $1; get it by hand into $PWD/downloads, or give your copy: --corpus DIR"
        is_whole "$archive" "$checksum" ||
            fail "$archive is damaged${checksum:+ or another one (its SHA-256 is not $checksum)}: delete it and start again"
    fi
    if [ -z "$checksum" ]; then
        checksum=$(python "$recipes/archive.py" sum "$archive")
        echo "$checksum  $(basename "$archive")" >>downloads/sha256sums
        echo "$archive: no checksum is published; its SHA-256 is $checksum, noted in downloads/sha256sums" >&2
    fi
    python "$recipes/archive.py" unpack "$archive" "$2" ${3:+"$3"} || exit 2
}
