"""Signals that end the program become exceptions, so that outputs are cleared away on the way out.

Strategy: once the outputs of a command have their names, it is done, but for its last words: a signal that comes then
is no reason to say anything else. A second one is: those words may go to a pipe that nobody reads.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from pcapconv.io import commit

_late: list[int] = []  # signals that came when the command was done
_before = 0  # how often outputs had appeared when it began


class Terminated(BaseException):
    """The system, or somebody, told the program to end. `status` is what a shell expects."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP raise `Terminated`, unless they are ignored; only the main thread can."""
    before = {}
    _late.clear()
    begin_another()
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


def all_is_done() -> bool:
    """Whether the outputs of the command that runs, or ran last, have their names."""
    return commit.commits > _before


def begin_another() -> None:
    """A command with several outputs, each complete by itself, begins another one. Raises Terminated if a signal came
    behind the one before."""
    global _before
    _before = commit.commits
    if _late:
        raise Terminated(_late.pop())


def _raise(number: int, _frame: FrameType | None) -> None:
    if all_is_done() and not _late:
        _late.append(number)
    else:
        raise Terminated(number)
