"""Every open() of the program: sources, outputs that appear whole or not at all, stdin and stdout.

Strategy: an output file has no name until it is complete (O_TMPFILE), so that not even a kill leaves anything behind.
It has a temporary name in the same directory for the moment of replacing an existing file, and all the time where the
system has no nameless files; that name goes away on any error. What is not
a plain file (a pipe, a device, an object that was handed in) is written as it comes, unless the caller says that
nothing may appear before all is well: then the bytes wait in an unnamed temporary file. How outputs get their names is
in `commit`, by what steps in `names`; many files that appear together are in `targets`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.io.names import Appearance, exists, name_if_free, put_aside, temporary_name, unlink
from pcapconv.io.rights import copy_rights
from pcapconv.io.signals import deferred

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

Readable = str | os.PathLike[str] | BinaryIO
Writable = str | os.PathLike[str] | BinaryIO

STDIO = "-"
FRACTIONS = ("nanoseconds",)  # what fractions of a second in pcap files can be read as, whatever these say
SIDECAR_SUFFIX = ".meta.json"  # what a sidecar's name has behind that of its capture
_MOMENT = 0.01  # seconds


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
        raise UsageError(f"--fractions {fractions}: it is {' or '.join(FRACTIONS)}")


def open_source(place: Readable, *, fractions: str | None = None) -> Source:
    """A path, `-` for stdin, or a binary file object, which stays open. `fractions` is for readers: see `Source`.
    Raises FileError, and UsageError for `fractions` that mean nothing."""
    check_fractions(fractions)
    source = _opened(place)
    source.fractions = fractions
    return source


def _opened(place: Readable) -> Source:
    if not isinstance(place, str | os.PathLike):
        return Source(place, _name_of(place, "input", "rb"), owned=False)
    if place == STDIO:
        return Source(_standard(sys.stdin, "stdin", "rb"), "stdin", owned=False)
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
                with writing("a temporary file"):
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
    with writing("a temporary file"), deferred(), contextlib.closing(TemporaryFile(buffering=0)) as file:
        return _Unnamed(os.dup(file.fileno()), "rb+")


class Target:
    """Where an output goes. Use it as a context manager: nothing of a plain file remains that has no name by then.

    `file` takes the bytes, from `start` on. `seekable` tells that it can be gone back in. How an output appears is in
    `commit`, which calls `complete`, `appear`, and then `settle` or `take_back`.
    """

    replaces = False  # whether the bytes appear under the target's name only when they are complete
    may_wait = True  # whether appearing may take as long as somebody who reads a pipe wants it to
    path: str | None = None  # of a plain file

    def __init__(self, file: Any, name: str, *, seekable: bool = True) -> None:
        self._file = file
        self.name = name
        self.seekable = seekable
        self.start: int = file.tell() if seekable else 0

    @property
    def file(self) -> Any:
        """The file object."""
        return self._file

    @property
    def place(self) -> str:
        """What takes the bytes until they appear, for messages."""
        return self.name

    def restart(self) -> None:
        """Forget what was written. Only where `seekable`. Raises FileError."""
        with writing(self.place):
            self.file.seek(self.start)
            self.file.truncate()

    def rest(self) -> None:
        """Nothing more is to be written for a while."""

    def complete(self, *, fsync: bool) -> None:
        """All is written: have the system say what it could not keep, and, with `fsync`, have on the disk what is to
        replace a file. Raises FileError."""

    def appear(self, *, keep_old: bool) -> None:
        """Let the bytes appear under the name; `keep_old` tells that `take_back` may follow. Raises FileError."""

    def take_back(self) -> None:
        """Let everything be as it was before `appear`, as far as that went. Raises FileError."""

    def settle(self, *, fsync: bool) -> None:
        """It stays; with `fsync`, also what name it has is on the disk. Raises FileError where that is not certain."""

    def abandon(self) -> None:
        """Let go of what is open, and of bytes that did not appear."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()


class _Stream(Target):
    """A pipe, a device, or an object that was handed in: bytes go out as they come."""

    def __init__(self, file: Any, name: str, *, owned: bool, seekable: bool = False) -> None:
        super().__init__(file, name, seekable=seekable)
        self._owned = owned

    def complete(self, *, fsync: bool) -> None:  # noqa: ARG002 - it replaces nothing
        if isinstance(self.file, io.FileIO):
            with writing(self.name):
                check_written(self.file.fileno())

    def abandon(self) -> None:
        if self._owned:
            with contextlib.suppress(OSError):  # what matters was said before
                self.file.close()


