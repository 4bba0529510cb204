"""Print what training changed: each model's measure after one step and after all of them.

    python local/tabulate.py speech|images [EXP_FOLDER]

Reads EXP/<model>_untrained/results.json and EXP/<model>/results.json; the models are those of conf/.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from list_parts import find_parts


@dataclass(frozen=True)
class Measure:
    """A measure of results.json.

    Attributes:
        key: its name there.
        meaning: what it is.
        better: when it is better.
        trivial: the row of results.json that needs no network.
        decimals: shown.
        factor: of what is shown.
    """

    key: str
    meaning: str
    better: str = "lower"
    trivial: str = "source"
    decimals: int = 2
    factor: int = 1


SHARPNESS = Measure("sharpness", "gradient over the target's, from {}'s", "nearer to 1", "bicubic")
HEAD = ["model", "measure", "untrained", "trained", "better when", "moved so", "without a network"]


def choose_measure(facts: dict[str, str]) -> Measure:
    """What a model is measured by, by its facts."""
    match facts["recipe"], facts["source"], facts["batches"]:
        case "postfilter", "stft", _:
            return Measure("texture", "texture distance of spectra, dB")
        case "postfilter", _, _:
            return Measure("gv_upper", "variance above c10 over natural", "nearer to 1")
        case "waveform", _, _:
            return Measure("spectral_convergence", "spectral convergence", decimals=3)
        case "super_resolution", _, _:
            return Measure("psnr_y", "PSNR of luma, dB", "higher", "bicubic")
        case "image_translation", _, "paired":
            return Measure("l1", "L1 to the target, of 255", trivial="mean target", decimals=1)
        case "image_translation", _, _:
            return Measure("domain_accuracy", "taken for the target texture, %", "higher", "input", 0, 100)
    return Measure("mcd", "mel-cepstral distortion, dB")


def read_measure(run: Path, measure: Measure, row: str = "converted") -> float:
    """The mean over all directions of a run, of what it converted or of another row, as it is shown."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    if "pairs" in results:
        # Measures of the waves alone have no row of the model's features.
        rows = [pair[measure.key] for pair in results["pairs"]]
        return fmean(of_pair["resynthesised" if row not in of_pair else row] for of_pair in rows)
    return measure.factor * fmean(task["rows"][row][measure.key] for task in results["tasks"])


def moved(before: float, after: float, better: str) -> bool:
    if better == "nearer to 1":
        before, after = -abs(before - 1), -abs(after - 1)
    return after < before if better == "lower" else after > before


def make_row(exp: Path, model: str, start: str, measure: Measure) -> list[str]:
    """A row of the table; speech must also be better than the input."""
    before, after = (read_measure(exp / run, measure) for run in (start, model))
    without = read_measure(exp / model, measure, measure.trivial)
    good = moved(before, after, measure.better)
    if measure.trivial == "source":
        good = good and moved(without, after, measure.better)
    numbers = [f"{value:.{measure.decimals}f}" for value in (before, after, without)]
    trivial = "input" if measure.trivial == "source" else measure.trivial
    return [model, measure.meaning, *numbers[:2], measure.better, "yes" if good else "no", f"{trivial} {numbers[2]}"]


def main(modality: str, exp: str = "exp") -> None:
    table, parts = [HEAD], find_parts(modality)
    for model, facts in parts.items():
        first = facts["starts_from"]
        table.append(make_row(Path(exp), model, f"{first or model}_untrained", choose_measure(facts)))
        if first:                                                   # what it adds to the run that it starts from
            measure = Measure(**{**vars(SHARPNESS), "meaning": SHARPNESS.meaning.format(parts[first]["title"])})
            table.append(make_row(Path(exp), model, first, measure))
    print_table(table)


def print_table(table: list[list[str]]) -> None:
    """As Markdown: the first row is the head; columns 3 and 4 are numbers, set to the right."""
    widths = [max(len(row[place]) for row in table) for place in range(len(HEAD))]
    for number, row in enumerate(table):
        cells = [f"{cell:{side}{width}}" for cell, side, width in zip(row, "<<>><<<", widths, strict=True)]
        print(f"| {' | '.join(cells)} |")
        if not number:
            rules = [f"{'':-<{width}}" for width in widths]
            print(f"|-{'-|-'.join(rules)}-|")


if __name__ == "__main__":
    main(*sys.argv[1:])
