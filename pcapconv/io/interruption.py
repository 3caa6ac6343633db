"""The first Ctrl-C while a command reads a pipe: reading goes on until the writer closes the pipe, and the command then
finishes its output.

Strategy: a terminal sends Ctrl-C to all programs of a pipeline, and a capturing program writes its last packets only
then. So the command line's signal handler asks the `Interruption` of its command first, and raises only if that does
not take the signal. Programs that use the library have no `Interruption`, and their Ctrl-C raises KeyboardInterrupt as
usual. An interruption that was requested is looked at before each read (`pipe_reading`).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

PATIENCE = 2.0  # seconds for which reading goes on if the writer does not close the pipe


class Interruption:
    """Whether a command was asked to end the pipe that it reads. `taken` is true from the time at which a pipe is read
    until outputs get their names: only then is a request accepted."""

    def __init__(self) -> None:
        self.taken = False
        self._deadline: float | None = None

    def request(self) -> bool:
        """Ask the reading to end. Return False, and do nothing, if no pipe is read, or if this is the second request:
        then the command has to give up."""
        if not self.taken or self._deadline is not None:
            return False
        self._deadline = time.monotonic() + PATIENCE
        return True

    @property
    def requested(self) -> bool:
        """Whether the reading was asked to end."""
        return self._deadline is not None

    @property
    def seconds_left(self) -> float:
        """For how long reading may go on, if the writer does not close the pipe."""
        return math.inf if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether reading must end now, although the writer has not closed the pipe."""
        return not self.seconds_left


_current: Interruption | None = None


@contextlib.contextmanager
def finish_when_interrupted() -> Iterator[Interruption]:
    """While entered, let the first Ctrl-C end the pipe that is read, as this module describes. Only for the main
    thread."""
    global _current
    _current = interruption = Interruption()
    try:
        yield interruption
    finally:
        _current = None


def current() -> Interruption | None:
    """The interruption of the command that is running; None for a command, or a program, that Ctrl-C ends at once."""
    return _current
