"""Print what training changed: each speech system's measure without conversion, after one step and after all of them.

    python local/tabulate_speech.py [EXP_FOLDER]

Reads EXP/<system>_untrained/results.json and EXP/<system>/results.json.
"""

import json
import sys
from pathlib import Path
from statistics import fmean

from tabulate import HEAD, moved, print_table

# System, measure of results.json, its decimals, what it is, and better when.
ROWS = [
    ("cyclegan_vc2", "mcd", 2, "mel-cepstral distortion, dB", "lower"),
    ("gan_vc", "mcd", 2, "mel-cepstral distortion, dB", "lower"),
    ("stargan_vc", "mcd", 2, "mel-cepstral distortion, dB", "lower"),
    ("stargan_vc2", "mcd", 2, "mel-cepstral distortion, dB", "lower"),
    ("gan_postfilter", "gv_upper", 2, "variance above c10 over natural", "nearer to 1"),
    ("stft_postfilter", "texture", 2, "texture distance of spectra, dB", "lower"),
    ("wavecyclegan", "spectral_convergence", 3, "spectral convergence", "lower"),
    ("wavecyclegan2", "spectral_convergence", 3, "spectral convergence", "lower"),
]


def read_measure(run: Path, measure: str, column: str) -> float:
    """The mean over all directions of a run."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return fmean(pair[measure][column] for pair in results["pairs"])


def main(exp: str = "exp") -> None:
    table = [HEAD]
    for system, measure, decimals, meaning, better in ROWS:
        source = read_measure(Path(exp, system), measure, "source")
        before = read_measure(Path(exp, f"{system}_untrained"), measure, "converted")
        after = read_measure(Path(exp, system), measure, "converted")
        verdict = "yes" if moved(before, after, better) and moved(source, after, better) else "no"
        numbers = [f"{value:.{decimals}f}" for value in (before, after, source)]
        table.append([system, meaning, *numbers[:2], better, verdict, f"input {numbers[2]}"])
    print_table(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
