"""Which failures may pass when a file is tried again: those of a store, a network or a lost worker, not those of the
file itself."""

from __future__ import annotations

import errno
import zlib
from gzip import BadGzipFile

from pcapconv.errors import FileError, PcapconvError

_LASTING = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
_LASTING |= {errno.ELOOP, errno.EINVAL, errno.EROFS, errno.ENOTEMPTY, errno.EXDEV}
_OF_STATES = (FileNotFoundError, FileExistsError, PermissionError)  # as clients of stores raise them, without a number
_OF_CONTENTS = (BadGzipFile, ValueError, TypeError, EOFError, zlib.error)  # of decompression, or of a name
_BUSY = (408, 425, 429)  # what a server says with 4xx that does not last


def is_transient(error: BaseException, *, remote: bool) -> bool:
    """Whether an error of one file may be gone the next time. `remote` tells that a store is asked for the file."""
    if isinstance(error, FileError):
        return error.__cause__ is not None and is_transient(error.__cause__, remote=remote)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno not in _LASTING
    if isinstance(error, (PcapconvError, MemoryError, *_OF_STATES, *_OF_CONTENTS)):
        return False
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in _BUSY
    return remote  # whatever a store's client raises
