"""Ctrl-C lets the step end and the checkpoint be written; a second Ctrl-C ends at once, but never within a save."""

import signal
import threading
from types import FrameType

from translate.training import distributed


class Interrupt:
    """A handler that only notes the first Ctrl-C, until `release`.

    Ctrl-C stays as it is with several processes (which would not stop at the same step), outside the main thread (which
    alone gets signals), and where the program has a handler of its own.

    Attributes:
        asked: whether Ctrl-C has come.
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
