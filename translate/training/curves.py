"""Losses over steps, as an image."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from translate.errors import UserError
from translate.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


COLUMNS = 3                                                         # columns of the small multiples


SMOOTHED_ABOVE = 100                                                # points; a longer curve gets a moving average


def draw_losses(path: str | os.PathLike[str], log_jsonl: str | os.PathLike[str]) -> None:
    """Draw every `player/loss` of a training log over the steps, one small panel each, as PNG.

    Args:
        path: path of the PNG.
        log_jsonl: path of the log, with lines like {"step": 100, "generator/cycle": 1.2}.

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


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> np.ndarray:
    """Write a figure as PNG, whole or not at all; return its pixels (H, W, 3), uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(110)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi="figure")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
