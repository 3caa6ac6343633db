"""Which errors are transient, so that a file is worth another try (`retries`): those of a store, of a network or of a
process that died, not those of the file itself."""

from __future__ import annotations

import errno
import zlib
from gzip import BadGzipFile

from pcapconv.errors import FileError, PcapconvError

_PERMANENT = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
_PERMANENT |= {errno.ELOOP, errno.EINVAL, errno.EROFS, errno.ENOTEMPTY, errno.EXDEV}
_PERMANENT_TYPES = (FileNotFoundError, FileExistsError, PermissionError)  # clients of stores raise them without errno
_CONTENT_ERRORS = (BadGzipFile, ValueError, TypeError, EOFError, zlib.error)  # of decompression, or of a name
_TRANSIENT_STATUSES = (408, 425, 429)  # the HTTP statuses 4xx that may be gone at the next request


def is_transient(error: BaseException, *, remote: bool) -> bool:
    """Return whether the error of a file may not occur again at the next try. `remote`: the source or the target lies
    behind a URL."""
    if isinstance(error, FileError):
        return error.__cause__ is not None and is_transient(error.__cause__, remote=remote)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno not in _PERMANENT
    if isinstance(error, (PcapconvError, MemoryError, *_PERMANENT_TYPES, *_CONTENT_ERRORS)):
        return False
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in _TRANSIENT_STATUSES
    return remote  # any other exception is one of a store's client
