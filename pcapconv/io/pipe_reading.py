"""Reads a pipe; before a read that may have to wait, what was read so far goes to the output.

Strategy: `poll` tells that a read would wait. Then the packets that were read are in the output's buffer
already, since a reader yields all packets of its window before it reads more, and `flush` sends the buffer on its way.
If the output is busy, the wait is short, so that its buffer keeps filling while the pipe delivers; memory stays
constant, and a slow reader of the output slows down the pipe. A wait without an end would not notice that Ctrl-C has
ended the reading (`interruption`), or that a message is due, so those waits are short, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from pcapconv.io import interruption

_PAUSE = 0.001  # seconds without bytes after which they are flushed: a busy pipe is empty for less, now and then
_MOMENT = 0.02  # seconds between two attempts to flush a busy output
_SLICE = 0.25  # seconds between two looks at the interruption
_DELAY = 1.0  # seconds after which a message about a pipe that goes on is due


class Waiting(Protocol):
    """A pipe, or the decompressed bytes of one. With `ends_itself`, it ends by itself, behind its last bytes, when
    nothing more may be read of the pipe."""

    ends_itself: bool

    def readinto(self, room: memoryview) -> int:
        """Read available bytes into `room`; return their number, 0 at the end."""
        ...

    def ready(self, seconds: float) -> bool:
        """Return whether bytes, or the end, can be read within this number of seconds."""
        ...


class PipeReading:
    """The reading of a pipe by a conversion.

    `flush` sends what was read so far on its way; it returns False if the output is busy, to be called again.
    """

    def __init__(self, flush: Callable[[], bool] | None = None) -> None:
        self._flush = flush
        self._interruption = interruption.current()
        self._message: Callable[[], object] | None = None
        self._message_due = 0.0
        if self._interruption is not None:
            self._interruption.begin_reading()

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C has ended the reading: then the pipe may end within a packet, which is no damage."""
        return self._interruption is not None and self._interruption.requested

    def tell_later(self, message: Callable[[], object]) -> None:
        """Call `message` once, if the pipe still goes on in a second."""
        self._message, self._message_due = message, time.monotonic() + _DELAY

    @property
    def over(self) -> bool:
        """Whether nothing more may be read, since Ctrl-C has ended the reading, and the writer has not."""
        return self._interruption is not None and self._interruption.requested and self._interruption.expired

    def readinto(self, pipe: Waiting, room: memoryview) -> int:
        """Wait for bytes, and read them into `room`; return their number, 0 if the pipe or its reading has ended.
        Raises what the pipe's `readinto` raises."""
        count = pipe.readinto(room) if self.wait(pipe) or pipe.ends_itself else 0
        if count and self._interruption is not None:
            self._interruption.bytes_came = True
        elif not count:
            self.end()
        return count

    def end(self) -> None:
        """Note that nothing more will be read: Ctrl-C has nothing to end from now on, and gives up."""
        if self._interruption is not None:
            self._interruption.taken = False

    def wait(self, pipe: Waiting) -> bool:
        """Wait until bytes of the pipe, or its end, can be read. Return False if nothing more may be read."""
        flushed = self._flush is None
        while not self.over:
            if self._message is not None:
                self._tell()
            if pipe.ready(_PAUSE):
                return True
            flushed = flushed or self._flush is None or self._flush()
            if flushed and self._message is None and self._interruption is None:
                return True  # the read itself waits
            left = math.inf if self._interruption is None else self._interruption.seconds_left
            if pipe.ready(min(_SLICE if flushed else _MOMENT, left)):
                return True
        return False

    def _tell(self) -> None:
        if self._message is not None and time.monotonic() >= self._message_due:
            message, self._message = self._message, None
            message()
