"""Many output files that get their final names together, or none of them: the parts of a split.

Strategy: the files may be too many to be open at once, so each has a temporary name, in one temporary folder. When all
are complete, `commit` gives them their final names, one right after the other. A file that is replaced is kept in that
folder until nothing has to be undone any more. A kill in the middle of a commit would leave old and new files mixed; so
a journal in the folder records meanwhile where each file belongs, and the next run that writes files to that directory
puts the old ones back (`recovery_journal`).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Sequence
from typing import Self

from pcapconv.errors import FileError, FileExistingError, UsageError
from pcapconv.io.commit import commit
from pcapconv.io.final_names import UndoableNaming, exists, name_if_free, put_aside, temporary_name, unlink
from pcapconv.io.held_signals import hold_signals
from pcapconv.io.paths import create_error, exists_message, real_path
from pcapconv.io.permissions import copy_permissions
from pcapconv.io.read_write import reason_of, write_all, writing
from pcapconv.io.recovery_journal import HAS_LOCKS, OLD, RecoveryJournal, put_back_old_files
from pcapconv.io.source import Source
from pcapconv.io.target import PlainFile, Target, close_directory, count_begun_file, open_directory, sync_directory


class _SetFile(Target):
    """A file of a set, open only while it is written. `path` is its final path, None until `FileSet.commit` is
    called."""

    hidden_until_published = True
    may_block = False

    def __init__(self, files: FileSet, temporary: str, name: str) -> None:
        self.name = name
        self.seekable = True
        self.start = 0
        self.path: str | None = None
        self.temporary = temporary
        self.begun = False  # whether a file may exist under the temporary name
        self.old = ""  # the name under which the replaced file is kept
        self.naming = UndoableNaming()
        self._files = files
        self._file: io.FileIO | None = None

    @property
    def file(self) -> io.FileIO:
        """The file object. If it is not open, it is opened to append."""
        if self._file is None:
            if not self.begun:
                count_begun_file()
            self.begun = True
            file = io.FileIO(os.open(self.temporary, os.O_CREAT | os.O_RDWR, 0o666), "rb+")
            file.seek(0, os.SEEK_END)
            self._file = file
        return self._file

    def release(self) -> None:
        """Close the file; `file` opens it again."""
        file, self._file = self._file, None
        if file is not None:
            with writing(self.name):
                file.close()

    def prepare(self, *, fsync: bool) -> None:
        self.release()
        with writing(self.name):
            if fsync and self.path is not None and exists(self.path):
                with open(self.temporary, "rb+", buffering=0) as file:
                    os.fsync(file.fileno())
                self._files.prepare_sync(os.path.dirname(self.path), self.name)

    def publish(self, *, keep_old: bool) -> None:  # noqa: ARG002 - the old file is always kept
        self._files.publish(self)

    def undo_publish(self) -> None:
        self._files.undo_publish(self)

    def confirm(self, *, fsync: bool) -> None:
        self._files.confirm(fsync=fsync)


class FileSet:
    """Files that get their final names together, or none of them. Use it as a context manager, like a `Target`.

    The files grow in a temporary folder within `directory`. `name` is for messages. No file of the set may have one of
    the `reserved` paths. `put_back` lists the paths of old files that this run put back, since an earlier run was
    killed while it replaced them.
    """

    def __init__(self, directory: str, name: str, *, force: bool = False, reserved: Sequence[str] = ()) -> None:
        self._name = name
        self._force = force
        self._reserved = {real_path(path) for path in reserved}
        self.put_back: list[str] = []
        self._published: set[tuple[int, int]] = set()  # devices and inodes
        self._synced: dict[str, tuple[int | None, str]] = {}  # path → the open directory, and an output in it
        self._files: list[_SetFile] = []
        self._directory = directory
        self._folder = temporary_name(directory)
        self._has_folder = False
        self._journal: RecoveryJournal | None = None
        self._stuck = set[str]()  # names of old files that could not be put back

    def new_file(self) -> Target:
        """Add a file without a final name to the set, and return it. Raises FileError."""
        if not self._has_folder:
            self.put_back = put_back_old_files(self._directory)
            self._has_folder = True
            try:
                os.mkdir(self._folder, 0o700)
            except (OSError, ValueError) as error:
                raise create_error(self._name, error, self._directory) from error
        self._files.append(_SetFile(self, os.path.join(self._folder, f"{len(self._files):08}"), self._name))
        return self._files[-1]

    def check_name(self, name: str) -> str:
        """Check that a file of the set may get this final name, and return its path with links resolved. Raises
        FileError if no file may be written there, UsageError if another file of the command has the name."""
        try:
            plain = stat.S_ISREG(os.stat(name).st_mode)
        except FileNotFoundError as error:
            path = real_path(name)
            if not os.path.isdir(os.path.dirname(path)):
                raise create_error(name, error) from error
            self._check_not_reserved(path, name)
            return path
        except (OSError, ValueError) as error:
            raise FileError(f"{name}: cannot create: {reason_of(error)}", path=name, cause=error) from error
        if not plain:
            raise FileExistingError(f"{name}: exists already, and is not a plain file", path=name)
        path = real_path(name)
        self._check_not_reserved(path, name)
        if not self._force:
            raise FileExistingError(exists_message(name), path=name)
        return path

    def _check_not_reserved(self, path: str, name: str) -> None:
        """Check that no other file of the command has this path. Raises UsageError if one has."""
        if path in self._reserved:
            raise UsageError(f"{name}: that is another file of the same run; give it a name of its own", path=name)
        with writing(name), contextlib.suppress(FileNotFoundError):
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in self._published:  # names that differ may mean the same file
                raise UsageError(f"{name}: another part has this name; put {{index}} into the template", path=name)

    def commit(
        self,
        names: Sequence[str],
        other_targets: Sequence[Target] = (),
        read: Sequence[Source] = (),
        *,
        fsync: bool = True,
    ) -> None:
        """Give the files, which are complete, these final names, in the order in which `new_file` made them, and then
        `other_targets` theirs. Writes the journal if files are replaced, calls `io.commit.commit` (for `read` and
        `fsync`, see there), and removes the temporary folder. Raises FileError as `io.commit.commit` does, and
        UsageError if a name is taken by another file of the command."""
        paths = [self.check_name(name) for name in names]
        for file, path, name in zip(self._files, paths, names, strict=True):
            file.name, file.path = name, path
        with writing(self._name), hold_signals():
            if HAS_LOCKS and any(map(exists, paths)):
                self._journal = RecoveryJournal(self._folder, {file.temporary: file.path or "" for file in self._files})
        commit([*self._files, *other_targets], read, fsync=fsync)
        self.discard()

    def publish(self, file: _SetFile) -> None:
        """Give a file its final name; a file that it replaces is kept in the temporary folder. Raises FileError, and
        UsageError if another file of the command has the name."""
        assert file.path is not None
        try:
            self._check_not_reserved(file.path, file.name)
            status = self._give_name(file, file.path)
        except FileExistsError as error:
            raise FileExistingError(exists_message(file.name), path=file.name) from error
        except OSError as error:
            raise FileError(f"{file.name}: cannot create: {reason_of(error)}", path=file.name, cause=error) from error
        self._published.add((status.st_dev, status.st_ino))

    def _give_name(self, file: _SetFile, path: str) -> os.stat_result:
        """Give a file its final name, and return the status of the file that has the name then. Raises OSError."""
        replaces = self._force and exists(path)
        status = os.stat(file.temporary)
        if status.st_dev != os.stat(os.path.dirname(path)).st_dev:
            if replaces:  # a copy over the old file could not be undone
                raise OSError(errno.EXDEV, f"it is on another file system than {self._folder}")
            return self._copy(file, path)
        if not replaces:
            with file.naming.record(status):
                name_if_free(file.temporary, path)
            return status
        with open(file.temporary, "rb+", buffering=0) as opened:
            copy_permissions(path, opened.fileno())
        file.old = file.temporary + OLD
        put_aside(path, file.old)
        with file.naming.record(status):
            os.replace(file.temporary, path)
        return status

    def undo_publish(self, file: _SetFile) -> None:
        """Take the final name away from a file that has got it, and put back the file that it replaced. Raises
        FileError."""
        assert file.path is not None
        try:
            file.naming.undo(file.path, file.old)
        except OSError as error:
            self._stuck.add(file.old)
            where = f"; the old file is {file.old}" if file.old else ""
            raise FileError(
                f"{file.name}: cannot put back what was there: {reason_of(error)}{where}", path=file.name, cause=error
            ) from error

    def confirm(self, *, fsync: bool) -> None:
        """Confirm that all files stay: remove the journal, and, with `fsync`, sync the directories. Raises FileError if
        the names may not be on the disk."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        synced, self._synced = self._synced, {}
        try:
            for directory, name in synced.values() if fsync else ():
                sync_directory(directory, name)
        finally:
            for directory, _ in synced.values():
                close_directory(directory)

    def prepare_sync(self, directory: str, name: str) -> None:
        """Open a directory in which a file is going to be replaced, so that `confirm` can sync it. Raises OSError."""
        if directory not in self._synced:
            self._synced[directory] = open_directory(directory), name

    def _copy(self, file: _SetFile, path: str) -> os.stat_result:
        """Copy a file to its final path on another file system, and return the status of the copy. A directory of the
        template may lie there, or a link lead there."""
        with (
            open(file.temporary, "rb", buffering=0) as original,
            PlainFile(path, file.name, force=self._force, private=False) as copy,
        ):
            while data := original.read(1 << 18):
                write_all(copy.file, memoryview(data))
            copy.prepare(fsync=False)
            status = os.fstat(copy.file.fileno())
            with file.naming.record(status):
                copy.publish(keep_old=False)
        return status

    def restart(self) -> None:
        """Remove all files of the set, so that the split can begin again. Raises FileError."""
        for file in self._files:
            file.release()
            with writing(self._name), contextlib.suppress(FileNotFoundError):
                os.unlink(file.temporary)
        self._files = []

    def discard(self) -> None:
        """Remove everything temporary, except old files that could not be put back."""
        with hold_signals():
            for file in self._files:
                with contextlib.suppress(FileError):
                    file.release()
                if file.begun:
                    unlink(file.temporary)
                if file.old and file.old not in self._stuck:
                    unlink(file.old)
            self._files = []
            if self._journal is not None:
                self._journal.close()
            for directory, _ in self._synced.values():
                close_directory(directory)
            self._synced = {}
            if self._has_folder:
                self._has_folder = False
                with contextlib.suppress(OSError):
                    os.rmdir(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()
