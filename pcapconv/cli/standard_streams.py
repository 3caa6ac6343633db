"""Makes stdout and stderr write every text completely, or raise an error.

Strategy: Python's own stdout drops text when a pipe in non-blocking mode is full, and any process that shares the pipe
can put it into that mode at any time. So while the command line runs, text goes to the descriptors through `write_all`.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from pcapconv.errors import FileError
from pcapconv.io.read_write import write_all, writing

if TYPE_CHECKING:
    from pcapconv.io.target import Target

STDOUT = "stdout"


class ReaderGone(BaseException):
    """Raised if text cannot be written to stdout, since the program that read it has ended, as `head` does early. This
    ends the command without a message."""


@contextmanager
def writing_text(name: str) -> Iterator[None]:
    """Context manager that turns errors of writing text into a FileError, or into ReaderGone; `name` is the file's."""
    try:
        with writing(name):
            yield
    except FileError as error:
        if name == STDOUT and isinstance(error.__cause__, BrokenPipeError):
            raise ReaderGone from error
        raise


def write_text(target: Target, text: str) -> None:
    """Write all of a text to an output. Raises FileError and ReaderGone."""
    with writing_text(target.name):
        write_all(target.file, memoryview(text.encode(errors="backslashreplace")))


class StandardStreams:
    """While entered, `sys.stdout` and `sys.stderr` write every text completely, or raise FileError or ReaderGone."""

    def __enter__(self) -> Self:
        self._old_streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _reliable_stream(sys.stdout, STDOUT), _reliable_stream(sys.stderr, "stderr")
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(FileError, OSError, ReaderGone):  # raised before, or no stream is left to print the error
                if stream is not None:
                    stream.flush()
        sys.stdout, sys.stderr = self._old_streams

    def discard_stdout(self) -> None:
        """Discard text that stdout has not written yet, since stdout may be a pipe that nobody reads."""
        if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, _DescriptorFile):
            sys.stdout.buffer.is_lost = True


def _reliable_stream(stream: Any, name: str) -> Any:
    """Return a text stream over the same descriptor; a stream without a descriptor is returned itself."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        file = _DescriptorFile(stream.fileno(), name)
        stream.flush()
    except OSError:  # a stream in memory
        return stream
    return io.TextIOWrapper(
        file,  # needs no buffer
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _DescriptorFile(io.RawIOBase):
    """A file whose `write` writes all bytes. After an error the file `is_lost`: further writes are ignored, since
    Python flushes stdout again when the program ends."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._file = io.FileIO(descriptor, "wb", closefd=False)
        self._name = name
        self.is_lost = False

    def write(self, data: Any) -> int:
        """Write all bytes. Raises FileError and ReaderGone."""
        with memoryview(data) as view:
            if not self.is_lost:
                self.is_lost = True
                with writing_text(self._name):
                    write_all(self._file, view)
                self.is_lost = False
            return len(view)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return self._file.isatty()

    def writable(self) -> bool:
        """True."""
        return True
