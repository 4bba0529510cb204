"""Pictures of a training run and of its output, without a display (matplotlib's Agg)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from translate.errors import UserError
from translate.features.wave import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW_MS, HOP_MS = 25.0, 5.0                                       # of the spectrograms
RANGE_DB = 80.0                                                     # shown below the loudest point
COLUMNS = 3                                                         # of the small multiples
SMOOTHED_ABOVE = 100                                                # points: more get a moving average


def draw_triple(
    path: str | os.PathLike[str],
    source: np.ndarray,
    converted: np.ndarray,
    target: np.ndarray,
    sample_rate: int,
) -> None:
    """Draw the log-magnitude spectrograms of source, converted and target, one above the other, as PNG.

    Args:
        path: of the picture.
        source, converted, target: (N,) waves of any length; time and frequency axes are shared.
        sample_rate: Hz, of all three.

    Raises:
        UserError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True, sharey=True)
    for axis, name, wave in zip(
        axes, ("source", "converted", "target"), (source, converted, target), strict=True
    ):
        image = axis.imshow(
            spectrogram(wave, sample_rate),
            origin="lower",
            aspect="auto",
            extent=(0, len(wave) / sample_rate, 0, sample_rate / 2000),
            cmap="magma",
            vmin=-RANGE_DB,
            vmax=0,
        )
        axis.set_title(name, loc="left", fontsize=10)
        axis.set_ylabel("frequency (kHz)")
    axes[0].set_xlim(0, max(len(source), len(converted), len(target)) / sample_rate)
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=axes, label="dB below the loudest point")
    save_figure(figure, path)


def draw_losses(path: str | os.PathLike[str], log_jsonl: str | os.PathLike[str]) -> None:
    """Draw every `player/loss` of a training log over the steps, one small panel each, as PNG.

    Args:
        path: of the picture.
        log_jsonl: the log, lines like {"step": 100, "generator/cycle": 1.2}.

    Raises:
        UserError: the log is missing, holds a broken line or no loss.
    """
    from matplotlib.figure import Figure

    curves = _read_curves(log_jsonl)
    rows = -(-len(curves) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 2.4 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False).ravel()
    for axis, (name, points) in zip(axes, sorted(curves.items()), strict=False):
        steps, values = np.array(points).T
        crowded = len(values) > SMOOTHED_ABOVE
        axis.plot(steps, values, linewidth=0.8, alpha=0.35 if crowded else 1, color="tab:blue")
        if crowded:
            width = len(values) // 20
            smooth = np.convolve(values, np.full(width, 1 / width), mode="valid")
            axis.plot(steps[width // 2 :][: len(smooth)], smooth, linewidth=1.4, color="tab:blue")
        axis.set_title(name, loc="left", fontsize=10)
        axis.grid(alpha=0.3)
        axis.ticklabel_format(axis="x", style="plain")
    for axis in axes[len(curves) :]:
        axis.set_axis_off()
    for axis in axes[max(0, len(curves) - COLUMNS) : len(curves)]:
        axis.set_xlabel("step")
        axis.tick_params(labelbottom=True)
    save_figure(figure, path)


def spectrogram(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """(F, T) dB below the loudest point."""
    window = hann(round(sample_rate * WINDOW_MS / 1000), sym=False)
    hop = round(sample_rate * HOP_MS / 1000)
    wave = np.pad(wave, (0, max(0, len(window) - len(wave))))
    transform = ShortTimeFFT(window, hop, sample_rate, mfft=max(1024, len(window)))
    magnitude = np.abs(transform.stft(wave, p0=0, p1=-(-len(wave) // hop)))
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-10))
    return decibels - max(decibels.max(), -RANGE_DB)                # silence stays dark


def _read_curves(log_jsonl: str | os.PathLike[str]) -> dict[str, list[tuple[float, float]]]:
    try:
        lines: Sequence[str] = Path(log_jsonl).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{log_jsonl}: cannot read the training log ({error.strerror})") from None
    curves: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            step = entry["step"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{log_jsonl}:{number}: expected a JSON object with `step`") from None
        for name, value in entry.items():
            if "/" in name and isinstance(value, int | float):
                curves.setdefault(name, []).append((step, value))
    if not curves:
        raise UserError(f"{log_jsonl}: no loss in the log; expected keys like `generator/cycle`")
    return curves


def save_figure(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
