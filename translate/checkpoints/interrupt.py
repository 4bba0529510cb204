"""Ctrl-C while files are being written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Delay Ctrl-C while the block runs; after it, deliver each to the handler of before.

    If the block raises, its error is reported and not the Ctrl-C: the program's work ends anyway.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    for number in came:
        signal.raise_signal(number)
