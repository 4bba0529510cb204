"""Detecting processes that are gone: those of a lost machine cannot report that they have ended."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable

from torch.distributed import Store

EVERY = 5.0                                                         # seconds between two beats
SILENCE = 120.0                                                     # seconds without a beat: the process is lost


class Heartbeat:
    """A counter in the store of all processes; ends this process when another's counter stands still.

    The first process watches all others and these watch the first, so that all end soon after one does. A connection
    to a lost machine may hang: one thread talks to the store, another measures how long the first has heard nothing. It
    counts its own rounds, not seconds, so that a run may be suspended as a whole.

    Args:
        store: separate connection to the store of the run.
        rank, processes: rank of this process, and number of processes.
        every, silence: seconds between two beats, and without a beat until a process is taken for lost.
        end: function that ends the process, called with a message for the user.
    """

    def __init__(
        self,
        store: Store,
        rank: int,
        processes: int,
        every: float = EVERY,
        silence: float = SILENCE,
        end: Callable[[str], None] | None = None,
    ):
        self.store, self.rank, self.every, self.silence, self.end = store, rank, every, silence, end or end_process
        self.silent = dict.fromkeys(range(1, processes) if rank == 0 else [0], 0)  # rounds by process
        self.over = threading.Event()
        for work in (self._beat, self._watch):
            threading.Thread(target=work, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Stop watching: this process is done, and the others may end."""
        self.over.set()

    def _beat(self) -> None:
        counts = dict.fromkeys(self.silent, 0)
        with contextlib.suppress(RuntimeError):                     # the store is gone: the other thread notices
            while not self.over.wait(self.every):
                self.store.add(str(self.rank), 1)
                for other, before in counts.items():
                    counts[other] = self.store.add(str(other), 0)
                    if counts[other] != before:
                        self.silent[other] = 0

    def _watch(self) -> None:
        while not self.over.wait(self.every):
            for other in self.silent:
                self.silent[other] += 1
                if self.silent[other] * self.every > self.silence:
                    self.end(
                        f"process {other} of this run has been silent for {self.silence:.0f} s. "
                        "Start again: the run goes on from its last checkpoint"
                    )
                    return


def end_process(line: str) -> None:
    """Print the line and end at once: the main thread may wait for the lost process for ever.

    This is safe for checkpoints, which appear whole or not at all.
    """
    print(f"translate: {line}", file=sys.stderr, flush=True)
    os._exit(2)
