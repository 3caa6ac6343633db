"""Signals that wait until something is done that must not be left half done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class HeldSignals:
    """Those that came meanwhile."""

    def __init__(self) -> None:
        self.came: list[int] = []


@contextlib.contextmanager
def hold_signals() -> Iterator[HeldSignals]:
    """Signals that would end the program wait until the `with` block is left, however that happens. Only the main
    thread gets any."""
    signals = HeldSignals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def note(number: int, _frame: FrameType | None) -> None:
        signals.came.append(number)

    before = {}
    try:
        for name in _ENDING:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, note)
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in signals.came:
            signal.raise_signal(number)
