"""Which file a path leads to, whether two paths lead to the same file, and the name of a target."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from pcapconv.errors import FileError
from pcapconv.io.final_names import exists
from pcapconv.io.read_write import reading, reason_of
from pcapconv.wording import argument, call

Readable = str | os.PathLike[str] | BinaryIO
Writable = str | os.PathLike[str] | BinaryIO
STDIO = "-"
SIDECAR_SUFFIX = ".meta.json"  # the name of a sidecar is that of its capture with this suffix
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")  # the beginning of a URL


def input_exists(name: str) -> bool:
    """Return whether an input exists. Raises FileError if that cannot be determined."""
    with reading(name):
        return exists(name)


def real_path(name: str) -> str:
    """Return the path that a name leads to, with links resolved. Raises FileError."""
    try:
        return os.path.realpath(name)
    except OSError as error:  # the working directory is gone
        raise FileError(f"{name}: cannot create: {reason_of(error)}", path=name, cause=error) from error


def comparable_path(file: object) -> str | None:
    """Return the path that an input or output leads to, with links resolved, for comparison with other paths; None for
    `-` and for anything that is no path. Raises nothing."""
    if not isinstance(file, str | os.PathLike) or file == STDIO:
        return None
    try:
        return os.path.realpath(os.fspath(file))
    except (OSError, ValueError):  # the working directory is gone, or no file can have this name
        return os.fspath(file)


def is_file_at(name: str, file: object) -> bool:
    """Return whether this path leads to an open file; False if `file` is no open file."""
    fileno = getattr(file, "fileno", None)
    try:
        return fileno is not None and os.path.samestat(os.stat(name), os.fstat(fileno()))
    except (OSError, ValueError):
        return False


def name_of(target: Writable) -> str | None:
    """Return the path of a target, or the name of a file object; None for stdout and for an object without a name."""
    if isinstance(target, str | os.PathLike):
        path = os.fspath(target)
        return None if path == STDIO else path
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else None


def base_name(target: Writable) -> str:
    """Return the last component of a path; "" for stdout and for a file object."""
    return os.path.basename(target) if isinstance(target, str | os.PathLike) and target != STDIO else ""


def nameless_error(name: str) -> FileError:
    """Return the error for an empty path, or for an output whose path ends with a directory."""
    return FileError(f"{name!r} names no file", path=name)


def open_error(name: str, error: Exception) -> FileError:
    """Return the error for an input that cannot be opened."""
    if not name:  # of a variable of the shell that is not set, for example
        return nameless_error(name)
    return FileError(f"{name}: cannot open: {_reason_for_name(name, error)}", path=name, cause=error)


def create_error(name: str, error: Exception, directory: str | None = None) -> FileError:
    """Return the error for an output that cannot be created, or that needs this `directory`, if it is given."""
    if isinstance(error, FileNotFoundError) and not URL.match(name):
        needed = [os.path.dirname(path) for path in (name, comparable_path(name) or "")]
        for each in needed if directory is None else [directory]:
            if each and not os.path.exists(each):
                return FileError(f"there is no directory {each}; make it first", path=each, cause=error)
    return FileError(f"{name}: cannot create: {_reason_for_name(name, error)}", path=name, cause=error)


def _reason_for_name(name: str, error: Exception) -> str:
    """Return the system's words for an error; for a URL, which no file has for its name, that batches take URLs."""
    if isinstance(error, FileNotFoundError) and URL.match(name):
        return f"no file has this name, and only {call('pcapconv.batch')} takes URLs, as source or target"
    return reason_of(error)


def exists_message(name: str) -> str:
    """Return the message for an output that exists, and must not be replaced."""
    return f"{name}: exists already; {argument('force', True)} replaces it"
