"""The store of this machine: the files of all its file systems, shared ones too."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from pcapconv.batching.locations import BatchContext, FoundFile, State, exists_message, is_file_name
from pcapconv.errors import FileError, FileExistingError, FileMissingError
from pcapconv.io.final_names import TEMPORARY, exists, refresh_directory
from pcapconv.io.paths import STDIO
from pcapconv.io.read_write import reason_of
from pcapconv.io.source import Source, open_source
from pcapconv.io.target import Target, open_target
from pcapconv.wording import argument

_OUTSIDE = "a symbolic link that leads out of the tree"
_DIRECTORY = "a symbolic link to a directory"
_LINK = "a symbolic link"
_INTO_TARGET = "a symbolic link into the new tree"
_NOWHERE = "a symbolic link to nothing"
_SPECIAL = "not a plain file"


class Local:
    """The store whose locations are paths."""

    local = True
    writable = True

    def find(self, root: str, left_out: str | None, *, links: bool) -> Iterator[FoundFile]:
        """See `Store.find`. Symbolic links to directories are not followed: directories in the tree are listed
        anyway."""
        try:
            if not os.path.isdir(root):
                state = self.state(root) if stat.S_ISREG(os.stat(root).st_mode) else None
                yield FoundFile(root, os.path.basename(root), state, "" if state else _SPECIAL)
                return
            real_root = os.path.realpath(root)
            left_out_path = None if left_out is None else os.path.realpath(left_out)
            if left_out_path is not None and not left_out_path.startswith(os.path.join(real_root, "")):
                left_out_path = None  # not in the tree
        except (OSError, ValueError) as error:
            raise FileError(f"{root}: cannot open: {reason_of(error)}", path=root, cause=error) from error
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(os.path.join(root, folder)) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                reason = f"cannot open: {reason_of(error)}"
                yield FoundFile(os.path.join(root, folder), folder, None, reason, failed=True, is_directory=True)
                continue
            folders, prefix = [], folder and os.path.join(folder, "")
            for entry in ordered:
                if entry.name.startswith(".") and TEMPORARY.fullmatch(entry.name):
                    continue
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if os.path.join(real_root, name) != left_out_path:
                        folders.append(name)
                else:
                    yield _found(entry, name, (real_root, left_out_path), links=links)
            waiting += reversed(folders)

    def can_hold(self, name: str) -> bool:
        """See `Store.can_hold`."""
        return is_file_name(name)

    def state(self, location: str) -> State | None:
        """See `Store.state`."""
        try:
            status = os.stat(location)
        except (OSError, ValueError):
            return None
        return _state(status) if stat.S_ISREG(status.st_mode) else None

    def open_source(self, location: str, on_transfer: Callable[[], object]) -> Source:  # noqa: ARG002 - its reader reports progress
        """See `Store.open_source`."""
        return open_source(_plain(location))

    def open_stream(self, location: str) -> Source:
        """See `Store.open_stream`."""
        return open_source(_plain(location))

    def open_target(self, location: str, batch: BatchContext, *, force: bool, private: bool = False) -> Target:  # noqa: ARG002
        """See `Store.open_target`. The directory has to exist."""
        try:
            is_there = exists(location)
        except OSError as error:
            raise FileError(f"{location}: cannot create: {reason_of(error)}", path=location, cause=error) from error
        if is_there and not os.path.isfile(location):
            raise FileExistingError(f"{location}: exists already, and is not a plain file", path=location)
        if is_there and not force:
            raise FileExistingError(exists_message(location), path=location)
        return open_target(_plain(location), force=force, private=private)


LOCAL = Local()


def make_directories(location: str, home: str | None) -> None:
    """Create the missing directories of a file, but neither `home`, an absolute path, nor a directory above `home`: if
    `home` is missing, this may be the wrong disk. If `home` is None, create all missing directories. Raises FileError,
    also if `home` is missing."""
    missing: list[str] = []
    try:
        folder = os.path.dirname(os.path.abspath(location))
        while not os.path.exists(folder):
            if folder == home:
                raise FileMissingError(
                    f"{location}: cannot create: {home} does not exist, and jobs do not create it", path=location
                )
            missing.append(folder)
            folder = os.path.dirname(folder)
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another job made it
                os.mkdir(each)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{location}: cannot create: {reason_of(error)}", path=location, cause=error) from error


def is_inside(location: str, folder: str) -> bool:
    """Return whether a path lies in a directory once symbolic links are followed. `folder` is its real path."""
    return os.path.commonpath([os.path.realpath(location), folder]) == folder


def outside_message(location: str) -> str:
    """Return the error message for a path that a symbolic link leads out of the target directory."""
    follow = argument("follow_links", True)
    where = f"out of the target directory, to {os.path.realpath(location)}"
    return f"{location}: a symbolic link leads {where}; {follow} writes there"


def remove_temporary_files(folders: Iterable[str]) -> None:
    """Remove the temporary files that killed runs have left in these directories. Errors are ignored."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if TEMPORARY.fullmatch(name):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))


def _plain(location: str) -> str:
    """Return `./-` for a file called `-`, since `-` alone means stdin or stdout; any other path unchanged."""
    return os.path.join(".", location) if location == STDIO else location


def fresh_state(location: str) -> State | None:
    """Return the state of a file that another host may have written just now, None if there is no such file. The file
    is opened, so that the system asks the file server instead of its own cache."""
    refresh_directory(os.path.dirname(location))
    try:
        with open(location, "rb", buffering=0) as file:
            return state_of_open_file(file.fileno())
    except (OSError, ValueError):
        return LOCAL.state(location)


def state_of_open_file(file: int) -> State:
    """Return the state of an open file, given by its descriptor. Raises OSError."""
    return _state(os.fstat(file))


def _state(status: os.stat_result) -> State:
    return State(status.st_size, status.st_mtime_ns)


def _found(entry: os.DirEntry[str], name: str, roots: tuple[str, str | None], *, links: bool) -> FoundFile:
    try:
        reason = _skip_reason(entry, *roots, links=links)
        return FoundFile(entry.path, name, None if reason else _state(entry.stat()), reason)
    except OSError as error:
        return FoundFile(entry.path, name, None, f"cannot open: {reason_of(error)}", failed=True)


def _skip_reason(entry: os.DirEntry[str], root: str, left_out: str | None, *, links: bool) -> str:
    """Return why a file must not be read, or "" if it may be read. `root` and `left_out` are real paths. Raises
    OSError."""
    if entry.is_symlink():
        path = os.path.realpath(entry.path)
        if os.path.commonpath([path, root]) != root:
            return _OUTSIDE
        if left_out is not None and os.path.commonpath([path, left_out]) == left_out:
            return _INTO_TARGET
        if not os.path.lexists(path):
            return _NOWHERE
        if os.path.isdir(path):
            return _DIRECTORY
        if not links:
            return _LINK
    return "" if entry.is_file() or not entry.stat() else _SPECIAL
