"""Decides which errors are transient, so that `retries` tries the file again: errors of a store, of a network or of a
process that died, not errors in the file itself."""

from __future__ import annotations

import errno
import zlib
from gzip import BadGzipFile

from pcapconv.errors import FileError, PcapconvError

_PERMANENT = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
_PERMANENT |= {errno.ELOOP, errno.EINVAL, errno.EROFS, errno.ENOTEMPTY, errno.EXDEV}
_PERMANENT_TYPES = (FileNotFoundError, FileExistsError, PermissionError)  # clients of stores raise them without errno
_CONTENT_ERRORS = (BadGzipFile, ValueError, TypeError, EOFError, zlib.error)  # of decompression, or for a bad name
_TRANSIENT_STATUSES = (408, 425, 429)  # HTTP statuses 4xx after which another request may succeed


def is_transient(error: BaseException, *, remote: bool) -> bool:
    """Return whether another try with the file may succeed after this error. `remote` is True if the source or the
    target lies behind a URL."""
    if isinstance(error, FileError):
        return error.__cause__ is not None and is_transient(error.__cause__, remote=remote)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno not in _PERMANENT
    if isinstance(error, (PcapconvError, MemoryError, *_PERMANENT_TYPES, *_CONTENT_ERRORS)):
        return False
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in _TRANSIENT_STATUSES
    return remote  # any other exception was raised by a store's client
