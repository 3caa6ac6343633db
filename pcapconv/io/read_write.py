"""Reads and writes in full, however few bytes a file object reads or writes at a time; errors become a FileError."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import threading
from collections.abc import Iterator
from typing import Any

from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.wording import object_text

TEMPORARY_FILE = "a temporary file"  # the name of a nameless file in messages
RENAMES_OPEN_FILES: bool = os.name != "nt"  # Windows neither renames, replaces nor removes them
BINARY: int = getattr(os, "O_BINARY", 0)  # for `os.open`; without it, Windows changes the ends of lines
_MOMENT = 0.01  # seconds
_seeking = threading.Lock()


def reading(name: str) -> contextlib.AbstractContextManager[None]:
    """Context manager that turns errors of reading into a FileError; `name` is the file's, for the message."""
    return _file_errors(name, "read")


def writing(name: str) -> contextlib.AbstractContextManager[None]:
    """Context manager that turns errors of writing into a FileError; `name` is the file's, for the message."""
    return _file_errors(name, "write")


@contextlib.contextmanager
def _file_errors(name: str, verb: str) -> Iterator[None]:
    """Turn every exception into a FileError, since file objects of callers raise many types: closed ones ValueError,
    those of gzip EOFError and zlib.error."""
    try:
        yield
    except (PcapconvError, MemoryError):
        raise
    except Exception as error:
        full = name == TEMPORARY_FILE and isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "; set TMPDIR to a directory with more room" if full else ""
        raise FileError(f"{name}: cannot {verb}: {reason_of(error)}{hint}", path=name, cause=error) from error


def read_all(file: Any, count: int) -> bytes:
    """Read the next `count` bytes of a file object, or all up to its end, however few bytes each `read` returns."""
    pieces = []
    while count and (piece := file.read(count)) != b"":
        if piece is None:
            wait_for(file, writing=False)
        else:
            pieces.append(piece)
            count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def write_all(file: Any, view: memoryview) -> None:
    """Write all bytes to a file object, however few each `write` takes."""
    while view:
        try:
            written = file.write(view)
        except BlockingIOError as error:  # a buffered file in non-blocking mode
            written = error.characters_written
        if written:
            view = view[written:]
        elif written is not None or isinstance(file, io.RawIOBase):  # the file is not ready
            wait_for(file, writing=True)
        else:  # an object whose `write` returns None has written all bytes
            return


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Read up to `count` bytes at an offset of a file that several threads may read. Raises OSError."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, offset)
    with _seeking:  # on Windows
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, count)


def truncate(file: Any) -> None:
    """Cut a file object off at its position."""
    while True:
        with contextlib.suppress(InterruptedError):  # unlike other methods, `truncate` does not try again by itself
            file.truncate()
            return


def wait_for(file: Any, *, writing: bool) -> None:
    """Wait until a file object in non-blocking mode is ready; if it has no descriptor, wait a moment."""
    import select  # rarely needed
    import time

    try:
        descriptor = file.fileno()
    except (AttributeError, OSError):
        descriptor = -1
    if descriptor < 0 or not hasattr(select, "poll"):  # the latter on Windows
        time.sleep(_MOMENT)
        return
    poll = select.poll()  # unlike select, poll takes any descriptor; unlike epoll, it needs no descriptor of its own
    poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    poll.poll()


def file_name(file: Any, otherwise: str, mode: str) -> str:
    """Return the name of a file object for messages, `otherwise` if it has no name. Raises UsageError for an object
    that is not open in this binary `mode`, `rb` or `wb`."""
    name = getattr(file, "name", otherwise)
    name = name if isinstance(name, str) else otherwise  # a file opened by its descriptor has a number
    if not hasattr(file, "read" if mode == "rb" else "write"):
        raise UsageError(f"{object_text(file)} is neither a path nor a file object")
    if isinstance(file, io.TextIOBase):
        raise UsageError(f"{name} is open as text; open it with mode '{mode}'", path=name)
    return name


def standard_stream(stream: Any, name: str, mode: str) -> Any:
    """Return the binary file under sys.stdin or sys.stdout. Raises FileError if it is closed."""
    if stream is None:
        raise FileError(f"{name} is closed", path=name)
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return getattr(stream, "buffer", stream)
    return io.FileIO(descriptor, mode, closefd=False)


def reason_of(error: Exception) -> str:
    """Return the system's words for an error, in lower case."""
    return (getattr(error, "strerror", None) or str(error)).lower()
