"""Figures of a training run and of its output, drawn without a display (matplotlib's Agg)."""

import os

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from translate.training.curves import save_figure

WINDOW_MS, HOP_MS = 25.0, 5.0                                       # window and hop of the spectrograms
RANGE_DB = 80.0                                                     # range below the loudest point


def draw_triple(
    path: str | os.PathLike[str],
    source: np.ndarray,
    converted: np.ndarray,
    target: np.ndarray,
    sample_rate: int,
) -> np.ndarray:
    """Draw the log-magnitude spectrograms of source, converted and target, one above the other, as PNG.

    Args:
        path: output file.
        source, converted, target: (N,) waves of any length; they have common time and frequency axes.
        sample_rate: rate of all three in Hz.

    Returns:
        The pixels (H, W, 3), uint8.

    Raises:
        UserError: the file cannot be written.
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
    return save_figure(figure, path)


def spectrogram(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute the spectrogram (F, T) in dB relative to the loudest point."""
    window = hann(round(sample_rate * WINDOW_MS / 1000), sym=False)
    hop = round(sample_rate * HOP_MS / 1000)
    wave = np.pad(wave, (0, max(0, len(window) - len(wave))))
    transform = ShortTimeFFT(window, hop, sample_rate, mfft=max(1024, len(window)))
    magnitude = np.abs(transform.stft(wave, p0=0, p1=-(-len(wave) // hop)))
    decibels = 20 * np.log10(np.maximum(magnitude, 1e-10))
    return decibels - max(decibels.max(), -RANGE_DB)                # silence stays dark




