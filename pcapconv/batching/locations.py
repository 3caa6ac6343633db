"""What a batch says of the places where its files lie: paths and URLs, the states of files, and what a store can do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import unquote

from pcapconv.errors import FileError
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.timestamps import format_time
from pcapconv.wording import argument

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{9})Z")
_NUMBER = re.compile("-?[0-9]{20,30}")  # which JSON holds as text, of a year that has not four digits
_EPOCH = date(1970, 1, 1).toordinal()
_ALIASES = {"s3a": "s3", "gcs": "gs"}


class NoSuchLocationError(FileError):
    """There is no such place."""


class State(NamedTuple):
    """What tells whether a file has changed: its size in bytes, and its `time`: when it was changed last in nanoseconds
    since 1970; behind a URL, what the store says to identify the contents. Either is None where a store keeps it to
    itself."""

    size: int | None
    time: int | str | None

    @property
    def time_as_json(self) -> int | str | None:
        """The time as a line of the manifest has it: ISO 8601 in UTC with nanoseconds; a number where the year has not
        four digits."""
        if not isinstance(self.time, int):
            return self.time
        text = format_time(self.time, 10**9, 0)
        return text if _TIME.fullmatch(text) else self.time

    @classmethod
    def from_json(cls, size: Any, time: Any) -> Self:
        """What a line of the manifest says, see `time_from_json`. The values are not checked."""
        return cls(size, time_from_json(time))


def time_from_json(told: Any) -> Any:
    """The time that a line of the manifest says: as text since version 1 of its schema, as a number before."""
    match = _TIME.fullmatch(told) if isinstance(told, str) else None
    if match is None:
        return int(told) if isinstance(told, str) and _NUMBER.fullmatch(told) else told
    day, hours, minutes, seconds, nanoseconds = match.groups()
    whole = _seconds_of(day) + 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    return whole * 10**9 + int(nanoseconds)


@lru_cache(maxsize=1024)  # many files were changed on one day
def _seconds_of(day: str) -> int:
    """Raises ValueError."""
    return 86_400 * (date.fromisoformat(day).toordinal() - _EPOCH)


class FoundFile(NamedTuple):
    """A file below a tree's root: `name` is relative to it, with `/`. `state` is None for what is not to be read, for
    which `reason` says why, `failed` that somebody should know, and `folder` that it is a directory."""

    location: str
    name: str
    state: State | None
    reason: str = ""
    failed: bool = False
    folder: bool = False


class BatchContext(NamedTuple):
    """What a store is told of the batch that reads and writes there: the place of its `manifest`, the real path of its
    tree as `root`, None for a list, the id of this `run`, and what is called whenever bytes have `moved`, which may
    raise what ends it."""

    manifest: str
    root: str | None
    run: str
    moved: Callable[[], object]


class Store(Protocol):
    """What a batch needs of the place where files lie."""

    local: bool
    writable: bool

    def find(self, root: str, without: str | None, *, links: bool) -> Iterator[FoundFile]:
        """All files at or below a place, always in the same order. `without` is a place below that is left out. `links`
        tells whether symbolic links to files are followed. Raises NoSuchLocationError, FileError."""
        ...

    def can_hold(self, name: str) -> bool:
        """Whether a file of this name can lie below a place, and nowhere else. Object stores take any key."""
        ...

    def state(self, location: str) -> State | None:
        """None where there is no file. Raises FileError where nobody may know."""
        ...

    def open_source(self, location: str, moved: Callable[[], object]) -> Source:
        """A file to read, which can be rewound; `moved` is as of a `BatchContext`. Raises FileError."""
        ...

    def open_stream(self, location: str) -> Source:
        """A file of which the beginning is to be read: behind a URL, little more is fetched than is read. Raises
        FileError."""
        ...

    def open_target(self, location: str, batch: BatchContext, *, force: bool, private: bool = False) -> Target:
        """A file to write in a batch, directories included. Raises FileError."""
        ...


def is_file_name(name: str) -> bool:
    """Whether a name, with `/`, leads to a file of its own in a tree of files."""
    return all(part not in ("", ".", "..") for part in name.split("/")) and "\0" not in name


def exists_message(location: str) -> str:
    """What is said of a target that is there already."""
    resume, force = argument("resume", True), argument("force", True)
    return f"{location}: exists already; {resume} replaces only what an earlier run wrote, {force} whatever is there"


def scheme_of(location: str) -> str | None:
    """`s3` of `s3://lab/raw`; None for a path."""
    match = _URL.match(location) if "://" in location else None  # which most lack
    return match[1].lower() if match else None


def join_location(root: str, name: str) -> str:
    """The place of a name below a root."""
    if scheme_of(root) is not None:
        return f"{root if root.endswith('/') else root + '/'}{name}"
    return os.path.join(root, name)


def local_path(location: str) -> str:
    """A `file://` URL as the path that it is; anything else as it is."""
    return unquote(location[len("file://") :]) if location.lower().startswith("file:///") else location


def real_location(location: str) -> str:
    """A path without links, also for a URL of this machine; or another URL without a slash at its end."""
    try:
        scheme = scheme_of(location)
        if scheme == "local":
            return os.path.realpath(location[len("local://") :])
        if scheme is not None:
            return f"{_ALIASES.get(scheme, scheme)}{location[len(scheme) :].rstrip('/')}"
        return os.path.realpath(location)
    except (OSError, ValueError):  # what is wrong with it, opening it will tell
        return location


def is_same_location(one: str, other: str) -> bool:
    """Whether two places are the same directory."""
    return real_location(one) == real_location(other)
