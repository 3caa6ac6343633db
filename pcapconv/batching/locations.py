"""Locations of a batch's files (paths and URLs), the states of files, and the interface of a store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import unquote

from pcapconv.errors import FileMissingError
from pcapconv.io.paths import URL
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.timestamps import format_time
from pcapconv.wording import argument

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{9})Z")
_NUMBER = re.compile("-?[0-9]{20,30}")  # nanoseconds as text: a time in a year without four digits
_EPOCH = date(1970, 1, 1).toordinal()
_ALIASES = {"s3a": "s3", "gcs": "gs"}


class NoSuchLocationError(FileMissingError):
    """A location at which neither a file nor a directory exists."""


class State(NamedTuple):
    """The state of a file, by which a later run sees whether the file has changed. `size` is in bytes. `time` is the
    time of the last change in nanoseconds since 1970; behind a URL, it is a digest of the details that the store
    reports (ETag, date and so on). Each is None if the store does not report it."""

    size: int | None
    time: int | str | None

    @property
    def time_as_json(self) -> int | str | None:
        """The time as a value of a manifest line: ISO 8601 in UTC with nanoseconds, or a number if the year does not
        have four digits."""
        if not isinstance(self.time, int):
            return self.time
        text = format_time(self.time, 10**9, 0)
        return text if _TIME.fullmatch(text) else self.time

    @classmethod
    def from_json(cls, size: Any, time: Any) -> Self:
        """Return the state that a manifest line describes, see `time_from_json`. The values are not checked."""
        return cls(size, time_from_json(time))


def time_from_json(value: Any) -> Any:
    """Return the `State.time` that a field of a manifest line describes: text since version 1 of the schema, a number
    before. Raises ValueError for a day that does not exist."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    day, hours, minutes, seconds, nanoseconds = match.groups()
    whole = _seconds_of(day) + 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    return whole * 10**9 + int(nanoseconds)


@lru_cache(maxsize=1024)  # many files were changed on one day
def _seconds_of(day: str) -> int:
    """Return the seconds from 1970 to the beginning of a day. Raises ValueError."""
    return 86_400 * (date.fromisoformat(day).toordinal() - _EPOCH)


class FoundFile(NamedTuple):
    """A file below the root of a tree. `name` is relative to the root, with `/`. `state` is None if the file must not
    be read; then `reason` says why, and `failed` is True if that counts as a failure. `is_directory` is True for a
    directory that cannot be listed."""

    location: str
    name: str
    state: State | None
    reason: str = ""
    failed: bool = False
    is_directory: bool = False


class BatchContext(NamedTuple):
    """The batch on whose behalf a store reads and writes. `manifest` is the location of its manifest, `root` the real
    path or URL of the source tree (None for a list of files), and `run` the id of this run. `on_transfer` is called
    after bytes were read or sent, and may raise an exception that ends the job."""

    manifest: str
    root: str | None
    run: str
    on_transfer: Callable[[], object]


class Store(Protocol):
    """Reads, lists and writes files. `local` is True for the files of this machine (`local.Local`) and False behind
    URLs (`remote.RemoteStore`); `writable` is False for web servers."""

    local: bool
    writable: bool

    def find(self, root: str, left_out: str | None, *, links: bool) -> Iterator[FoundFile]:
        """Yield all files at or below the location `root`, except those below `left_out`, always in the same order.
        Symbolic links to files are followed if `links`. Raises FileError, and NoSuchLocationError if `root` does not
        exist."""
        ...

    def can_hold(self, name: str) -> bool:
        """Return whether a file can have this name, which is relative to a root, and lie below that root. In object
        stores, any key can be a name."""
        ...

    def state(self, location: str) -> State | None:
        """Return the state of a file, or None if there is no such file. Raises FileError if the store gives no answer,
        or denies access."""
        ...

    def open_source(self, location: str, on_transfer: Callable[[], object]) -> Source:
        """Open a file to read; the source can be rewound. `on_transfer` is that of a `BatchContext`. Raises
        FileError."""
        ...

    def open_stream(self, location: str) -> Source:
        """Open a file to read only its beginning: behind a URL, little more than that is fetched. Raises FileError."""
        ...

    def open_target(self, location: str, batch: BatchContext, *, force: bool, private: bool = False) -> Target:
        """Open a new file to write. With `force`, an existing file may be replaced. With `private`, only its owner may
        read the file. Raises FileError, also if the file exists and `force` is False."""
        ...


def is_file_name(name: str) -> bool:
    """Return whether a relative name, with `/`, can be the name of a file below the root: no part is empty, `.` or
    `..`."""
    return all(part not in ("", ".", "..") for part in name.split("/")) and "\0" not in name


def exists_message(location: str) -> str:
    """Return the error message for a target that exists."""
    resume, force = argument("resume", True), argument("force", True)
    return f"{location}: exists already; {resume} replaces only what an earlier run wrote, {force} whatever is there"


def scheme_of(location: str) -> str | None:
    """Return the scheme of a URL, such as `s3` for `s3://lab/raw`; None for a path."""
    match = URL.match(location) if "://" in location else None  # most locations are paths: a quick test
    return match[1].lower() if match else None


def join_location(root: str, name: str) -> str:
    """Return the location of a relative name below a root."""
    if scheme_of(root) is not None:
        return f"{root if root.endswith('/') else root + '/'}{name}"
    return os.path.join(root, name)


def local_path(location: str) -> str:
    """Return the path of a `file://` URL; any other location unchanged."""
    return unquote(location[len("file://") :]) if location.lower().startswith("file:///") else location


def real_location(location: str) -> str:
    """Return a path without symbolic links, also for a URL of this machine; for any other URL, its usual form without a
    slash at the end."""
    try:
        scheme = scheme_of(location)
        if scheme == "local":
            return os.path.realpath(location[len("local://") :])
        if scheme is not None:
            return f"{_ALIASES.get(scheme, scheme)}{location[len(scheme) :].rstrip('/')}"
        return os.path.realpath(location)
    except (OSError, ValueError):  # opening the location will raise the error
        return location


def is_same_location(one: str, other: str) -> bool:
    """Return whether two locations are the same file or directory."""
    return real_location(one) == real_location(other)
