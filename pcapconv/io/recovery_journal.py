"""The journal of a file set's commit: if the commit is killed half-way, the next run restores the old files with it.

Strategy: before the first file is replaced, a journal in the set's temporary folder records where each file belongs.
The committing process keeps the journal locked, and removes it once all files have their names. A journal without a
lock was left by a killed process: the next run puts the old files back, and removes the new ones.
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

OLD = ".old"  # a replaced file is kept under the temporary name of the file that replaces it, with this suffix
_NAME = "journal"


class RecoveryJournal:
    """The journal in the temporary directory `folder`: the temporary name and the final path of each file. Raises
    OSError."""

    def __init__(self, folder: str, files: Mapping[str, str]) -> None:
        self._path = os.path.join(folder, _NAME)
        self._file = -1
        if fcntl is None:  # on Windows: without locks, no run puts files back
            return
        unfinished = self._path + ".new"
        self._file = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            with contextlib.suppress(OSError):  # some file systems have no locks: then no run puts files back
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
        """Remove the journal, since nothing has to be put back any more."""
        file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)  # an empty journal does not count, even if it cannot be removed
            unlink(self._path)
            with contextlib.suppress(OSError):
                os.close(file)


def put_back_old_files(directory: str) -> list[str]:
    """Put back the old files in a directory that killed commits have replaced; return their paths."""
    restored: list[str] = []
    try:
        names = sorted(filter(TEMPORARY.fullmatch, os.listdir(directory)))
    except (OSError, ValueError):  # creating a file there raises the error
        return restored
    for name in names if fcntl is not None else ():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # no journal, or a bad one
            _put_back_folder(os.path.join(directory, name), os.path.realpath(directory), restored)
    return sorted(restored)


def _put_back_folder(folder: str, directory: str, restored: list[str]) -> None:
    """Put back the files of one temporary folder, and add their paths to `restored`. A journal counts only if it was
    written for this folder: the folder belongs to this user, was not copied, and all files lie below `directory`."""
    folder_status = os.lstat(folder)
    with open(os.path.join(folder, _NAME), "rb+") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = json.loads(journal.read())
        if content["folder"] != folder_status.st_ino or folder_status.st_uid != os.geteuid():
            raise ValueError("somebody else's")
        if not stat.S_ISDIR(folder_status.st_mode):
            raise ValueError("not a directory")
        if any(os.path.commonpath([directory, path]) != directory for path, *_ in content["files"].values()):
            raise ValueError("elsewhere")
        kept = {_NAME}
        for name, (path, *state) in reversed(content["files"].items()):
            temporary = os.path.join(folder, os.path.basename(name))
            now = _state(path)
            if exists(temporary + OLD):
                if now in ([], state):
                    os.replace(temporary + OLD, path)
                    restored.append(path)
                elif now[1:] != _state(temporary + OLD)[1:]:  # somebody has written another file since
                    kept.add(os.path.basename(temporary + OLD))
            elif now == state:
                os.unlink(path)
        for name in os.listdir(folder):
            if name not in kept:
                os.unlink(os.path.join(folder, name))
        os.unlink(journal.name)
    with contextlib.suppress(OSError):  # an old file may be kept in it
        os.rmdir(folder)


def _state(path: str) -> list[int]:
    """Return inode, size and time of a file, which identify it; an empty list if there is no file. Raises OSError."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return []
    return [status.st_ino, status.st_size, status.st_mtime_ns]
