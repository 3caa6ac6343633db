"""The source files of a batch: the files of a tree that the patterns select, or the files of a list."""

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
from pcapconv.wording import argument, object_text

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


NO_FILE_NAME = "its name cannot be that of a file"


class Patterns:
    """Selects files by patterns as in .gitignore: files that match `include`, or all files if `include` is empty, but
    no files that match `exclude`. Raises UsageError."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _parse_patterns("include", include)
        self._exclude = _parse_patterns("exclude", exclude)

    def match(self, file: FoundFile) -> bool:
        """Return whether a file is selected. A directory (here: one that cannot be listed) is selected unless it is
        excluded."""
        if not (self._include is None or file.is_directory or self._include.match_file(file.name)):
            return False
        name = file.name + "/" if file.is_directory else file.name
        return self._exclude is None or not self._exclude.match_file(name)


def _parse_patterns(name: str, patterns: Iterable[str] | None) -> GitIgnoreSpec | None:
    """Parse the patterns of the argument `name`; None if the list is empty. Raises UsageError."""
    if patterns is None:
        return None
    listed = list(patterns) if isinstance(patterns, Iterable) and not isinstance(patterns, str) else None
    if listed is None or not all(isinstance(each, str) for each in listed):
        raise UsageError(f"{argument(name, patterns)}: write a list of patterns", option=name)
    if not listed:
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(listed)
    except ValueError as error:
        raise UsageError(f"{argument(name)}: {error}; write one like '*.pcap' or 'lab/**'", option=name) from None


def find_listed(locations: Iterable[str]) -> Iterator[FoundFile]:
    """Yield the files of a list, each once. The name of a file in the target tree is its relative path; for a path that
    leads out of the working directory, the absolute path without the root; for a URL, the part after the scheme. Raises
    UsageError for a value that is no path."""
    for location in dict.fromkeys(map(_path_text, locations)):
        scheme = scheme_of(location)
        if scheme is not None:
            name = posixpath.normpath(location.partition("://")[2]).lstrip("/")
        else:
            name = os.path.normpath(location)
            if os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
                name = os.path.abspath(name).lstrip("/")
        if TEMPORARY.fullmatch(posixpath.basename(name)):
            yield FoundFile(location, name, None, "unfinished files have such names; rename it", failed=True)
            continue
        if not is_file_name(name):
            yield FoundFile(location, name, None, NO_FILE_NAME, failed=True)
            continue
        try:
            state = store_of(location).state(location)
        except FileError as error:
            if is_transient(error, remote=scheme is not None):  # its job asks again, and reports the error
                yield FoundFile(location, name, State(None, None))
                continue
            yield FoundFile(location, name, None, str(error).removeprefix(f"{location}: "), failed=True)
            continue
        reason = "" if state else "not a plain file" if os.path.lexists(location) else "there is no such file"
        yield FoundFile(location, name, state, reason, failed=state is None)


def _path_text(location: object) -> str:
    """Return a path or URL as text. Raises UsageError for anything else."""
    path = os.fspath(location) if isinstance(location, str | os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"{object_text(location)} is not a path")
    return local_path(path)


def without_side_files(found: Sequence[FoundFile], suffix: str) -> list[FoundFile]:
    """Return the files without side files: sidecars or key logs. A side file is no capture, and its name is that of
    another file followed by `suffix`."""
    names = {file.name for file in found}
    return [
        file
        for file in found
        if not (file.name.endswith(suffix) and file.name.removesuffix(suffix) in names) or is_capture(file.location)
    ]


def is_capture(location: str) -> bool:
    """Return whether a file is a capture; True also if the file cannot be read."""
    try:
        with store_of(location).open_stream(location) as source:
            formats.format_at(source)
    except FormatError:
        return False
    except PcapconvError:
        pass
    return True
