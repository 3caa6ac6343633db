"""Signals that end the program become exceptions, so that outputs are cleared away on the way out."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType


class Terminated(BaseException):
    """The system, or somebody, told the program to end. `status` is what a shell expects."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


def install() -> None:
    """Have SIGTERM and SIGHUP raise `Terminated`, where that is possible: in the main thread."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):
                signal.signal(number, _raise)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)
