"""The steps by which one file gets its final name, replaces a file of that name, or loses the name again; and temporary
names. `target` and `file_set` put the steps together.

Strategy: at every moment a name leads to the old file or the new one, even without hard links: an old file that may
have to be put back is linked or copied aside, never moved. If the system does not say whether a file exists, it counts
as existing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator

from pcapconv.io.permissions import copy_permissions

TEMPORARY = re.compile(r"\.pcapconv-[0-9a-f]{16}\.tmp")  # the form of a temporary name
# Errors of a file system that has no hard links; on Windows, this is EINVAL.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


def temporary_name(directory: str) -> str:
    """Return a new temporary path in this directory, of the form `TEMPORARY`."""
    return os.path.join(directory, f".pcapconv-{os.urandom(8).hex()}.tmp")


def exists(path: str) -> bool:
    """Return whether a file, a directory or a link has this name; a link counts even if its target does not exist.
    Raises OSError if that cannot be determined, since a file that may exist must not count as missing."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def refresh_directory(directory: str) -> None:
    """Make a network file system ask its server again which names a directory has."""
    with contextlib.suppress(OSError):
        os.close(os.open(directory or ".", os.O_RDONLY))


def unlink(path: str) -> None:
    """Remove a name; if the system refuses, the name stays, and nothing is raised."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def put_aside(path: str, aside: str) -> str:
    """Keep the file at a path under a second name, by a hard link, or by a copy if there are no links. Return that
    name, or "" if there is no such file. Raises OSError."""
    try:
        os.link(path, aside)
    except FileNotFoundError:
        return ""
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy_aside(path, aside)
    return aside


def _copy_aside(path: str, aside: str) -> None:
    """Copy a file with its permissions and times; the copy has its name only when it is complete. Raises OSError."""
    temporary = temporary_name(os.path.dirname(aside))
    try:
        with open(path, "rb") as old, open(temporary, "xb", opener=_open_for_owner) as copy:
            while data := old.read(1 << 18):
                copy.write(data)
            copy.flush()
            copy_permissions(path, copy.fileno())
            status = os.fstat(old.fileno())
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))  # by name, as on Windows
        os.rename(temporary, aside)
    except BaseException:
        unlink(temporary)
        raise


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def name_if_free(temporary: str, path: str) -> None:
    """Give a file its final name by a hard link beside its temporary name; if there are no hard links, rename it.
    Raises FileExistsError if another file has the final name by now (a rename alone would replace that file); and
    OSError."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if exists(path):
            raise FileExistsError(path) from error
        os.rename(temporary, path)


class UndoableNaming:
    """Remembers which file is given a name, so that the naming can be undone, even if it failed half-way."""

    def __init__(self) -> None:
        self._status: os.stat_result | None = None  # the file's device and inode, from when it is given the name
        self._done = False

    @contextlib.contextmanager
    def record(self, status: os.stat_result) -> Iterator[None]:
        """Note that the `with` block gives the file of this `status` its name. If the block fails, the file may
        nevertheless have the name."""
        self._status = status
        yield
        self._done = True

    def undo(self, path: str, old: str) -> None:
        """Give the path back to the old file, which is at `old`, or remove it if `old` is "". Raises OSError."""
        if self._may_be_named(path, replaced=bool(old)):
            if old:
                os.replace(old, path)
            else:
                os.unlink(path)
        if old:  # `os.replace` does nothing if both are names of one file
            unlink(old)

    def _may_be_named(self, path: str, *, replaced: bool) -> bool:
        """Return whether the path leads to the new file, or may lead to it. If there is no file at the path, return
        `replaced`. If the path cannot be examined: True if the file certainly got the name or `replaced` another file;
        otherwise raises OSError."""
        if self._status is None:
            return False
        try:
            return os.path.samestat(self._status, os.stat(path))
        except FileNotFoundError:
            return replaced
        except OSError:
            if self._done or replaced:
                return True
            raise
