"""Names of files: what a path leads to, and whether two are the same file."""

from __future__ import annotations

import os
from typing import BinaryIO

from pcapconv.errors import FileError
from pcapconv.io.final_names import exists
from pcapconv.io.read_write import reading, reason_of
from pcapconv.wording import argument

Readable = str | os.PathLike[str] | BinaryIO
Writable = str | os.PathLike[str] | BinaryIO
STDIO = "-"
SIDECAR_SUFFIX = ".meta.json"  # what a sidecar's name has behind that of its capture


def there_is(name: str) -> bool:
    """Whether there is such an input. Raises FileError where nobody can tell."""
    with reading(name):
        return exists(name)


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


def exists_already(name: str) -> str:
    """What is said of a name that is taken."""
    return f"{name}: exists already; {argument('force', True)} replaces it"
