"""What a set of files does while it appears, so that a kill in the middle does not leave old and new files mixed.

Strategy: before the first file is replaced, a journal beside the waiting ones says where each belongs. Whoever replaces
files keeps it locked, and removes it once all are there. A journal that nobody has locked is left from a kill: the old
files go back to their places, and the new ones go away.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping

from pcapconv.io.final_names import TEMPORARY, exists, unlink

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

OLD = ".old"  # what a replaced file's name has behind that of the one that takes its place
_NAME = "journal"


class Journal:
    """The journal in the temporary directory `folder`: each file's temporary name, and its path. Raises OSError."""

    def __init__(self, folder: str, files: Mapping[str, str]) -> None:
        self._path = os.path.join(folder, _NAME)
        unfinished = self._path + ".new"
        self._file = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # some file systems have no locks: then nobody puts anything back
                    fcntl.flock(self._file, fcntl.LOCK_EX)
            written = {os.path.basename(name): [path, *_state(name)] for name, path in files.items()}
            with open(self._file, "wb", closefd=False) as file:
                file.write(json.dumps({"folder": os.stat(folder).st_ino, "files": written}).encode())
            os.rename(unfinished, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(self._file)
            unlink(unfinished)
            raise

    def close(self) -> None:
        """Nothing is to be put back any more."""
        file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)  # should it stay, it must not say anything any more
            unlink(self._path)
            with contextlib.suppress(OSError):
                os.close(file)


def recover(directory: str) -> list[str]:
    """Put back what kills have left half done in a directory; returns the files that are again what they were."""
    found: list[str] = []
    try:
        names = sorted(filter(TEMPORARY.fullmatch, os.listdir(directory)))
    except (OSError, ValueError):  # what is wrong with it, creating files will tell
        return found
    for name in names if fcntl is not None else ():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # no journal, or no sense
            _recover(os.path.join(directory, name), os.path.realpath(directory), found)
    return sorted(found)


def _recover(folder: str, directory: str, found: list[str]) -> None:
    """Put back the files of one folder, and add them to those that were `found`. A journal counts only where its
    writer made it: in a folder of this user that was not copied here from elsewhere, for files below `directory`."""
    there = os.lstat(folder)
    with open(os.path.join(folder, _NAME), "rb+") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        told = json.loads(journal.read())
        if told["folder"] != there.st_ino or there.st_uid != os.geteuid() or not stat.S_ISDIR(there.st_mode):
            raise ValueError("somebody else's")
        if any(os.path.commonpath([directory, path]) != directory for path, *_ in told["files"].values()):
            raise ValueError("elsewhere")
        kept = {_NAME}
        for name, (path, *state) in reversed(told["files"].items()):
            temporary = os.path.join(folder, os.path.basename(name))
            now = _state(path)
            if exists(temporary + OLD):
                if now in ([], state):
                    os.replace(temporary + OLD, path)
                    found.append(path)
                elif now[1:] != _state(temporary + OLD)[1:]:  # somebody wrote another one since
                    kept.add(os.path.basename(temporary + OLD))
            elif now == state:
                os.unlink(path)
        for name in os.listdir(folder):
            if name not in kept:
                os.unlink(os.path.join(folder, name))
        os.unlink(journal.name)
    with contextlib.suppress(OSError):  # an old file is kept there
        os.rmdir(folder)


def _state(path: str) -> list[int]:
    """What tells files apart, whatever their names; nothing where there is none. Raises OSError."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return []
    return [there.st_ino, there.st_size, there.st_mtime_ns]
