"""The files of a batch: those of a tree or of a list, as far as patterns want them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.batching.locations import FoundFile, State, is_file_name, local_path, scheme_of
from pcapconv.batching.stores import store_of
from pcapconv.batching.transient_errors import is_transient
from pcapconv.errors import FileError, FormatError, PcapconvError, UsageError
from pcapconv.io.final_names import TEMPORARY
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


NO_FILE_NAME = "its name cannot be that of a file"


class Patterns:
    """Which files are wanted, by patterns as in .gitignore. Raises UsageError."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _understood("include", include)
        self._exclude = _understood("exclude", exclude)

    def match(self, found: FoundFile) -> bool:
        """Whether a file is wanted. Directories are there for what is wrong with them, unless they are left out."""
        if not (self._include is None or found.folder or self._include.match_file(found.name)):
            return False
        name = found.name + "/" if found.folder else found.name
        return self._exclude is None or not self._exclude.match_file(name)


def _understood(name: str, patterns: Sequence[str]) -> GitIgnoreSpec | None:
    """None where there are no patterns. Raises UsageError."""
    if isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns or ()):
        raise UsageError(f"{argument(name, patterns)}: a list of patterns is wanted")
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise UsageError(f"{argument(name)}: {error}; write one like '*.pcap' or 'lab/**'") from None


def find_listed(locations: Iterable[str]) -> Iterator[FoundFile]:
    """The files of a list, each once, under the names that they get in a tree: relative ones stay, others lose their
    root."""
    for location in dict.fromkeys(map(_text, locations)):
        scheme = scheme_of(location)
        if scheme is not None:
            name = posixpath.normpath(location.partition("://")[2]).lstrip("/")
        else:
            name = os.path.normpath(location)
            if os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
                name = os.path.abspath(name).lstrip("/")
        if TEMPORARY.fullmatch(posixpath.basename(name)):
            yield FoundFile(location, name, None, "unfinished files are called so; rename it", failed=True)
            continue
        if not is_file_name(name):
            yield FoundFile(location, name, None, NO_FILE_NAME, failed=True)
            continue
        try:
            state = store_of(location).state(location)
        except FileError as error:
            if is_transient(error, remote=scheme is not None):  # as its job will see, which may be tried again
                yield FoundFile(location, name, State(None, None))
                continue
            yield FoundFile(location, name, None, str(error).removeprefix(f"{location}: "), failed=True)
            continue
        reason = "" if state else "not a plain file" if os.path.lexists(location) else "there is no such file"
        yield FoundFile(location, name, state, reason, failed=state is None)


def _text(location: object) -> str:
    """Raises UsageError for what is no path."""
    path = os.fspath(location) if isinstance(location, str | os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"{location!r:.80} is not a path")
    return local_path(path)


def without_side_files(found: Sequence[FoundFile], suffix: str) -> list[FoundFile]:
    """The files without what lies beside another one under its name and `suffix`, and is not a capture."""
    names = {each.name for each in found}
    return [
        each
        for each in found
        if not (each.name.endswith(suffix) and each.name.removesuffix(suffix) in names) or is_capture(each.location)
    ]


def is_capture(location: str) -> bool:
    """Also when nobody can tell."""
    try:
        with store_of(location).open_stream(location) as source:
            formats.format_at(source)
    except FormatError:
        return False
    except PcapconvError:
        pass
    return True
