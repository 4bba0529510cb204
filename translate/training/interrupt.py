"""Ctrl-C lets the step end and the checkpoint be written; a second Ctrl-C ends at once, but never within a save."""

import signal
import threading
from types import FrameType

from translate.training import distributed


class Interrupt:
    """From now on the first Ctrl-C is only noted, until `release`.

    Several processes do not stop at the same step, signals belong to the main thread, and a program that has a handler
    of its own keeps it: there Ctrl-C stays as it is.

    Attributes:
        asked: whether it came.
    """

    def __init__(self) -> None:
        self.asked = False
        alone = distributed.processes() == 1 and threading.current_thread() is threading.main_thread()
        self._ours = alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._ours:
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self.release()
            raise KeyboardInterrupt
        self.asked = True

    def release(self) -> None:
        """Let Ctrl-C raise `KeyboardInterrupt` again."""
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._ours = False
