"""Turns SIGINT, SIGTERM and SIGHUP into exceptions, so that unfinished outputs are removed before the program ends.

Strategy: the first SIGINT while `convert` or `split` reads a pipe raises nothing, but ends the pipe
(`io.interruption`), since the program that writes it got the same Ctrl-C and writes its last packets only then. From
then on, a timer looks whether the command is stuck in a pipe that nobody reads, and gives up as a second SIGINT does.

Once the outputs of a command have their final names, only its last messages remain to be printed. The first signal
after that is only recorded, and the command ends as usual. A second signal ends the command at once, since its messages
may go to a pipe that nobody reads.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from pcapconv.io import commit, interruption, target

_TICK = 0.1  # seconds between two looks

_late_signals: list[int] = []  # signals that came after the outputs were committed
_commits_before = 0  # `commit.commits` when the current output began
_files_before = 0  # `target.files_begun` then


class Terminated(BaseException):
    """Raised by a signal. `status` is the exit status that a shell expects: 128 + the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """While entered, make SIGINT, SIGTERM and SIGHUP raise `Terminated`, except signals that are ignored.

    Does nothing outside the main thread, since only the main thread can handle signals.
    """
    old_handlers = {}
    _late_signals.clear()
    begin_next_output()
    try:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                with contextlib.suppress(ValueError):
                    old_handlers[number] = signal.signal(number, _raise)
        yield
    finally:
        _stop_timer()
        for number, handler in old_handlers.items():
            signal.signal(number, handler)


def outputs_are_committed() -> bool:
    """Return whether the outputs of the current (or last) command have their final names."""
    return commit.commits > _commits_before


def is_file_unfinished() -> bool:
    """Return whether the current (or last) command has begun to write a file that has not got its final name."""
    return target.files_begun > _files_before and not outputs_are_committed()


def begin_next_output() -> None:
    """Record that a command with several independent outputs begins its next output.

    Raises Terminated if a signal came after the output before was committed.
    """
    global _commits_before, _files_before
    _commits_before, _files_before = commit.commits, target.files_begun
    if _late_signals:
        raise Terminated(_late_signals.pop())


def _raise(number: int, _frame: FrameType | None) -> None:
    request = interruption.current() if number == signal.SIGINT else None
    if request is not None and request.request():
        _start_timer()
        return
    if outputs_are_committed() and not _late_signals:
        _late_signals.append(number)
    else:
        raise Terminated(number)


_old_alarm: list[Any] = []  # the handler of SIGALRM before the timer was started


def _start_timer() -> None:
    if hasattr(signal, "setitimer"):  # not on Windows
        _old_alarm.append(signal.signal(signal.SIGALRM, _give_up_if_stuck))
        signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)


def _stop_timer() -> None:
    if _old_alarm:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, _old_alarm.pop())


def _give_up_if_stuck(_number: int, _frame: FrameType | None) -> None:
    request = interruption.current()
    if request is None:
        _stop_timer()
    elif request.stuck:
        _stop_timer()
        raise Terminated(signal.SIGINT)
