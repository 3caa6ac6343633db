"""An open output: a file that gets its final name when it is complete, or a stream.

Strategy: a new file has no name until it is complete (O_TMPFILE), so that a kill while it is written leaves nothing
behind. A file that replaces another one has a temporary name in the same directory for the moment of its `publish`; if
the system has no nameless files, every file has a temporary name from the beginning. Any error removes that name. A
stream (a pipe, a device, a file object of the caller) gets bytes as they are written, or, if `open_target` was called
with `whole`, only when the output is complete: until then a nameless temporary file holds them.

`commit` calls the methods of all outputs of a command; `final_names` has the steps that `publish` and `undo_publish`
are made of; `file_set` has outputs that are too many to be open at once.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
from typing import Any, Self

from pcapconv.errors import FileError, FileExistingError
from pcapconv.io import interruption
from pcapconv.io.final_names import UndoableNaming, exists, name_if_free, put_aside, temporary_name, unlink
from pcapconv.io.paths import STDIO, Writable, create_error, exists_message, nameless_error, real_path
from pcapconv.io.permissions import copy_permissions
from pcapconv.io.read_write import (
    BINARY,
    RENAMES_OPEN_FILES,
    TEMPORARY_FILE,
    file_name,
    reading,
    reason_of,
    standard_stream,
    truncate,
    write_all,
    writing,
)
from pcapconv.io.source import Source
from pcapconv.io.temporary_file import temporary_file

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

files_begun = 0  # the files that this process has begun to write, by which the message about a signal is worded


def count_begun_file() -> None:
    """Count a file that is being written from now on."""
    global files_begun
    files_begun += 1


class Target:
    """An open output. Use it as a context manager: at the end, a plain file without its final name is removed.

    `file` takes the bytes, from offset `start` on. If `seekable`, earlier bytes can be replaced. When all bytes are
    written, `io.commit.commit` calls `prepare`, then `publish`, then `confirm`; or, if any output of the command
    failed, `undo_publish` in place of `confirm`. This base class is a stream that the caller owns.
    """

    hidden_until_published = False  # whether nobody sees bytes of the output before `publish`
    shown_at_once = False  # whether others, such as the reader of a pipe, get the bytes as they are written
    may_block = True  # whether `publish` may wait for the reader of a pipe
    path: str | None = None  # the final path of a plain file

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
    def interim_name(self) -> str:
        """The name, for messages, of the file or stream that holds the bytes until `publish`."""
        return self.name

    def write(self, view: memoryview) -> None:
        """Write these bytes. Raises what the file raises."""
        request = interruption.current() if self.shown_at_once else None
        with contextlib.nullcontext() if request is None else request.writing_to_pipe():
            write_all(self.file, view)

    def restart(self) -> None:
        """Remove the bytes that were written. Only if `seekable`. Raises FileError."""
        with writing(self.interim_name):
            self.file.seek(self.start)
            truncate(self.file)

    def release(self) -> None:
        """Close files that need not be open while nothing is written. Raises FileError."""

    def prepare(self, *, fsync: bool) -> None:
        """Force delayed write errors (of quotas and network file systems) to surface now. With `fsync`, sync a file
        that is going to replace another one. Raises FileError."""

    def publish(self, *, keep_old: bool) -> None:
        """Give the file its final name, or send the bytes to the stream if it has not got them yet. With `keep_old`,
        keep a file that is replaced, since `undo_publish` may follow. Raises FileError."""

    def undo_publish(self) -> None:
        """Restore the state before `publish`, also if `publish` failed half-way. Raises FileError."""

    def confirm(self, *, fsync: bool) -> None:
        """Remove the file that was replaced, since the output stays. With `fsync`, sync the directory. Raises FileError
        if the name may not be on the disk."""

    def discard(self) -> None:
        """Close the output; remove a file that was not published."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


class _Stream(Target):
    """A pipe, a device or a file object of the caller, which gets the bytes as they are written."""

    def __init__(self, file: Any, name: str, *, owned: bool, seekable: bool = False) -> None:
        super().__init__(file, name, seekable=seekable)
        self._owned = owned
        self.shown_at_once = not seekable and not _is_regular(file)

    def prepare(self, *, fsync: bool) -> None:  # noqa: ARG002 - a stream replaces no file
        if isinstance(self.file, io.FileIO):
            with writing(self.name):
                check_written(self.file.fileno())

    def discard(self) -> None:
        if self._owned:
            with contextlib.suppress(OSError):  # errors that matter were raised before
                self.file.close()


