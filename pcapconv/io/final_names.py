"""Names of files: whether they are taken, how a file gets one that another file has, how that is undone.

Strategy: no name is nobody's at any time, not even where there are no hard links: a file that may have to come back is
linked or copied aside, never moved. Where the system does not say whether a file is there, it counts as there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator

from pcapconv.io.permissions import copy_rights

TEMPORARY = re.compile(r"\.pcapconv-[0-9a-f]{16}\.tmp")  # what a name looks like that goes away again
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # what a file system says that has no hard links


def temporary_name(directory: str) -> str:
    """A new name that goes away again, see `TEMPORARY`."""
    return os.path.join(directory, f".pcapconv-{os.urandom(8).hex()}.tmp")


def exists(path: str) -> bool:
    """Whether something has this name, if only a link to nothing. Raises OSError where nobody can tell: what may be
    there must not be taken for gone."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def look_again(directory: str) -> None:
    """Have a file server say anew which names a directory has, and lacks."""
    with contextlib.suppress(OSError):
        os.close(os.open(directory or ".", os.O_RDONLY))


def unlink(path: str) -> None:
    """Remove a name that goes away in any case; where the system refuses, it stays."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def put_aside(path: str, aside: str) -> str:
    """Give the file at a path another name, too, or where there are no links, have a copy there; returns that name, or
    nothing where there is no file. Raises OSError."""
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
    """A copy with the same rights and times, complete when it has its name. Raises OSError."""
    temporary = temporary_name(os.path.dirname(aside))
    try:
        with open(path, "rb") as old, open(temporary, "xb", opener=_for_its_owner) as copy:
            while data := old.read(1 << 18):
                copy.write(data)
            copy.flush()
            copy_rights(path, copy.fileno())
            there = os.fstat(old.fileno())
            os.utime(copy.fileno(), ns=(there.st_atime_ns, there.st_mtime_ns))
        os.rename(temporary, aside)
    except BaseException:
        unlink(temporary)
        raise


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def name_if_free(temporary: str, path: str) -> None:
    """Give a file this name, too, or instead, unless it has been taken meanwhile. A link refuses a name that is taken,
    a rename would not. Raises FileExistsError, OSError."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if exists(path):
            raise FileExistsError(path) from error
        os.rename(temporary, path)


class Appearance:
    """How far a file has got a name, so that it can be taken from it again."""

    def __init__(self) -> None:
        self._there: os.stat_result | None = None  # what the file is, once that was tried
        self._certain = False

    @contextlib.contextmanager
    def of(self, there: os.stat_result) -> Iterator[None]:
        """The file that is `there` gets its name within the `with` block. What fails there may be done all the same."""
        self._there = there
        yield
        self._certain = True

    def take_back(self, path: str, old: str) -> None:
        """Let the path lead to the old file again, which is at `old`, or to nothing if that is "". Raises OSError."""
        if self._may_be_at(path, replaced=bool(old)):
            if old:
                os.replace(old, path)
            else:
                os.unlink(path)
        if old:  # two names of one file stay two when one is to replace the other
            unlink(old)

    def _may_be_at(self, path: str, *, replaced: bool) -> bool:
        if self._there is None:
            return False
        try:
            return os.path.samestat(self._there, os.stat(path))
        except FileNotFoundError:
            return replaced
        except OSError:
            if self._certain or replaced:
                return True
            raise
