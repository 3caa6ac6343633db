"""Sources: paths, stdin and file objects to read, and bytes that are kept to be read again."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, Protocol, Self

from pcapconv.errors import FileError, UsageError
from pcapconv.io.held_signals import hold_signals
from pcapconv.io.paths import STDIO, Readable, real_path
from pcapconv.io.read_write import (
    TEMPORARY_FILE,
    file_name,
    read_all,
    reading,
    reason_of,
    standard_stream,
    wait_for,
    write_all,
    writing,
)
from pcapconv.wording import argument

WINDOW_SIZE = 512 * 1024  # what readers read at a time, unless a single record has more
FRACTIONS = ("nanoseconds",)  # what fractions of a second in pcap files can be read as, whatever these say


class Follower(Protocol):
    """Who wants all the bytes that are read from a source, and may take a while."""

    def exchange(self, buffer: bytearray, start: int, stop: int, at: int) -> bytearray:
        """Take over a buffer, in which from `start` to `stop` is what was read at the offset `at`, and return one to
        read on into."""
        ...


class Source:
    """Bytes to read. `name` is for messages; `size` is what a plain file holds from here on, None for anything else;
    `follower` gets what readers read that begin afterwards. `fractions` is what readers take the fractions of a second
    in a pcap file for, None for what its magic number says; `complete` tells that the capture is known to hold packets
    to its end, also where zeros look as if nothing had been written there."""

    follower: Follower | None = None
    fractions: str | None = None
    complete = False

    def __init__(self, file: Any, name: str, *, owned: bool, path: str | None = None) -> None:
        self.file = file
        self.path = path  # of a file that has one, without links
        self._owned = owned
        self._readinto: Any = getattr(file, "readinto", None)
        self.name = name
        self.size: int | None = None
        self.position = 0  # bytes read so far
        self._start: int | None = None  # where `rewind` goes
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if file.seekable():
                self._start = file.tell()
                if isinstance(getattr(file, "raw", file), io.FileIO | io.BytesIO):  # not gzip, which would read it all
                    end = file.seek(0, os.SEEK_END)
                    file.seek(self._start)
                    self.size = end - self._start if end > self._start else None  # devices and the like say 0
        self._opened_as = os.fstat(file.fileno()) if self.plain else None

    @property
    def seekable(self) -> bool:
        """Whether `rewind` works."""
        return self._start is not None

    @property
    def plain(self) -> bool:
        """Whether it is a plain file of the system, for which `read_at` works."""
        return self.size is not None and isinstance(getattr(self.file, "raw", self.file), io.FileIO)

    def is_at(self, path: str) -> bool:
        """Whether a path leads to this plain file, or did when it was opened. Raises FileError."""
        if self._opened_as is None:
            return False
        if path == self.path:
            return True
        with reading(path), contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(path), self._opened_as)
        return False

    def check_unchanged(self, path: str) -> None:
        """Raises FileError where a path, at which this plain file is, leads to another one by now, or to one that
        somebody wrote to since it was opened."""
        assert self._opened_as is not None
        with reading(self.name):
            now = os.stat(path)
        if _what_changes(now) != _what_changes(self._opened_as):
            raise FileError(f"{path}: was changed while it was read, and is left as it is; run the command again")

    def readinto(self, room: memoryview) -> int:
        """Read what is there, at most until `room` is full; 0 at the end. Raises FileError.

        A plain file is read as it was when it was opened, also when somebody adds to it meanwhile, and fills the room.
        """
        if self.size is not None:
            room = room[: self.size - self.position]
        with reading(self.name):
            count = self._read(room)
            while self.size is not None and count < len(room) and (more := self._read(room[count:])):
                count += more
        if not count and len(room) and self.size is not None:
            raise FileError(f"{self.name}: became shorter while it was read: {self.position} of {self.size} bytes")
        self.position += count
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
        """Whether reading needs no wait, or none longer than this; False where nobody can tell."""
        from select import select  # rarely needed

        if self.size is not None:
            return True
        with contextlib.suppress(OSError, ValueError, TypeError):  # no descriptor
            return bool(select([self.file], [], [], seconds)[0])
        return False

    def peek(self, offset: int, count: int) -> bytes:
        """The bytes at an offset from where it was opened, without moving. Only where `seekable`. Raises FileError."""
        assert self._start is not None
        with reading(self.name):
            here = self.file.tell()
            self.file.seek(self._start + offset)
            data = read_all(self.file, count)
            self.file.seek(here)
        return data

    def read_at(self, offset: int, room: memoryview) -> int:
        """Read the bytes at an offset from where a plain file of the system was opened, as it was then; 0 at the end.
        Raises FileError."""
        assert self._start is not None
        assert self.size is not None
        with reading(self.name):
            return os.preadv(self.file.fileno(), [room[: max(0, self.size - offset)]], self._start + offset)

    def rewind(self) -> None:
        """Back to where it was opened."""
        assert self._start is not None
        with reading(self.name):
            self.file.seek(self._start)
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._owned:
            with contextlib.suppress(OSError):  # all that was needed of it has been read
                self.file.close()


def check_fractions(fractions: str | None) -> None:
    """Raises UsageError for a word that means nothing."""
    if fractions is not None and fractions not in FRACTIONS:
        raise UsageError(f"{argument('fractions', fractions)}: must be {' or '.join(FRACTIONS)}")


def open_source(place: Readable, *, fractions: str | None = None) -> Source:
    """A path, `-` for stdin, or a binary file object, which stays open. `fractions` is for readers: see `Source`.
    Raises FileError, and UsageError for `fractions` that mean nothing."""
    check_fractions(fractions)
    source = _opened(place)
    source.fractions = fractions
    return source


def _opened(place: Readable) -> Source:
    if not isinstance(place, str | os.PathLike):
        return Source(place, file_name(place, "input", "rb"), owned=False)
    if place == STDIO:
        return Source(standard_stream(sys.stdin, "stdin", "rb"), "stdin", owned=False)
    name = os.fspath(place)
    try:
        file = io.FileIO(name, "rb")
    except (OSError, ValueError) as error:
        raise FileError(f"{name}: cannot open: {reason_of(error)}") from error
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return Source(file, name, owned=True, path=real_path(name))


def _what_changes(there: os.stat_result) -> tuple[int, int, int, int]:
    """What tells that a file is another one, or has other bytes."""
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns


def read_file(path: str, most: int = 16 * 2**20) -> bytes:
    """A small file's bytes. Raises FileError, also for one of more than `most` bytes."""
    with open_source(path) as source:
        room = bytearray(most + 1 if source.size is None else min(source.size, most) + 1)
        read = 0
        with memoryview(room) as view:
            while read < len(room) and (count := source.readinto(view[read:])):
                read += count
    if read > most:
        raise FileError(f"{path}: has more than {most} bytes")
    return bytes(room[:read])


def spool(source: Source) -> Source:
    """All that the source holds, in an unnamed temporary file that can be read again. Raises FileError."""
    kept = temporary_file()
    room = bytearray(2**18)
    try:
        with memoryview(room) as view:
            while count := source.readinto(view):
                with writing(TEMPORARY_FILE):
                    write_all(kept, view[:count])
        kept.seek(0)
    except BaseException:
        kept.close()
        raise
    spooled = Source(kept, source.name, owned=True)
    spooled.fractions = source.fractions
    return spooled


class _Unnamed(io.FileIO):
    """A file that nobody can open any more: what the system says when it is closed is of no use to anybody."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


def temporary_file() -> io.FileIO:
    """A new file without a name, for bytes that are needed again. Raises FileError."""
    from tempfile import TemporaryFile  # rarely needed, slow to import

    # for a moment it may have a name
    with writing(TEMPORARY_FILE), hold_signals(), contextlib.closing(TemporaryFile(buffering=0)) as file:
        return _Unnamed(os.dup(file.fileno()), "rb+")
