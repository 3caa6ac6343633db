"""The files of this machine, or of a file system that it shares."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from pcapconv.batching.locations import Batch, Found, State, is_file_name, taken
from pcapconv.errors import FileError
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
    """Paths."""

    local = True
    writable = True

    def find(self, root: str, without: str | None, *, links: bool) -> Iterator[Found]:
        """See `Store.find`. Directories behind links are not entered: what they lead to in the tree is found anyway."""
        try:
            if not os.path.isdir(root):
                state = self.state(root) if stat.S_ISREG(os.stat(root).st_mode) else None
                yield Found(root, os.path.basename(root), state, "" if state else _SPECIAL)
                return
            real_root = os.path.realpath(root)
            left_out = None if without is None else os.path.realpath(without)
            if left_out is not None and not left_out.startswith(os.path.join(real_root, "")):
                left_out = None  # it does not lie in the tree
        except (OSError, ValueError) as error:
            raise FileError(f"{root}: cannot open: {reason_of(error)}") from error
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(os.path.join(root, folder)) as entries:
                    there = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                reason = f"cannot open: {reason_of(error)}"
                yield Found(os.path.join(root, folder), folder, None, reason, failed=True, folder=True)
                continue
            folders, prefix = [], folder and os.path.join(folder, "")
            for entry in there:
                if entry.name.startswith(".") and TEMPORARY.fullmatch(entry.name):
                    continue
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if os.path.join(real_root, name) != left_out:
                        folders.append(name)
                else:
                    yield _found(entry, name, (real_root, left_out), links=links)
            waiting += reversed(folders)

    def can_hold(self, name: str) -> bool:
        """See `Store.can_hold`."""
        return is_file_name(name)

    def state(self, location: str) -> State | None:
        """See `Store.state`."""
        try:
            there = os.stat(location)
        except (OSError, ValueError):
            return None
        return _state(there) if stat.S_ISREG(there.st_mode) else None

    def open_source(self, location: str, moved: Callable[[], object]) -> Source:  # noqa: ARG002 - reading tells
        """See `Store.open_source`."""
        return open_source(_plain(location))

    def open_stream(self, location: str) -> Source:
        """See `Store.open_stream`."""
        return open_source(_plain(location))

    def open_target(self, location: str, batch: Batch, *, force: bool, private: bool = False) -> Target:  # noqa: ARG002
        """See `Store.open_target`. Its directory has to be there."""
        try:
            if exists(location):
                if not os.path.isfile(location):
                    raise FileError(f"{location}: exists already, and is not a plain file")
                if not force:
                    raise FileError(taken(location))
        except OSError as error:
            raise FileError(f"{location}: cannot create: {reason_of(error)}") from error
        return open_target(_plain(location), force=force, private=private)


LOCAL = Local()


def make_folder(location: str, home: str | None) -> None:
    """Have the directory that a file is to lie in, but neither `home`, an absolute path, nor what that lies in: where
    it is missing, this may be the wrong disk. Raises FileError."""
    missing: list[str] = []
    try:
        folder = os.path.dirname(os.path.abspath(location))
        while not os.path.exists(folder):
            if folder == home:
                raise FileError(f"{location}: cannot create: {home} is not there, and a job does not make it")
            missing.append(folder)
            folder = os.path.dirname(folder)
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another job made it
                os.mkdir(each)
    except OSError as error:
        raise FileError(f"{location}: cannot create: {reason_of(error)}") from error


def lies_in(location: str, folder: str) -> bool:
    """Whether a path, once its symbolic links are followed, lies in a folder, of which the real path is given."""
    return os.path.commonpath([os.path.realpath(location), folder]) == folder


def leads_out(location: str) -> str:
    """What is said of a path that lies out of the new tree."""
    follow = argument("follow_links", True)
    where = f"out of the target directory, to {os.path.realpath(location)}"
    return f"{location}: a symbolic link leads {where}; {follow} writes there"


def clear_away(folders: Iterable[str]) -> None:
    """Remove the temporary files that a kill has left in these directories."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if TEMPORARY.fullmatch(name):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, name))


def _plain(location: str) -> str:
    """A path that is nothing else."""
    return os.path.join(".", location) if location == STDIO else location


def state_now(location: str) -> State | None:
    """The state of a file that another host may have written just now; None where there is none. Opening it has the
    system ask a file server what it would else remember."""
    refresh_directory(os.path.dirname(location))
    try:
        with open(location, "rb", buffering=0) as file:
            return state_of_open(file.fileno())
    except (OSError, ValueError):
        return LOCAL.state(location)


def state_of_open(file: int) -> State:
    """What an open file's state is. Raises OSError."""
    return _state(os.fstat(file))


def _state(there: os.stat_result) -> State:
    return State(there.st_size, there.st_mtime_ns)


def _found(entry: os.DirEntry[str], name: str, roots: tuple[str, str | None], *, links: bool) -> Found:
    try:
        reason = _why_not(entry, *roots, links=links)
        return Found(entry.path, name, None if reason else _state(entry.stat()), reason)
    except OSError as error:
        return Found(entry.path, name, None, f"cannot open: {reason_of(error)}", failed=True)


def _why_not(entry: os.DirEntry[str], root: str, left_out: str | None, *, links: bool) -> str:
    """What speaks against reading a file; nothing for most. The two are real paths. Raises OSError."""
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
