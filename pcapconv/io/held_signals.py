"""Holds signals back during work that must not be left half done, such as a commit."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


class HeldSignals:
    """The numbers of the signals that `arrived` while signals were held back, in order. `commit` looks at them between
    two outputs."""

    def __init__(self) -> None:
        self.arrived: list[int] = []


@contextlib.contextmanager
def hold_signals() -> Iterator[HeldSignals]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the end of the `with` block, also after an exception; then raise the
    signals that arrived, for the handlers that were set before. Outside the main thread, which alone gets signals, do
    nothing."""
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