class _SpooledStream(Target):
    """A stream that gets the bytes only when the output is complete; until then a temporary file holds them."""

    hidden_until_published = True
    interim_name = TEMPORARY_FILE

    def __init__(self, stream: Target) -> None:
        super().__init__(temporary_file(), stream.name)
        self._stream = stream

    def publish(self, *, keep_old: bool) -> None:
        with reading(TEMPORARY_FILE):
            self.file.seek(0)
        while data := self._read():
            with writing(self.name):
                write_all(self._stream.file, memoryview(data))
        self._stream.prepare(fsync=False)
        self._stream.publish(keep_old=keep_old)

    def _read(self) -> bytes:
        with reading(TEMPORARY_FILE):
            data: bytes = self.file.read(1 << 18)
        return data

    def discard(self) -> None:
        self.file.close()
        self._stream.discard()


class PlainFile(Target):
    """A file that gets its final name when it is complete.

    `path` is the final path, with links resolved. With `force`, the file may replace another one; with `private`, only
    its owner may read it.
    """

    hidden_until_published = True
    may_block = False
    path: str

    def __init__(self, path: str, name: str, *, force: bool, private: bool) -> None:
        self.path = path
        self._private = private
        self._directory = os.path.dirname(path)
        self._force = force
        self._temporary = ""
        self._remove: Any = None  # a finalizer that removes the temporary name, also if nobody calls `discard`
        self._old = ""  # the name under which the replaced file is kept until `confirm`
        self._replaced = False  # whether a file had the final name before
        self._naming = UndoableNaming()
        self._synced: int | None = None  # the open directory, if it is to be synced
        count_begun_file()
        try:
            # until it has the permissions of the file that it replaces, only its owner may read it
            super().__init__(self._create(0o600 if private or exists(path) else 0o666), name)
        except OSError as error:
            raise create_error(name, error) from error

    def _create(self, mode: int) -> io.FileIO:
        if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                return io.FileIO(os.open(self._directory, os.O_TMPFILE | os.O_RDWR, mode), "rb+")
        self._choose_temporary()
        return io.FileIO(os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | BINARY, mode), "rb+")

    def _choose_temporary(self) -> None:
        """Choose a temporary name. A finalizer removes it, even if a signal arrives before the constructor returns."""
        from weakref import finalize  # rarely needed

        self._temporary = temporary_name(self._directory)
        self._remove = finalize(self, unlink, self._temporary)
        self._remove.atexit = False  # a forked process must not remove it

    def prepare(self, *, fsync: bool) -> None:
        """See `Target.prepare`."""
        with writing(self.name):
            if fsync and exists(self.path):
                os.fsync(self.file.fileno())
                self._synced = open_directory(self._directory)
            check_written(self.file.fileno())

    def publish(self, *, keep_old: bool) -> None:
        """See `Target.publish`."""
        try:
            self._replaced = exists(self.path)
            if self._replaced and self._force:
                if not self._private:
                    copy_permissions(self.path, self.file.fileno())
                self._old = put_aside(self.path, temporary_name(self._directory)) if keep_old else ""
            with self._naming.record(os.fstat(self.file.fileno())):
                if not self._temporary:
                    self._link()
                if self._temporary:
                    self._rename()
        except FileExistsError as error:
            raise FileExistingError(exists_message(self.name), path=self.name) from error
        except OSError as error:
            raise FileError(f"{self.name}: cannot create: {reason_of(error)}", path=self.name, cause=error) from error

    def _link(self) -> None:
        """Link the nameless file to its final name; if that name is taken and `force` is set, to a temporary name."""
        proc = f"/proc/self/fd/{self.file.fileno()}"
        directory = os.open(self._directory, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        try:  # dst_dir_fd makes Python call linkat, which follows the link in /proc
            try:
                os.link(proc, os.path.basename(self.path), dst_dir_fd=directory)
            except FileExistsError:
                if not self._force:
                    raise
                self._choose_temporary()
                os.link(proc, os.path.basename(self._temporary), dst_dir_fd=directory)
        finally:
            close_directory(directory)

    def _rename(self) -> None:
        """Give the file its final name in place of its temporary one."""
        if not RENAMES_OPEN_FILES:
            self.file.close()
        if self._force:
            os.replace(self._temporary, self.path)
            self._remove.detach()
        else:
            name_if_free(self._temporary, self.path)

    def undo_publish(self) -> None:
        """See `Target.undo_publish`."""
        old, self._old = self._old, ""  # an old file that cannot be put back stays under this name
        try:
            if old or not self._replaced:
                self._naming.undo(self.path, old)
        except OSError as error:
            where = f"; the old file is {old}" if old else ""
            raise FileError(
                f"{self.name}: cannot put back what was there: {reason_of(error)}{where}", path=self.name, cause=error
            ) from error

    def confirm(self, *, fsync: bool) -> None:
        """See `Target.confirm`."""
        if self._old:
            unlink(self._old)
            self._old = ""
        if self._replaced and fsync:
            sync_directory(self._synced, self.name)

    def discard(self) -> None:
        """See `Target.discard`."""
        with contextlib.suppress(OSError):  # errors that matter were raised before
            self.file.close()
        close_directory(self._synced)
        self._synced = None
        if self._remove is not None:
            self._remove()


def check_written(descriptor: int) -> None:
    """Make the system report delayed write errors now instead of when the file is closed: network file systems and
    quotas delay them. Raises OSError."""
    os.close(os.dup(descriptor))


def open_directory(path: str) -> int | None:
    """Open a directory for `sync_directory`, before any file in it is replaced. Return None if this user may not read
    it, or if the system opens no directories. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):  # on Windows
        return None
    with contextlib.suppress(PermissionError):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return None


def close_directory(directory: int | None) -> None:
    """Close a directory. Errors do not matter: nothing was written through it."""
    if directory is not None:
        with contextlib.suppress(OSError):
            os.close(directory)


def sync_directory(directory: int | None, name: str) -> None:
    """Sync an open directory, so that its names are on the disk. `name` is an output in it, for messages. Raises
    FileError."""
    try:
        if directory is not None:
            os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot sync directories
            raise FileError(
                f"{name}: is complete, but may not be on the disk yet: {reason_of(error)}", path=name, cause=error
            ) from error


def open_target(
    output: Writable,
    *,
    force: bool = False,
    whole: bool = False,
    hidden: bool = False,
    text: bool = False,
    private: bool = False,
    compressed: bool = False,
) -> Target:
    """Open a path, `-` for stdout, or a binary file object, which stays open.

    With `force`, an existing file may be replaced. With `whole`, a stream gets nothing before the output is complete.
    With `hidden`, nor does any stream but a pipe, a socket or a device; with `compressed`, nor does a file object whose
    bytes can be replaced but not read: what is compressed is read again before it is replaced.
    `text` allows a terminal as the output. With `private`, only its owner may read the file. Raises FileError.
    """
    if not isinstance(output, str | os.PathLike):
        stream = _Stream(output, file_name(output, "output", "wb"), owned=False, seekable=_is_rewritable(output))
        whole = whole or (compressed and stream.seekable and not output.readable())
        return _spooled(stream, whole, hidden=hidden)
    if output == STDIO:
        stdout = standard_stream(sys.stdout, "stdout", "wb")
        if not text and stdout.isatty():
            raise FileError(
                "stdout is a terminal: a capture is not for reading; name a file, or pipe it into a program"
            )
        return _spooled(_Stream(stdout, "stdout", owned=False), whole, hidden=hidden)
    name = os.fspath(output)
    if not os.path.basename(name):
        raise nameless_error(name)
    try:
        plain = stat.S_ISREG(os.stat(name).st_mode)
    except FileNotFoundError:
        return PlainFile(real_path(name), name, force=force, private=private)
    except (OSError, ValueError) as error:
        raise FileError(f"{name}: cannot create: {reason_of(error)}", path=name, cause=error) from error
    if plain:
        if not force:
            raise FileExistingError(exists_message(name), path=name)
        # a symbolic link stays; the file that it leads to is replaced
        return PlainFile(real_path(name), name, force=force, private=private)
    try:
        return _spooled(_Stream(io.FileIO(name, "wb"), name, owned=True), whole, hidden=hidden)
    except OSError as error:
        raise FileError(f"{name}: cannot write: {reason_of(error)}", path=name, cause=error) from error


def _is_rewritable(file: Any) -> bool:
    """Return whether earlier bytes of a file object can be replaced: in plain files not opened for appending, and in
    memory."""
    raw = getattr(file, "raw", file)
    try:
        if not isinstance(raw, io.FileIO):
            return isinstance(raw, io.BytesIO)
        return raw.seekable() and not _is_appending(raw)
    except (OSError, ValueError):
        return False


def _mode(file: Any) -> int:
    """Return the type of the file behind a file object, as `stat` has it; 0 if it has no descriptor."""
    try:
        return os.fstat(file.fileno()).st_mode
    except (AttributeError, OSError, ValueError, TypeError):
        return 0


def _is_regular(file: Any) -> bool:
    """Return whether a file object is a regular file, such as stdout that a shell sends to one."""
    return stat.S_ISREG(_mode(file))


def _is_live(file: Any) -> bool:
    """Return whether a file object is a pipe, a socket or a device."""
    mode = _mode(file)
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def _is_appending(file: Any) -> bool:
    return fcntl is not None and bool(fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND)


def overwrites_source(source: Source, target: Target) -> bool:
    """Return whether writing to a target overwrites the plain file that the source reads; False for a target that is
    `hidden_until_published`."""
    if target.hidden_until_published:
        return False
    if source.file is target.file:
        return True
    try:
        one, other = os.fstat(source.file.fileno()), os.fstat(target.file.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other) and not _is_appending(target.file)


def _spooled(stream: Target, whole: bool, *, hidden: bool) -> Target:
    return _SpooledStream(stream) if whole or (hidden and not _is_live(stream.file)) else stream
