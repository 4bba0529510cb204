"""Figures of a conversion: spectrograms and F0 curves, source above result. `Figure` objects: no global state."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from translate.config import WorldConfig
from translate.speech.analysis.f0 import estimate_f0
from translate.speech.measures.figures import RANGE_DB, spectrogram

WIDTH, DOTS = 5.2, 170                                              # inches; dots per inch
INK = "#7b818a"                                                     # legible on white and on black pages
COLOURS = "#3b82c4", "#e07b39"                                      # source and result; distinct also in gray
UNVOICED = "no voiced frame"
TICKS = [60, 80, 100, 150, 200, 300, 400, 600, 800]                 # Hz


def draw_spectrograms(waves: Sequence[np.ndarray], sample_rate: int, names: Sequence[str]) -> Figure:
    """Draw spectrograms of waves (N,) below each other, in dB below the loudest point of each, with shared axes."""
    figure = Figure(figsize=(WIDTH, 1.9 * len(waves) + 0.4), dpi=DOTS, layout="constrained", facecolor="none")
    axes = np.atleast_1d(figure.subplots(len(waves), 1, sharex=True, sharey=True))
    for axis, wave, name in zip(axes, waves, names, strict=True):
        image = axis.imshow(
            spectrogram(wave, sample_rate), origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0,
            extent=(0, len(wave) / sample_rate, 0, sample_rate / 2000), interpolation="nearest",
        )  # fmt: skip
        axis.set_title(name, loc="left", fontsize=11, color=INK)
        axis.set_ylabel("kHz")
        _style(axis)
    axes[0].set_xlim(0, max(map(len, waves)) / sample_rate)
    axes[-1].set_xlabel("time (s)")
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=30)
    bar.set_label("dB", color=INK)
    _style(bar.ax)
    return figure


def draw_f0(waves: Sequence[np.ndarray], sample_rate: int, names: Sequence[str]) -> Figure:
    """Draw F0 of waves (N,) in Hz over time, measured on the waves themselves, on a logarithmic axis."""
    figure = Figure(figsize=(WIDTH, 2.4), dpi=DOTS, layout="constrained", facecolor="none")
    axis = figure.subplots()
    config = WorldConfig(sample_rate=sample_rate, f0="dio")
    heard = []
    for wave, name, colour in zip(waves, names, COLOURS, strict=True):
        f0, times = estimate_f0(wave, sample_rate, config)
        axis.plot(times, np.where(f0 > 0, f0, np.nan), color=colour, linewidth=2, label=name)
        heard.append(f0[f0 > 0])
    voiced = np.concatenate(heard)
    if not len(voiced):
        axis.text(0.5, 0.5, UNVOICED, transform=axis.transAxes, ha="center", va="center", fontsize=11, color=INK)
    else:
        for line, own in zip(axis.lines, heard, strict=True):
            line.set_label(line.get_label() if len(own) else f"{line.get_label()}: {UNVOICED}")
    axis.set_yscale("log")
    axis.set_yticks(TICKS)
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(NullFormatter())
    if len(voiced):
        axis.set_ylim(voiced.min() / 1.1, voiced.max() * 1.1)
    axis.set_xlim(0, max(map(len, waves)) / sample_rate)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("F0 (Hz)")
    axis.grid(color=INK, alpha=0.25)
    _style(axis)
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 1), fontsize=10, labelcolor=INK, frameon=False, ncols=2, borderpad=0
    )
    return figure


def _style(axis: Axes) -> None:
    axis.set_facecolor("none")
    axis.tick_params(colors=INK, labelsize=9)
    axis.xaxis.label.set_color(INK)
    axis.yaxis.label.set_color(INK)
    for spine in axis.spines.values():
        spine.set_color(INK)
