"""The first Ctrl-C while a command reads a pipe: reading goes on until the writer closes the pipe, and the command then
finishes its output.

Strategy: a terminal sends Ctrl-C to all programs of a pipeline, and a capturing program writes its last packets only
then. So the command line's signal handler asks the `Interruption` of its command first, and raises only if that does
not take the signal. Programs that use the library have no `Interruption`, and their Ctrl-C raises KeyboardInterrupt as
usual. An interruption that was requested is looked at before each read (`pipe_reading`).

The capturing program may hold back its very first bytes until then, too. So the pipe is given time also if none came;
if none comes, there is nothing to finish.

The reader of the output gets no more time: if it takes nothing, the command gives up (`stuck`). Files take what time
they need.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

PATIENCE = 2.0  # seconds for which reading goes on if the writer does not close the pipe
_FIRST_PATIENCE = 1.5  # the same if no byte came: then the command has ended within PATIENCE
_STUCK = 0.5  # seconds for which a write to a pipe lasts if nobody reads there


class Interruption:
    """Whether a command was asked to end the pipe that it reads. `taken` is true from the time at which a pipe is read
    until it has ended: only then is a request accepted. `bytes_came` tells whether the pipe gave any bytes."""

    def __init__(self) -> None:
        self.taken = False
        self.bytes_came = False
        self._deadline: float | None = None
        self._writing_since: float | None = None  # when a write to a pipe began that has not ended

    def begin_reading(self) -> None:
        """Note that a pipe will be read from now on."""
        self.taken, self.bytes_came = True, False

    def request(self) -> bool:
        """Ask the reading to end. Return False, and do nothing, if no pipe is read, or if this is the second request:
        then the command has to give up."""
        if not self.taken or self._deadline is not None:
            return False
        self._deadline = time.monotonic() + (PATIENCE if self.bytes_came else _FIRST_PATIENCE)
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

    @property
    def stuck(self) -> bool:
        """Whether reading has to end, and nobody reads the pipe to which the command writes."""
        since = self._writing_since
        return self.requested and self.expired and since is not None and time.monotonic() - since >= _STUCK

    @contextlib.contextmanager
    def writing_to_pipe(self) -> Iterator[None]:
        """While entered, by the only thread that writes the output, a write to a pipe may have to wait."""
        self._writing_since = time.monotonic()
        try:
            yield
        finally:
            self._writing_since = None


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
