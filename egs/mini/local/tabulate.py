"""Print what training changed: each image system's measure after one step and after all of them.

    python local/tabulate.py [EXP_FOLDER]

Reads EXP/<system>_untrained/results.json and EXP/<system>/results.json.
"""

import json
import sys
from pathlib import Path
from statistics import fmean

# System, run that it is compared with, measure of results.json, its factor and decimals, what it is, better when, and
# the row of results.json that needs no network.
ROWS = [
    ("pix2pix", "pix2pix_untrained", "l1", 1, 1, "L1 to the edges, of 255", "lower", "mean target"),
    ("cyclegan", "cyclegan_untrained", "domain_accuracy", 100, 0, "taken for the target texture, %", "higher", "input"),
    ("stargan", "stargan_untrained", "domain_accuracy", 100, 0, "taken for the target texture, %", "higher", "input"),
    ("srresnet", "srresnet_untrained", "psnr_y", 1, 2, "PSNR of luma, dB", "higher", "bicubic"),
    ("srgan", "srresnet_untrained", "psnr_y", 1, 2, "PSNR of luma, dB", "higher", "bicubic"),
    ("srgan", "srresnet", "sharpness", 1, 2, "gradient over the target's, from SRResNet's", "nearer to 1", "bicubic"),
    ("pix2pixhd", "pix2pixhd_untrained", "l1", 1, 1, "L1 to the photograph, of 255", "lower", "mean target"),
    ("spade", "spade_untrained", "l1", 1, 1, "L1 to the photograph, of 255", "lower", "mean target"),
]
HEAD = ["system", "measure", "untrained", "trained", "better when", "moved so", "without a network"]


def read_measure(run: Path, measure: str, row: str = "converted") -> float:
    """The mean over all directions of a run, of what it converted or of another row."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return fmean(task["rows"][row][measure] for task in results["tasks"])


def moved(before: float, after: float, better: str) -> bool:
    if better == "nearer to 1":
        before, after = -abs(before - 1), -abs(after - 1)
    return after < before if better == "lower" else after > before


def main(exp: str = "exp") -> None:
    table = [HEAD]
    for system, start, measure, factor, decimals, meaning, better, trivial in ROWS:
        before, after = (factor * read_measure(Path(exp, run), measure) for run in (start, system))
        verdict = "yes" if moved(before, after, better) else "no"
        without = factor * read_measure(Path(exp, system), measure, trivial)
        numbers = [f"{value:.{decimals}f}" for value in (before, after, without)]
        table.append([system, meaning, *numbers[:2], better, verdict, f"{trivial} {numbers[2]}"])
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