class _Spooled(Target):
    """Bytes for a stream that must not see any before all is well."""

    replaces = True
    place = "a temporary file"

    def __init__(self, stream: Target) -> None:
        super().__init__(temporary_file(), stream.name)
        self._stream = stream

    def appear(self, *, keep_old: bool) -> None:
        with reading("a temporary file"):
            self.file.seek(0)
        while data := self._read():
            with writing(self.name):
                write_all(self._stream.file, memoryview(data))
        self._stream.complete(fsync=False)
        self._stream.appear(keep_old=keep_old)

    def _read(self) -> bytes:
        with reading("a temporary file"):
            data: bytes = self.file.read(1 << 18)
        return data

    def abandon(self) -> None:
        self.file.close()
        self._stream.abandon()


class PlainFile(Target):
    """A file that gets its name when it is complete.

    `force` allows it to replace the file that has its name, `private` keeps it from all but its owner.
    """

    replaces = True
    may_wait = False
    path: str

    def __init__(self, path: str, name: str, *, force: bool, private: bool) -> None:
        self.path = path
        self._private = private
        self._directory = os.path.dirname(path)
        self._force = force
        self._temporary = ""
        self._remove: Any = None  # what removes the temporary name, also where nobody calls `abandon`
        self._old = ""  # what the replaced file is called until all is settled
        self._replaced = False  # whether there was a file in its place
        self._appearance = Appearance()
        self._synced: int | None = None  # the open directory, where its names are to be on the disk
        try:
            # what is to replace a file is its owner's alone until it has the rights of that one
            super().__init__(self._create(0o600 if private or exists(path) else 0o666), name)
        except OSError as error:
            raise FileError(f"{name}: cannot create: {reason_of(error)}") from error

    def _create(self, mode: int) -> io.FileIO:
        if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                return io.FileIO(os.open(self._directory, os.O_TMPFILE | os.O_RDWR, mode), "rb+")
        self._have_temporary()
        return io.FileIO(os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode), "rb+")

    def _have_temporary(self) -> None:
        """Choose a temporary name, which goes away also where a signal comes before anybody knows of this object."""
        from weakref import finalize  # rarely needed

        self._temporary = temporary_name(self._directory)
        self._remove = finalize(self, unlink, self._temporary)
        self._remove.atexit = False  # a process that was forked has no business here

    def complete(self, *, fsync: bool) -> None:
        """See `Target.complete`."""
        with writing(self.name):
            if fsync and exists(self.path):
                os.fsync(self.file.fileno())
                self._synced = open_directory(self._directory)
            check_written(self.file.fileno())

    def appear(self, *, keep_old: bool) -> None:
        """See `Target.appear`."""
        try:
            self._replaced = exists(self.path)
            if self._replaced and self._force:
                if not self._private:
                    copy_rights(self.path, self.file.fileno())
                self._old = put_aside(self.path, temporary_name(self._directory)) if keep_old else ""
            with self._appearance.of(os.fstat(self.file.fileno())):
                if not self._temporary:
                    self._link()
                if self._temporary:
                    self._rename()
        except FileExistsError as error:
            raise FileError(exists_already(self.name)) from error
        except OSError as error:
            raise FileError(f"{self.name}: cannot create: {reason_of(error)}") from error

    def _link(self) -> None:
        """Give the nameless file its name, or, where that one is taken and may be, a temporary one."""
        proc = f"/proc/self/fd/{self.file.fileno()}"
        directory = os.open(self._directory, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        try:  # dst_dir_fd makes Python call linkat, which follows the link in /proc
            try:
                os.link(proc, os.path.basename(self.path), dst_dir_fd=directory)
            except FileExistsError:
                if not self._force:
                    raise
                self._have_temporary()
                os.link(proc, os.path.basename(self._temporary), dst_dir_fd=directory)
        finally:
            close_directory(directory)

    def _rename(self) -> None:
        if self._force:
            os.replace(self._temporary, self.path)
            self._remove.detach()
        else:
            name_if_free(self._temporary, self.path)

    def take_back(self) -> None:
        """See `Target.take_back`."""
        old, self._old = self._old, ""  # if it cannot be put back, it stays where it is
        try:
            if old or not self._replaced:
                self._appearance.take_back(self.path, old)
        except OSError as error:
            where = f"; the old file is {old}" if old else ""
            raise FileError(f"{self.name}: cannot put back what was there: {reason_of(error)}{where}") from error

    def settle(self, *, fsync: bool) -> None:
        """See `Target.settle`."""
        if self._old:
            unlink(self._old)
            self._old = ""
        if self._replaced and fsync:
            sync_directory(self._synced, self.name)

    def abandon(self) -> None:
        """Nothing of it remains, unless it has its name."""
        with contextlib.suppress(OSError):  # what matters was said before
            self.file.close()
        close_directory(self._synced)
        self._synced = None
        if self._remove is not None:
            self._remove()


def check_written(descriptor: int) -> None:
    """Have the system say now what it says else when a file is closed, over a network or a quota: that bytes which it
    took could not be kept. Raises OSError."""
    os.close(os.dup(descriptor))


def there_is(name: str) -> bool:
    """Whether there is such an input. Raises FileError where nobody can tell."""
    with reading(name):
        return exists(name)


def open_directory(path: str) -> int | None:
    """A directory for `sync_directory`, opened while nothing has been replaced yet; None for one that this user may not
    read. Raises OSError."""
    with contextlib.suppress(PermissionError):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return None


def close_directory(directory: int | None) -> None:
    """Let go of it; nothing was written to it that an error could be about."""
    if directory is not None:
        with contextlib.suppress(OSError):
            os.close(directory)


def sync_directory(directory: int | None, name: str) -> None:
    """Have what names an open directory holds on the disk. Raises FileError, which names an output in it."""
    try:
        if directory is not None:
            os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # nobody can, in some file systems
            raise FileError(f"{name}: is complete, but may not be on the disk yet: {reason_of(error)}") from error


def open_target(
    place: Writable, *, force: bool = False, whole: bool = False, text: bool = False, private: bool = False
) -> Target:
    """A path, `-` for stdout, or a binary file object, which stays open.

    `force` allows an existing file to be replaced. `whole` promises that also a stream sees nothing before all is
    complete. `text` is what a terminal may show. `private` keeps a file from all but its owner. Raises FileError.
    """
    if not isinstance(place, str | os.PathLike):
        seekable = _can_go_back(place)
        return _streamed(_Stream(place, _name_of(place, "output", "wb"), owned=False, seekable=seekable), whole)
    if place == STDIO:
        stdout = _standard(sys.stdout, "stdout", "wb")
        if not text and stdout.isatty():
            raise FileError(
                "stdout is a terminal: a capture is not for reading; name a file, or pipe it into a program"
            )
        return _streamed(_Stream(stdout, "stdout", owned=False), whole)
    name = os.fspath(place)
    if not os.path.basename(name):
        raise FileError(f"{name!r} names no file")
    try:
        plain = stat.S_ISREG(os.stat(name).st_mode)
    except FileNotFoundError:
        return PlainFile(real_path(name), name, force=force, private=private)
    except (OSError, ValueError) as error:
        raise FileError(f"{name}: cannot create: {reason_of(error)}") from error
    if plain:
        if not force:
            raise FileError(exists_already(name))
        # a symbolic link stays, what it points at goes
        return PlainFile(real_path(name), name, force=force, private=private)
    try:
        return _streamed(_Stream(io.FileIO(name, "wb"), name, owned=True), whole)
    except OSError as error:
        raise FileError(f"{name}: cannot write: {reason_of(error)}") from error


def real_path(name: str) -> str:
    """Where a name leads, through links. Raises FileError."""
    try:
        return os.path.realpath(name)
    except OSError as error:  # the working directory is gone
        raise FileError(f"{name}: cannot create: {reason_of(error)}") from error


def leads_to(place: object) -> str | None:
    """Where a path leads, through links; None for what is no path. To see whether two are the same."""
    if not isinstance(place, str | os.PathLike) or place == STDIO:
        return None
    try:
        return os.path.realpath(os.fspath(place))
    except (OSError, ValueError):  # the working directory is gone, or nothing can have this name
        return os.fspath(place)


def is_open_as(name: str, file: object) -> bool:
    """Whether an open file is the one that has this name; False for what is no open file."""
    fileno = getattr(file, "fileno", None)
    try:
        return fileno is not None and os.path.samestat(os.stat(name), os.fstat(fileno()))
    except (OSError, ValueError):
        return False


def reading(name: str) -> contextlib.AbstractContextManager[None]:
    """Turns whatever speaks against reading into a FileError."""
    return _doing(name, "read")


def writing(name: str) -> contextlib.AbstractContextManager[None]:
    """Turns whatever speaks against writing into a FileError."""
    return _doing(name, "write")


@contextlib.contextmanager
def _doing(name: str, what: str) -> Iterator[None]:
    """Objects that are handed in raise all kinds of things: closed ones ValueError, gzip's EOFError and zlib.error."""
    try:
        yield
    except (PcapconvError, MemoryError):
        raise
    except Exception as error:
        raise FileError(f"{name}: cannot {what}: {reason_of(error)}") from error


def read_all(file: Any, count: int) -> bytes:
    """The next bytes of a file object, so many or as many as there are, however few it gives at a time."""
    pieces = []
    while count and (piece := file.read(count)) != b"":
        if piece is None:
            wait_for(file, writing=False)
        else:
            pieces.append(piece)
            count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def write_all(file: Any, view: memoryview) -> None:
    """Write the bytes to a file object, however few it takes at a time."""
    while view:
        try:
            written = file.write(view)
        except BlockingIOError as error:  # of a buffer in front of a descriptor in non-blocking mode
            written = error.characters_written
        if written:
            view = view[written:]
        elif written is not None or isinstance(file, io.RawIOBase):  # it would have to wait
            wait_for(file, writing=True)
        else:  # an object that does not say
            return


def wait_for(file: Any, *, writing: bool) -> None:
    """Wait until a file object in non-blocking mode is ready; one without a descriptor, for a moment."""
    import select  # rarely needed
    import time

    try:
        descriptor = file.fileno()
    except (AttributeError, OSError):
        time.sleep(_MOMENT)
        return
    poll = select.poll()  # unlike select, it takes any descriptor, and unlike epoll, it needs none
    poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    poll.poll()


def _name_of(file: Any, otherwise: str, mode: str) -> str:
    """A file object's name for messages. Raises UsageError for one that takes or gives text."""
    name = getattr(file, "name", otherwise)
    name = name if isinstance(name, str) else otherwise  # of a descriptor it is a number
    if not hasattr(file, "read" if mode == "rb" else "write"):
        raise UsageError(f"{file!r:.80} is neither a path nor a file object")
    if isinstance(file, io.TextIOBase):
        raise UsageError(f"{name} is open as text; open it with mode '{mode}'")
    return name


def _can_go_back(file: Any) -> bool:
    """Whether earlier bytes can be replaced: in plain files that are not for appending, and in memory."""
    raw = getattr(file, "raw", file)
    try:
        if not isinstance(raw, io.FileIO):
            return isinstance(raw, io.BytesIO)
        return raw.seekable() and not _appends(raw)
    except (OSError, ValueError):
        return False


def _appends(file: Any) -> bool:
    return fcntl is not None and bool(fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND)


def name_of(target: Writable) -> str | None:
    """A target's path or name, None for stdout and what has none."""
    if isinstance(target, str | os.PathLike):
        path = os.fspath(target)
        return None if path == STDIO else path
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else None


def base_name(target: Writable) -> str:
    """What a path is called in its directory; nothing for stdout and what is no path."""
    return os.path.basename(target) if isinstance(target, str | os.PathLike) and target != STDIO else ""


def same_file(source: Source, target: Target) -> bool:
    """Whether a target that is written as it comes would overwrite the plain file that the source reads."""
    if target.replaces:
        return False
    if source.file is target.file:
        return True
    try:
        one, other = os.fstat(source.file.fileno()), os.fstat(target.file.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other) and not _appends(target.file)


def _streamed(stream: Target, whole: bool) -> Target:
    return _Spooled(stream) if whole else stream


def _standard(stream: Any, name: str, mode: str) -> Any:
    """The bytes under sys.stdin or sys.stdout."""
    if stream is None:
        raise FileError(f"{name} is closed")
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return getattr(stream, "buffer", stream)
    return io.FileIO(descriptor, mode, closefd=False)


def exists_already(name: str) -> str:
    """What is said of a name that is taken."""
    return f"{name}: exists already; --force (force=True) replaces it"


def reason_of(error: Exception) -> str:
    """What the system says, in lower case."""
    return (getattr(error, "strerror", None) or str(error)).lower()
