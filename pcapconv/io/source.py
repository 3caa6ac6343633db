"""An open input, which may be a path, stdin or a file object."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol, Self

from pcapconv.argument_types import check_flags, is_one_of
from pcapconv.errors import FileError, UsageError
from pcapconv.io.paths import STDIO, Readable, open_error, real_path
from pcapconv.io.pipe_reading import PipeReading
from pcapconv.io.read_write import (
    TEMPORARY_FILE,
    file_name,
    read_all,
    reading,
    standard_stream,
    wait_for,
    write_all,
    writing,
)
from pcapconv.io.temporary_file import temporary_file
from pcapconv.wording import argument

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import select
    from collections.abc import Callable

    from pcapconv.io.decompression import Decompressed

WINDOW_SIZE = 512 * 1024  # bytes that a reader has in its window, unless a single record is longer
_PIPE_SIZE = 2**20  # bytes; the most that Linux allows to everyone
FRACTIONS = ("nanoseconds",)  # units in which a pcap file's fractions can be read, whatever its magic number is


class ReadObserver(Protocol):
    """Gets all bytes that are read from a source, and may work on them while the reader goes on. Implemented by
    `source_digest.Digest`."""

    def exchange(self, buffer: bytearray, start: int, stop: int, offset: int) -> bytearray:
        """Take over a buffer, whose bytes from `start` to `stop` were read at `offset` of the source, and return the
        buffer in which the reader goes on."""
        ...


class Decompressing(Protocol):
    """What decompresses a source, and reads it in a thread. Implemented by `decompressed_stream.DecompressedStream`."""

    def close(self) -> None:
        """End the thread."""
        ...


class Source:
    """An open input. Use it as a context manager.

    `name` is for messages. `size` is the number of bytes in a plain file from the position at which it was handed over,
    None for any other input. `observer` gets the bytes that readers read, from readers that begin after it was set.
    `tap` is called with all bytes that are read in order.
    `fractions` is the unit in which readers read the fractions of a second in a pcap file, None for the unit that the
    magic number of the file gives. If `salvage` is True, readers go on behind damage, at the next packets that are
    certain. If `complete` is True, the capture is known to hold packets up to its end, even if zeros at the end look
    like space that was never written. `decompressing` reads the source if the capture in it is
    compressed; it ends when the source is rewound or closed. `decompressed` is what is known of the compression if the
    source is a temporary file with the decompressed bytes of another source; None for any other source. `pipe_reading`
    reads a source that `may_wait`, None if nobody needs that. `interrupted` is True if Ctrl-C ended the reading, so
    that the source may end within a packet. For `ends_itself`, see `pipe_reading.Waiting`.
    """

    observer: ReadObserver | None = None
    tap: Callable[[memoryview], object] | None = None
    fractions: str | None = None
    salvage = False
    complete = False
    decompressing: Decompressing | None = None
    decompressed: Decompressed | None = None
    pipe_reading: PipeReading | None = None
    ends_itself = False

    def __init__(self, file: Any, name: str, *, owned: bool, path: str | None = None) -> None:
        self.file = file
        self.path = path  # with links resolved; None without a path
        self._owned = owned
        # a buffered file of Python, such as sys.stdin.buffer, waits in `readinto` until the whole room is filled
        buffered = isinstance(file, io.BufferedReader)
        self._readinto: Any = file.readinto1 if buffered else getattr(file, "readinto", None)
        self.name = name
        self.size: int | None = None
        self.position = 0  # bytes read so far
        self._start: int | None = None  # the offset to which `rewind` goes
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if file.seekable():
                self._start = file.tell()
                if isinstance(getattr(file, "raw", file), io.FileIO | io.BytesIO):  # gzip would read the whole file
                    end = file.seek(0, os.SEEK_END)
                    file.seek(self._start)
                    self.size = end - self._start if end > self._start else None  # devices report 0
        self._opened_as = os.fstat(file.fileno()) if self.plain else None
        self._poll = None if self.size is not None else _poll(file)
        self._interrupted = False

    @property
    def seekable(self) -> bool:
        """True if `rewind` and `peek` work."""
        return self._start is not None

    @property
    def plain(self) -> bool:
        """True for a plain file of the system, for which `read_at` works."""
        return self.size is not None and isinstance(getattr(self.file, "raw", self.file), io.FileIO)

    @property
    def position_in_file(self) -> int:
        """How many bytes of the file were read; of one that was decompressed before, an estimate."""
        if self.decompressed is None or not self.size:
            return self.position
        return self.position * self.decompressed.compressed_size // self.size

    def stand_for(self, other: Source) -> None:
        """Take over the name, the path and the identity of another source, whose content this one has, and whether
        Ctrl-C ended its reading."""
        self.name, self.path = other.name, other.path
        self.fractions, self.salvage = other.fractions, other.salvage
        self._interrupted = other.interrupted
        self._opened_as = other._opened_as

    @property
    def may_wait(self) -> bool:
        """True for a pipe, a device or the like, if the system tells whether a read would wait."""
        return self._poll is not None

    @property
    def interrupted(self) -> bool:
        """True if Ctrl-C ended the reading of a pipe. False for its decompressed bytes if damage ended them before."""
        if self.decompressed is not None and self.decompressed.damage is not None:
            return False
        return self._interrupted or (self.pipe_reading is not None and self.pipe_reading.interrupted)

    def widen_pipe(self) -> None:
        """Let a pipe hold more bytes, if the system allows it: then its writer waits less often, and each read gets
        more."""
        with contextlib.suppress(AttributeError, OSError, ValueError, TypeError):  # no pipe, or not on Linux
            fcntl.fcntl(self.file.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    def is_at(self, path: str) -> bool:
        """Return whether a path leads to this plain file, or led to it when it was opened. Raises FileError."""
        if self._opened_as is None:
            return False
        if path == self.path:
            return True
        with reading(path), contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(path), self._opened_as)
        return False

    def check_unchanged(self, path: str, name: str) -> None:
        """Check that `path` still leads to this plain file, and that nobody has written to it since it was opened.
        Raises FileError otherwise, with the `name` that the user gave."""
        assert self._opened_as is not None
        with reading(self.name):
            now = os.stat(path)
        if _identity(now) != _identity(self._opened_as):
            raise FileError(
                f"{name}: was changed while it was read, and is left as it is; run the command again", path=name
            )

    def readinto(self, room: memoryview) -> int:
        """Read available bytes into `room`; return their number, 0 at the end. Raises FileError.

        A plain file fills `room`. It is read up to the size that it had when it was opened, even if it grows.
        """
        if self.size is not None:
            room = room[: self.size - self.position]
        with reading(self.name):
            count = self._read(room)
            while self.size is not None and count < len(room) and (more := self._read(room[count:])):
                count += more
        if not count and len(room) and self.size is not None:
            raise FileError(
                f"{self.name}: became shorter while it was read: {self.position} of {self.size} bytes", path=self.name
            )
        self.position += count
        if self.tap is not None and count:
            self.tap(room[:count])
        return count

    def _read(self, room: memoryview) -> int:
        if self._readinto is None:
            while (data := self.file.read(len(room))) is None:
                wait_for(self.file, writing=False)
            room[: len(data)] = data
            return len(data)
        while (count := self._readinto(room)) is None:
            wait_for(self.file, writing=False)
        return int(count)

    def ready(self, seconds: float) -> bool:
        """Return whether bytes, or the end, can be read within this number of seconds; False if that cannot be
        determined."""
        if self.size is not None:
            return True
        return self._poll is not None and bool(self._poll.poll(round(seconds * 1000)))

    def peek(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at an offset from where the source was opened; `position` stays. Only if `seekable`.
        Raises FileError."""
        assert self._start is not None
        with reading(self.name):
            here = self.file.tell()
            self.file.seek(self._start + offset)
            data = read_all(self.file, count)
            self.file.seek(here)
        return data

    def read_at(self, offset: int, room: memoryview) -> int:
        """Read into `room` the bytes at an offset from where the source was opened; return their number, 0 at the end.
        Only if `plain`. A file that has grown is read up to its old size. Raises FileError."""
        assert self._start is not None
        assert self.size is not None
        room = room[: max(0, self.size - offset)]
        with reading(self.name):
            if hasattr(os, "preadv"):
                return os.preadv(self.file.fileno(), [room], self._start + offset)
            here = self.file.tell()  # on Windows
            self.file.seek(self._start + offset)
            count: int = self.file.readinto(room)
            self.file.seek(here)
            return count

    def rewind(self) -> None:
        """Go back to where the source was opened. Only if `seekable`. Raises FileError."""
        assert self._start is not None
        self.end_decompression()
        with reading(self.name):
            self.file.seek(self._start)
        self.position = 0

    def end_decompression(self) -> None:
        """End the thread that decompresses the source, if there is one; its position is not known then."""
        if self.decompressing is not None:
            self.decompressing.close()
            self.decompressing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decompression, and close the file if the source owns it."""
        self.end_decompression()
        if self._owned:
            with contextlib.suppress(OSError):  # all that is needed has been read
                self.file.close()


class _View(io.RawIOBase):
    """A view of a file that others read, too: it has a position of its own."""

    def __init__(self, file: Any, position: int) -> None:
        self._file = file
        self._position = position

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, _whence: int = os.SEEK_SET) -> int:
        self._position = offset
        return offset

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        self._file.seek(self._position)
        count = int(self._file.readinto(room))
        self._position += count
        return count


def view_of(source: Source) -> Any:
    """A file object with a position of its own, at which the source began; None if the source cannot be rewound."""
    return None if source._start is None else _View(source.file, source._start)


def open_again(source: Source, begin: int = 0, end: int | None = None) -> Source:
    """Open a seekable source a second time. The old one may be closed if it is a plain file with a path; any other must
    stay open. The new source has the bytes from `begin` up to, but not including, `end`, by default all of them. Raises
    FileError, also if the file was changed in between."""
    assert source._start is not None
    start = source._start + begin
    if source.path is None or not source.plain:
        again = Source(_View(source.file, start), source.name, owned=False)
        again.size = source.size if end is None else end
        again.size = None if again.size is None else again.size - begin
        again.decompressed = source.decompressed if end is None else None
    else:
        try:
            file = io.FileIO(source.name, "rb")
        except (OSError, ValueError) as error:
            raise open_error(source.name, error) from error
        with contextlib.ExitStack() as stack:
            stack.callback(file.close)
            if source._opened_as is None or _identity(os.fstat(file.fileno())) != _identity(source._opened_as):
                raise FileError(
                    f"{source.name}: was changed while it was read; run the command again", path=source.name
                )
            file.seek(start)
            again = Source(file, source.name, owned=True, path=source.path)
            stack.pop_all()
        if end is not None:
            again.size = end - begin
    again.fractions, again.salvage = source.fractions, source.salvage
    again._interrupted = source.interrupted and end is None
    return again


def _poll(file: Any) -> select.poll | None:
    """Return a poll object for a file's descriptor; None for a file without one."""
    import select  # only pipes need it

    try:
        poll = select.poll()  # not on Windows
        poll.register(file.fileno(), select.POLLIN)
    except (AttributeError, OSError, ValueError, TypeError):
        return None
    return poll


