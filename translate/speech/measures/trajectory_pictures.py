"""Figures of over-smoothing: global variance and modulation spectrum per coefficient, by column and natural."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from translate.speech.measures.columns import COLUMN_TITLES
from translate.speech.measures.mcd import HOP_MS
from translate.speech.measures.trajectories import (
    POWER_FLOOR,
    SEGMENT,
    UPPER,
    Trajectories,
    average_distance,
    average_ratio,
)
from translate.training.curves import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: dict[str, dict[str, Any]] = {
    "natural": {"color": "black", "linewidth": 1.8},
    "source": {"color": "tab:orange", "linewidth": 1.5},
    "mean_variance": {"color": "tab:gray", "linewidth": 1.0, "linestyle": ":"},
    "linear": {"color": "tab:brown", "linewidth": 1.0, "linestyle": "-."},
    "scaled": {"color": "tab:purple", "linewidth": 1.0, "linestyle": "--"},
    "converted": {"color": "tab:blue", "linewidth": 1.5},
    "resynthesised": {"color": "tab:green", "linewidth": 1.2, "linestyle": "--"},
}
TITLES = {**COLUMN_TITLES, "source": "before (unconverted)", "converted": "after (converted, features)"}
RANGE_DB = 12.0                                                     # range of the differences shown
RATIOS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 5, 10)   # ticks
LINES = 4                                                           # coefficients shown as curves


def draw_variances(path: str | os.PathLike[str], sets: Mapping[str, Trajectories]) -> None:
    """Draw the global variance of every coefficient, and its ratio to the natural one, as PNG.

    Args:
        path: output file.
        sets: trajectories of "natural" and of columns of the report.

    Raises:
        UserError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    natural = sets["natural"]
    numbers = np.arange(1, len(natural.variance) + 1)
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for column in _order(sets):
        one, style = sets[column], {**STYLES[column], "marker": "o", "markersize": 3}
        ratios = one.variance_ratios(natural)
        label = f"{TITLES.get(column, column)}: {average_ratio(ratios):.2f}"
        if len(ratios) > UPPER:
            label += f", above c{UPPER} {average_ratio(ratios[UPPER:]):.2f}"
        above.plot(numbers, np.maximum(one.variance, POWER_FLOOR), label=label, **style)
        below.plot(numbers, ratios, **style)
    for axis in (above, below):
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
        if len(numbers) > UPPER:
            axis.axvline(UPPER + 0.5, color="tab:gray", linewidth=0.8)
    above.legend(fontsize=9)
    below.set_yticks(RATIOS, [f"{ratio:g}" for ratio in RATIOS])
    below.minorticks_off()
    shown = np.concatenate([sets[column].variance_ratios(natural) for column in sets])
    below.set_ylim(min(0.5, 0.9 * shown.min()), max(1.5, 1.1 * shown.max()))
    above.set_title("global variance of the mel-cepstra", loc="left", fontsize=10)
    below.set_title("over natural: 1 is natural, below is muffled", loc="left", fontsize=10)
    below.set_xlabel("coefficient")
    below.xaxis.get_major_locator().set_params(integer=True)
    save_figure(figure, path)


def draw_modulation(path: str | os.PathLike[str], sets: Mapping[str, Trajectories]) -> None:
    """Draw the log modulation spectra as PNG: differences to natural for all coefficients, curves for some.

    Arguments and errors are those of `draw_variances`.
    """
    from matplotlib.figure import Figure

    natural = sets["natural"]
    frequencies = np.fft.rfftfreq(SEGMENT, HOP_MS / 1000)           # Hz
    coefficients = natural.modulation.shape[1]
    shown = [column for column in _order(sets) if column not in ("natural", "mean_variance", "linear", "scaled")]
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False)[:, 0]
    maps = upper.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for axis, column in zip(maps, shown, strict=True):
        difference = sets[column].modulation - natural.modulation
        image = axis.imshow(
            difference.T,
            origin="lower",
            aspect="auto",
            extent=(0, frequencies[-1], 0.5, coefficients + 0.5),
            cmap="RdBu_r",
            vmin=-RANGE_DB,
            vmax=RANGE_DB,
        )
        distance = average_distance(sets[column].modulation_distances(natural))
        axis.set_title(f"{TITLES[column]}: distance {distance:.2f} dB", loc="left", fontsize=10)
        axis.set_xlabel("modulation frequency (Hz)")
    maps[0].set_ylabel("coefficient")
    upper.colorbar(image, ax=maps, label="dB above natural")
    chosen = sorted({round(place) for place in np.linspace(1, coefficients, LINES)})
    curves = lower.subplots(1, len(chosen), sharex=True, squeeze=False)[0]
    for axis, number in zip(curves, chosen, strict=True):
        _draw_curves(axis, frequencies, sets, number)
    curves[0].set_ylabel("modulation spectrum (dB)")
    curves[0].legend(fontsize=8)
    save_figure(figure, path)


def _draw_curves(axis: "Axes", frequencies: np.ndarray, sets: Mapping[str, Trajectories], number: int) -> None:
    """Draw one coefficient's log modulation spectra."""
    for column in _order(sets):
        axis.plot(
            frequencies, sets[column].modulation[:, number - 1], label=TITLES.get(column, column), **STYLES[column]
        )
    axis.set_title(f"coefficient {number}", loc="left", fontsize=10)
    axis.set_xlabel("modulation frequency (Hz)")
    axis.grid(alpha=0.3)


def _order(sets: Mapping[str, Trajectories]) -> list[str]:
    """List the columns from back to front."""
    return [column for column in STYLES if column in sets]
