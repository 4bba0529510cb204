# What the scripts egs/*/local/get_corpus.sh share: downloads that are resumed, archives that are tested before they
# are unpacked, files that are counted. Everything is said on standard error: standard output is the folder's name.
set -euo pipefail

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

# Whether the archive $1 is there, whole and readable.
is_whole() {
    [ -f "$1" ] || return 1
    case "$1" in
        *.zip) python -m zipfile -t "$1" >/dev/null 2>&1 ;;
        *.bz2) python -m tarfile -t "$1" >/dev/null 2>&1 ;;
        *) gzip --test "$1" 2>/dev/null ;;
    esac
}

# Download $1 to downloads/, going on where it was cut, and unpack it into the folder $2.
unpack() {
    local archive
    archive=downloads/$(basename "$1")
    mkdir -p downloads "$2"
    if ! is_whole "$archive"; then
        echo "downloading $1" >&2
        curl --fail --location --retry 5 --continue-at - --output "$archive" "$1" >&2 ||
            fail "cannot download $1; get it by hand into $PWD/downloads, or give your copy: --corpus DIR"
        is_whole "$archive" || fail "$archive is damaged: delete it and start again"
    fi
    case "$archive" in
        *.zip) python -m zipfile -e "$archive" "$2" ;;
        *.bz2) python -m tarfile -e "$archive" "$2" ;;
        *) tar -xzf "$archive" -C "$2" ;;
    esac
}
