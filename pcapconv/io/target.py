"""Outputs that appear whole or not at all.

Strategy: an output file has no name until it is complete (O_TMPFILE), so that not even a kill leaves anything behind.
It has a temporary name in the same directory for the moment of replacing an existing file, and all the time where the
system has no nameless files; that name goes away on any error. What is not a plain file (a pipe, a device, an object
that was handed in) is written as it comes, unless the caller says that nothing may appear before all is well: then the
bytes wait in an unnamed temporary file. How outputs get their names is in `commit`, by what steps in `names`; many
files that appear together are in `file_set`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
from types import TracebackType
from typing import Any, Self

from pcapconv.errors import FileError
from pcapconv.io.final_names import Appearance, exists, name_if_free, put_aside, temporary_name, unlink
from pcapconv.io.paths import STDIO, Writable, exists_already, real_path
from pcapconv.io.permissions import copy_rights
from pcapconv.io.read_write import TEMPORARY_FILE, file_name, reading, reason_of, standard_stream, write_all, writing
from pcapconv.io.source import Source, temporary_file

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


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
    place = TEMPORARY_FILE

    def __init__(self, stream: Target) -> None:
        super().__init__(temporary_file(), stream.name)
        self._stream = stream

    def appear(self, *, keep_old: bool) -> None:
        with reading(TEMPORARY_FILE):
            self.file.seek(0)
        while data := self._read():
            with writing(self.name):
                write_all(self._stream.file, memoryview(data))
        self._stream.complete(fsync=False)
        self._stream.appear(keep_old=keep_old)

    def _read(self) -> bytes:
        with reading(TEMPORARY_FILE):
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
        return _streamed(_Stream(place, file_name(place, "output", "wb"), owned=False, seekable=seekable), whole)
    if place == STDIO:
        stdout = standard_stream(sys.stdout, "stdout", "wb")
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
