"""Join the spoken digits of one take into one utterance, the same order for all speakers.

    python local/join_digits.py CORPUS OUT

CORPUS is searched for files {digit}_{speaker}_{take}.wav: the public repository of the Free Spoken Digit Dataset, its
folder recordings/, or a folder per speaker. Writes OUT/<speaker>/{eval,train}_<take>.wav, the takes 0 to 4 for
evaluation. The clips are 0.4 s, shorter than a crop; their joined utterances are 4 to 6 s.

The digits of a take come in a permutation that the take's number seeds: utterances of the same name are the same
sentence in every speaker. Nothing is put between them: the clips begin and end with a little of the room already, and
pauses would count in the mel-cepstral distortion as frames that are easily right.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from translate.errors import UserError
from translate.names import below, check_name
from translate.speech.analysis.wave import read_wave, write_wave

NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<take>\d+)")
EVALUATION = range(5)                                               # takes, as the authors of the corpus advise
FADE = 0.005                                                        # seconds at both ends of a digit


def find_takes(corpus: Path) -> dict[tuple[str, int], dict[int, Path]]:
    """Find the clips of the ten digits by speaker and take, sorted.

    Raises:
        UserError: no digits, a speaker's name that cannot be a folder, or a digit is missing in a take.
    """
    takes: dict[tuple[str, int], dict[int, Path]] = defaultdict(dict)
    for path in sorted(corpus.rglob("*.wav")):
        if match := NAME.fullmatch(path.stem):
            speaker = check_name(match["speaker"], "speaker", path)
            takes[speaker, int(match["take"])][int(match["digit"])] = path
    if not takes:
        raise UserError(f"{corpus}: no files such as 7_jackson_32.wav; expected the Free Spoken Digit Dataset")
    for (speaker, take), digits in sorted(takes.items()):
        if missing := sorted(set(range(10)) - set(digits)):
            raise UserError(f"{corpus}: take {take} of {speaker} lacks the digit {missing[0]}; get the corpus again")
    return dict(sorted(takes.items()))


def join_takes(corpus: Path, out: Path) -> dict[str, int]:
    """Write the utterances of every speaker; returns how many each has.

    Raises:
        UserError: as `find_takes`, or clips of different rates.
    """
    counts: dict[str, int] = defaultdict(int)
    for (speaker, take), digits in find_takes(corpus).items():
        wave, rate = join(digits, take)
        split = "eval" if take in EVALUATION else "train"
        write_wave(below(out, f"{speaker}/{split}_{take:02d}.wav"), wave, rate)
        counts[speaker] += 1
    return counts


def join(digits: dict[int, Path], take: int) -> tuple[np.ndarray, int]:
    """The wave (N,) of one take and its rate in Hz."""
    read = [read_wave(digits[digit]) for digit in np.random.default_rng(take).permutation(10)]
    rate = read[0][1]
    if any(other != rate for _, other in read):
        raise UserError(f"{digits[0].parent}: the clips of take {take} have different sample rates")
    return np.concatenate([fade(wave, int(FADE * rate)) for wave, _ in read]), rate


def fade(wave: np.ndarray, samples: int) -> np.ndarray:
    """Without a click at either end."""
    samples = min(samples, len(wave) // 2)
    rise = np.arange(1, samples + 1) / (samples + 1)
    faded = wave.copy()
    faded[:samples] *= rise
    faded[len(faded) - samples :] *= rise[::-1]
    return faded


if __name__ == "__main__":
    try:
        found = join_takes(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        sys.exit(f"join_digits.py: {error}")
    print(f"{sys.argv[2]}: " + ", ".join(f"{speaker} {count}" for speaker, count in found.items()), file=sys.stderr)
