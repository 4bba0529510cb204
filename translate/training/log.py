"""The log of a run: JSON lines always, TensorBoard beside them, a bar on a terminal, plain lines elsewhere."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from translate.files import replacing


class Log:
    """A writer of `log.jsonl` and TensorBoard events in the run's folder, which also shows progress.

    Args:
        folder: folder of the run.
        first: step of the checkpoint from which this process goes on; None: the run begins.
        steps: number of the last step.
    """

    def __init__(self, folder: Path, first: int | None, steps: int):
        self.path = folder / "log.jsonl"
        self.folder, self.first, self.steps = folder, first or 0, steps
        self.started = time.monotonic()
        _forget_after(self.path, -1 if first is None else first)
        self._board: Any = None
        self._bar = _make_bar(self.first, steps) if sys.stderr.isatty() else None

    def write(self, step: int, values: dict[str, float]) -> None:
        """Write one line after `step` steps: means since the line before, the rate and the time left."""
        rate = (step - self.first) / max(time.monotonic() - self.started, 1e-9)
        line = {"step": step, **{k: round(v, 6) for k, v in values.items()}, "steps_per_second": round(rate, 3)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)
        text = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
        left = _format_seconds((self.steps - step) / max(rate, 1e-9))
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, text=text)
        else:
            pace = f"{rate:.1f}/s  {left} left  " if step > self.first else ""
            print(f"step {step}/{self.steps}  {pace}{text}", file=sys.stderr, flush=True)

    def say(self, message: str) -> None:
        """Print a line on standard error."""
        if self._bar is not None:
            self._bar.console.print(message, highlight=False, markup=False)
        else:
            print(message, file=sys.stderr, flush=True)

    def show(self, step: int, name: str, content: np.ndarray, sample_rate: int | None = None) -> None:
        """Send an image (H, W, 3) uint8, or audio (N,) when a sample rate is given, to TensorBoard."""
        if sample_rate is None:
            self.board.add_image(name, content, step, dataformats="HWC")
        else:
            within = content / max(1.0, float(np.abs(content).max(initial=0.0)))
            self.board.add_audio(name, within[None].astype(np.float32), step, sample_rate=sample_rate)

    @property
    def board(self) -> Any:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter  # takes a second to import

            self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.first + 1)
        return self._board

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._board.close()


def _forget_after(path: Path, step: int) -> None:
    """Remove the lines that a cut run wrote after its last checkpoint: those steps are repeated."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError):  # the line was cut as well
            continue
    with replacing(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _make_bar(first: int, steps: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
    )  # fmt: skip
    bar.add_task("train", total=steps, completed=first, text="")
    bar.start()
    return bar


def _format_seconds(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
