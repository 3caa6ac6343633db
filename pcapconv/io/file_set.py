"""Many output files that appear together, or none of them.

Strategy: files that are too many to be open at once have names, in a temporary directory of their own. When all are
complete they get theirs, one right after the other; a file whose place is taken waits in that directory until it is
certain that nothing has to be taken back. So that a kill in the middle does not leave old and new files mixed, a
journal in that directory says meanwhile which is which: whoever writes files there next puts the old ones back.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Sequence
from typing import Self

from pcapconv.errors import FileError, UsageError
from pcapconv.io.commit import commit
from pcapconv.io.final_names import Appearance, exists, name_if_free, put_aside, temporary_name, unlink
from pcapconv.io.held_signals import hold_signals
from pcapconv.io.paths import exists_already, real_path
from pcapconv.io.permissions import copy_rights
from pcapconv.io.read_write import reason_of, write_all, writing
from pcapconv.io.recovery_journal import OLD, Journal, recover
from pcapconv.io.source import Source
from pcapconv.io.target import PlainFile, Target, close_directory, open_directory, sync_directory


class _OneOfMany(Target):
    """A file that is open only while somebody writes. `path` is where it is to appear, once that is known."""

    replaces = True
    may_wait = False

    def __init__(self, files: FileSet, temporary: str, name: str) -> None:
        self.name = name
        self.seekable = True
        self.start = 0
        self.path: str | None = None
        self.temporary = temporary
        self.begun = False  # whether there may be something under its temporary name
        self.old = ""  # where the file is kept that it replaces
        self.appearance = Appearance()
        self._files = files
        self._file: io.FileIO | None = None

    @property
    def file(self) -> io.FileIO:
        """The file object, at its end when it has just been opened."""
        if self._file is None:
            self.begun = True
            file = io.FileIO(os.open(self.temporary, os.O_CREAT | os.O_RDWR, 0o666), "rb+")
            file.seek(0, os.SEEK_END)
            self._file = file
        return self._file

    def rest(self) -> None:
        """Close it; it opens again when it is needed."""
        file, self._file = self._file, None
        if file is not None:
            with writing(self.name):
                file.close()

    def complete(self, *, fsync: bool) -> None:
        self.rest()
        with writing(self.name):
            if fsync and self.path is not None and exists(self.path):
                with open(self.temporary, "rb+", buffering=0) as file:
                    os.fsync(file.fileno())
                self._files.will_sync(os.path.dirname(self.path), self.name)

    def appear(self, *, keep_old: bool) -> None:  # noqa: ARG002 - it always keeps it
        self._files.appear(self)

    def take_back(self) -> None:
        self._files.take_back(self)

    def settle(self, *, fsync: bool) -> None:
        self._files.settle(fsync=fsync)


class FileSet:
    """Files that appear together, or none of them. Use it as a context manager, as a `Target`.

    They grow in a temporary directory within `directory`. `name` is for messages; `taken` are names that none of them
    may have. `put_back` lists the files of an earlier run, killed while they appeared, that are again what they were
    before it.
    """

    def __init__(self, directory: str, name: str, *, force: bool = False, taken: Sequence[str] = ()) -> None:
        self._name = name
        self._force = force
        self._taken = {real_path(place) for place in taken}
        self.put_back: list[str] = []
        self._appeared: set[tuple[int, int]] = set()  # devices and inodes
        self._synced: dict[str, tuple[int | None, str]] = {}  # open directories with files to replace, and one of them
        self._files: list[_OneOfMany] = []
        self._directory = directory
        self._folder = temporary_name(directory)
        self._there = False
        self._journal: Journal | None = None
        self._kept = set[str]()  # old files that could not be put back

    def new(self) -> Target:
        """One more file, which has no name so far. Raises FileError."""
        if not self._there:
            self.put_back = recover(self._directory)
            self._there = True
            try:
                os.mkdir(self._folder, 0o700)
            except (OSError, ValueError) as error:
                raise FileError(f"{self._name}: cannot create: {reason_of(error)}") from error
        self._files.append(_OneOfMany(self, os.path.join(self._folder, f"{len(self._files):08}"), self._name))
        return self._files[-1]

    def place(self, name: str) -> str:
        """The path that a name stands for. Raises FileError where no file may appear there, UsageError where another
        file of the same command is to."""
        try:
            plain = stat.S_ISREG(os.stat(name).st_mode)
        except FileNotFoundError as error:
            path = real_path(name)
            if not os.path.isdir(os.path.dirname(path)):
                raise FileError(f"{name}: cannot create: {reason_of(error)}") from error
            self._check_taken(path, name)
            return path
        except (OSError, ValueError) as error:
            raise FileError(f"{name}: cannot create: {reason_of(error)}") from error
        if not plain:
            raise FileError(f"{name}: exists already, and is not a plain file")
        path = real_path(name)
        self._check_taken(path, name)
        if not self._force:
            raise FileError(exists_already(name))
        return path

    def _check_taken(self, path: str, name: str) -> None:
        """Raises UsageError for a name that another file of the same command has."""
        if path in self._taken:
            raise UsageError(f"{name}: that is another file of the same run; give it a name of its own")
        with writing(name), contextlib.suppress(FileNotFoundError):
            there = os.stat(path)
            if (there.st_dev, there.st_ino) in self._appeared:  # where names that differ mean the same file
                raise UsageError(f"{name}: another part has this name; put {{index}} into the template")

    def commit(
        self,
        names: Sequence[str],
        others: Sequence[Target] = (),
        read: Sequence[Source] = (),
        *,
        fsync: bool = True,
    ) -> None:
        """All are complete: let them appear under these names, in the order of `new`, and then the `others`. `read` and
        `fsync` are as for `commit`. Raises FileError, and then everything is as it was before."""
        paths = [self.place(name) for name in names]
        for file, path, name in zip(self._files, paths, names, strict=True):
            file.name, file.path = name, path
        with writing(self._name), hold_signals():
            if any(map(exists, paths)):
                self._journal = Journal(self._folder, {file.temporary: file.path or "" for file in self._files})
        commit([*self._files, *others], read, fsync=fsync)
        self.abandon()

    def appear(self, file: _OneOfMany) -> None:
        """Give a file its name; one that it takes the place of stays in the temporary directory for now. Raises
        FileError, and UsageError where another file of the same command has the name."""
        assert file.path is not None
        try:
            self._check_taken(file.path, file.name)
            there = self._appear(file, file.path)
        except FileExistsError as error:
            raise FileError(exists_already(file.name)) from error
        except OSError as error:
            raise FileError(f"{file.name}: cannot create: {reason_of(error)}") from error
        self._appeared.add((there.st_dev, there.st_ino))

    def _appear(self, file: _OneOfMany, path: str) -> os.stat_result:
        """What it is then. Raises OSError, and then it did not appear."""
        replaces = self._force and exists(path)
        there = os.stat(file.temporary)
        if there.st_dev != os.stat(os.path.dirname(path)).st_dev:
            if replaces:  # which could not be taken back
                raise OSError(errno.EXDEV, f"it is on another file system than {self._folder}")
            return self._copy(file, path)
        if not replaces:
            with file.appearance.of(there):
                name_if_free(file.temporary, path)
            return there
        with open(file.temporary, "rb+", buffering=0) as opened:
            copy_rights(path, opened.fileno())
        file.old = file.temporary + OLD
        put_aside(path, file.old)
        with file.appearance.of(there):
            os.replace(file.temporary, path)
        return there

    def take_back(self, file: _OneOfMany) -> None:
        """Let everything be as it was before a file appeared, if it did. Raises FileError."""
        assert file.path is not None
        try:
            file.appearance.take_back(file.path, file.old)
        except OSError as error:
            self._kept.add(file.old)
            where = f"; the old file is {file.old}" if file.old else ""
            raise FileError(f"{file.name}: cannot put back what was there: {reason_of(error)}{where}") from error

    def settle(self, *, fsync: bool) -> None:
        """All stay: nothing is to be put back any more. Raises FileError where that is not certain."""
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

    def will_sync(self, directory: str, name: str) -> None:
        """A file in this directory is going to be replaced. Raises OSError."""
        if directory not in self._synced:
            self._synced[directory] = open_directory(directory), name

    def _copy(self, file: _OneOfMany, path: str) -> os.stat_result:
        """To another file system: the template's directories may hold one, or a link lead there."""
        with (
            open(file.temporary, "rb", buffering=0) as original,
            PlainFile(path, file.name, force=self._force, private=False) as place,
        ):
            while data := original.read(1 << 18):
                write_all(place.file, memoryview(data))
            place.complete(fsync=False)
            there = os.fstat(place.file.fileno())
            with file.appearance.of(there):
                place.appear(keep_old=False)
        return there

    def restart(self) -> None:
        """Forget all files. Raises FileError."""
        for file in self._files:
            file.rest()
            with writing(self._name), contextlib.suppress(FileNotFoundError):
                os.unlink(file.temporary)
        self._files = []

    def abandon(self) -> None:
        """Nothing temporary remains, but for old files that could not be put back."""
        with hold_signals():
            for file in self._files:
                with contextlib.suppress(FileError):
                    file.rest()
                if file.begun:
                    unlink(file.temporary)
                if file.old and file.old not in self._kept:
                    unlink(file.old)
            self._files = []
            if self._journal is not None:
                self._journal.close()
            for directory, _ in self._synced.values():
                close_directory(directory)
            self._synced = {}
            if self._there:
                self._there = False
                with contextlib.suppress(OSError):
                    os.rmdir(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()