def check_fractions(fractions: str | None) -> None:
    """Check the argument `fractions`. Raises UsageError for an unknown word."""
    if fractions is not None and not is_one_of(fractions, FRACTIONS):
        raise UsageError(f"{argument('fractions', fractions)}: must be {' or '.join(FRACTIONS)}", option="fractions")


def check_salvage(*, salvage: bool, strict: bool) -> None:
    """Check the arguments `salvage` and `strict`. Raises UsageError if both are given."""
    check_flags(salvage=salvage, strict=strict)
    if salvage and strict:
        refusing, reading_on = argument("strict", True), argument("salvage", True)
        raise UsageError(
            f"{refusing} refuses damage, {reading_on} reads on behind it; give one of them", option="salvage"
        )


def open_source(file: Readable, *, fractions: str | None = None, salvage: bool = False) -> Source:
    """Open a path, `-` for stdin, or a binary file object, which stays open. For `fractions` and `salvage`, see
    `Source`. Raises FileError, and UsageError for unknown `fractions`."""
    check_fractions(fractions)
    source = _open(file)
    source.fractions, source.salvage = fractions, salvage
    return source


def _open(readable: Readable) -> Source:
    if not isinstance(readable, str | os.PathLike):
        return Source(readable, file_name(readable, "input", "rb"), owned=False)
    if readable == STDIO:
        return Source(standard_stream(sys.stdin, "stdin", "rb"), "stdin", owned=False)
    name = os.fspath(readable)
    try:
        file = io.FileIO(name, "rb")
    except (OSError, ValueError) as error:
        raise open_error(name, error) from error
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return Source(file, name, owned=True, path=real_path(name))


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return device, inode, size and time of a file, which differ for another file, and after somebody has written to
    it."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read_file(path: str, most: int = 16 * 2**20) -> bytes:
    """Read a small file whole. Raises FileError, also for a file of more than `most` bytes."""
    with open_source(path) as source:
        room = bytearray(most + 1 if source.size is None else min(source.size, most) + 1)
        read = 0
        with memoryview(room) as view:
            while read < len(room) and (count := source.readinto(view[read:])):
                read += count
    if read > most:
        raise FileError(f"{path}: has more than {most} bytes", path=path)
    return bytes(room[:read])


def spool(source: Source) -> Source:
    """Copy all bytes of a source into a nameless temporary file, and return the file as a source that can be rewound.
    Raises FileError."""
    kept = temporary_file()
    room = bytearray(2**18)
    reading_pipe = PipeReading() if source.may_wait else None
    try:
        with memoryview(room) as view:
            while count := source.readinto(view) if reading_pipe is None else reading_pipe.readinto(source, view):
                with writing(TEMPORARY_FILE):
                    write_all(kept, view[:count])
        kept.seek(0)
    except BaseException:
        kept.close()
        raise
    spooled = Source(kept, source.name, owned=True)
    spooled.fractions, spooled.salvage = source.fractions, source.salvage
    spooled._interrupted = reading_pipe is not None and reading_pipe.interrupted
    return spooled
