"""Recognise the digits of converted speech by a recogniser that was fitted to natural digits.

    python local/recognise_digits.py CORPUS RUN

CORPUS is the corpus that `join_digits.py` read, RUN a run of this recipe after its stage 5. Prints the share of digits
that are not recognised as a Markdown table: natural speech, the baselines' waves in RUN/baselines, and those of
RUN/converted, for the evaluation takes 0 to 4.

The recogniser is a support vector machine on mel-frequency cepstra at twelve places of a digit and their mean over the
digit, fitted to the takes 5 to 49 of the speakers in RUN, one speaker as loud as another. A converted digit is where
the source's was: frames keep their time.
"""

import re
import sys
from pathlib import Path

import librosa
import numpy as np
from join_digits import EVALUATION, find_takes, join
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from translate.errors import UserError
from translate.speech.analysis.wave import read_wave

PLACES = 12                                                         # of a digit whose frames are compared
COEFFICIENTS = 20                                                   # mel-frequency cepstra; the first is left out
WINDOW = 0.025                                                      # seconds

Digits = dict[int, Path]                                            # the ten clips of one take


def describe(wave: np.ndarray, rate: int) -> np.ndarray:
    """Return what the recogniser sees of a digit (N,): cepstra (PLACES, COEFFICIENTS - 1), flat."""
    window = int(WINDOW * rate)
    wave = np.pad(wave, (0, max(window - len(wave), 0))).astype(np.float32)
    cepstra = librosa.feature.mfcc(
        y=wave, sr=rate, n_mfcc=COEFFICIENTS, n_fft=window, hop_length=window // 3, n_mels=40
    )[1:]
    places = np.linspace(0, cepstra.shape[1] - 1, PLACES).round().astype(int)
    return (cepstra - cepstra.mean(axis=1, keepdims=True))[:, places].ravel()


def fit(takes: list[Digits]) -> Pipeline:
    """Fit the recogniser to natural takes."""
    seen, wanted = [], []
    for digits in takes:
        for digit, path in digits.items():
            seen.append(describe(*read_wave(path)))
            wanted.append(digit)
    return make_pipeline(StandardScaler(), SVC(C=10)).fit(np.stack(seen), wanted)


def count_errors(recogniser: Pipeline, wave: np.ndarray, rate: int, digits: Digits, take: int) -> int:
    """Count the digits of a joined take (N,) that are recognised as others."""
    order = np.random.default_rng(take).permutation(10)             # as `join_digits.join`
    lengths = [len(read_wave(digits[digit])[0]) for digit in order]
    ends = np.cumsum(lengths)
    if abs(len(wave) - ends[-1]) > WINDOW * rate:
        raise UserError(f"take {take}: {len(wave)} samples, its digits have {ends[-1]}; was RUN trained on CORPUS?")
    parts = [wave[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    found = recogniser.predict(np.stack([describe(part, rate) for part in parts]))
    return int((found != order).sum())


def measure(corpus: Path, run: Path) -> dict[str, list[int]]:
    """Return the errors of every utterance by system.

    Raises:
        UserError: RUN has no converted speech, or a take of another corpus.
    """
    takes = find_takes(corpus)
    pairs = sorted(path.name for path in (run / "converted").glob("*-*"))
    if not pairs:
        raise UserError(f"{run}: no converted speech; run the stages 4 and 5 of the recipe")
    speakers = sorted({name for pair in pairs for name in pair.split("-")})
    recogniser = fit([digits for (name, take), digits in takes.items() if name in speakers and take not in EVALUATION])
    folders = {"source, vocoder": run / "baselines/vocoder", "mean-variance": run / "baselines/mean_variance",
               "linear": run / "baselines/linear", "converted": run / "converted"}  # fmt: skip
    errors: dict[str, list[int]] = {"natural": []}
    for (name, take), digits in takes.items():
        if name in speakers and take in EVALUATION:
            errors["natural"].append(count_errors(recogniser, *join(digits, take), digits, take))
    for system, folder in folders.items():
        for path in sorted(folder.rglob("*.wav")):
            take = re.search(r"eval_(\d+)", path.stem)
            source = path.parent.name.split("-")[0]
            if take and source in speakers:
                number = int(take[1])
                wave, rate = read_wave(path)
                errors.setdefault(system, []).append(
                    count_errors(recogniser, wave, rate, takes[source, number], number)
                )
    return errors


if __name__ == "__main__":
    try:
        found = measure(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        print(f"recognise_digits.py: {error}", file=sys.stderr)
        sys.exit(2)
    print("| digits that are not recognised | digits | % |\n|---|---:|---:|")
    for system, counts in found.items():
        print(f"| {system} | {10 * len(counts)} | {10 * np.mean(counts):.1f} |")
