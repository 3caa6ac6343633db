"""Signals that end the program become exceptions, so that outputs are cleared away on the way out."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Terminated(BaseException):
    """The system, or somebody, told the program to end. `status` is what a shell expects."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP raise `Terminated`, unless they are ignored; only the main thread can."""
    before = {}
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                with contextlib.suppress(ValueError):
                    before[number] = signal.signal(number, _raise)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
