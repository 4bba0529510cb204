#!/usr/bin/env bash
# Make the recordings in translate/demo/examples again: our sentences, spoken by the synthesiser espeak-ng.
#
#   bash tools/make_demo_examples.sh [FOLDER]
#
# Needs espeak-ng (Debian: apt-get install espeak-ng) and the project's environment. Other versions of espeak-ng
# speak a little differently.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${1:-$root/translate/demo/examples}
command -v espeak-ng >/dev/null || {
    echo "tools/make_demo_examples.sh: needs espeak-ng (Debian: apt-get install espeak-ng)" >&2
    exit 2
}
source "$root/tools/activate.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() {  # NAME VOICE PITCH SENTENCE
    espeak-ng -v "$2" -p "$3" -s 150 -w "$work/$1.wav" "$4"
}
say female-morning en-us+f2 55 "Good morning, the early train was late again."
say female-question en-us+f2 55 "Would you like to hear another voice?"
say male-river en-us+m3 38 "We walked along the river until it rained."
say male-numbers en-us+m3 38 "One, two, three, four, five, six."

mkdir -p "$folder"
python3 - "$work" "$folder" <<'END'
import sys
from pathlib import Path

import numpy as np
import soundfile

from translate.speech.analysis.wave import read_wave

RATE, PEAK, MARGIN = 16000, 0.5, 0.1                                # Hz; of the wave; seconds kept around speech

for path in sorted(Path(sys.argv[1]).glob("*.wav")):
    wave, _ = read_wave(path, RATE)
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    edge = int(MARGIN * RATE)
    wave = wave[max(0, loud[0] - edge) : loud[-1] + edge]
    wave *= PEAK / np.abs(wave).max()
    out = Path(sys.argv[2]) / f"{path.stem}.flac"
    soundfile.write(out, wave, RATE, subtype="PCM_16")
    print(f"{out.name}: {len(wave) / RATE:.2f} s, {out.stat().st_size} bytes")
END
