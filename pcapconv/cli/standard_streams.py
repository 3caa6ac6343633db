"""Text on stdout and stderr: all of it arrives, also in a pipe that makes the writer wait, or an error says so.

Strategy: Python's own stdout drops text where a pipe in non-blocking mode is full, and whoever shares the pipe can put
it into that mode at any time. So while the command line runs, text goes to the descriptors by way of `write_all`.
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import Any, Self

from pcapconv.errors import FileError
from pcapconv.io.read_write import write_all, writing


class Streams:
    """`sys.stdout` and `sys.stderr` while it is entered: what is written there arrives whole, or raises a FileError."""

    def __enter__(self) -> Self:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _whole(sys.stdout, "stdout"), _whole(sys.stderr, "stderr")
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(FileError, OSError):  # it was raised before, or there is nobody to tell
                if stream is not None:
                    stream.flush()
        sys.stdout, sys.stderr = self._before

    def drop(self) -> None:
        """What still waits to be written to stdout is not wanted: nobody may ever read it."""
        if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, _Descriptor):
            sys.stdout.buffer.lost = True


def _whole(stream: Any, name: str) -> Any:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        descriptor = _Descriptor(stream.fileno(), name)
        stream.flush()
    except OSError:  # a stream in memory
        return stream
    return io.TextIOWrapper(
        descriptor,  # which needs no buffer in front of it
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Descriptor(io.RawIOBase):
    """A descriptor that takes all bytes at once. After an error it is `lost`, and says nothing more: Python writes once
    more when it ends."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._file = io.FileIO(descriptor, "wb", closefd=False)
        self._name = name
        self.lost = False

    def write(self, data: Any) -> int:
        """All of the bytes. Raises FileError."""
        with memoryview(data) as view:
            if not self.lost:
                self.lost = True
                with writing(self._name):
                    write_all(self._file, view)
                self.lost = False
            return len(view)

    def fileno(self) -> int:
        """The descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal's."""
        return self._file.isatty()

    def writable(self) -> bool:
        """It is."""
        return True
