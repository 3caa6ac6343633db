"""Holds signals back while something must not be left half done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class HeldSignals:
    """The signals that `arrived` while they were held back: their numbers, in order."""

    def __init__(self) -> None:
        self.arrived: list[int] = []


@contextlib.contextmanager
def hold_signals() -> Iterator[HeldSignals]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the `with` block is left, however it is left; then raise them again,
    for the handlers from before. In other threads than the main one nothing is done, since these get no signals."""
    signals = HeldSignals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def note(number: int, _frame: FrameType | None) -> None:
        signals.arrived.append(number)

    handlers = {}
    try:
        for name in _ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, note)
        yield signals
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in signals.arrived:
            signal.raise_signal(number)
