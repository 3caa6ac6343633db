"""Many output files that appear together, or none of them.

Strategy: files that are too many to be open at once have names, in a temporary directory of their own. When all are
complete they get theirs, one right after the other; a file whose place is taken waits in that directory until it is
certain that nothing has to be taken back.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Sequence
from typing import Self

from pcapconv.deferred import Signals, deferred
from pcapconv.errors import FileError, UsageError
from pcapconv.files import (
    NO_LINKS,
    PlainFile,
    Target,
    exists_already,
    keep_permissions,
    name_if_free,
    real_path,
    reason_of,
    write_all,
    writing,
)

_OLD = ".old"


class _OneOfMany(Target):
    """A file that is open only while somebody writes."""

    replaces = True

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name
        self.seekable = True
        self.start = 0
        self._file: io.FileIO | None = None

    @property
    def file(self) -> io.FileIO:
        """The file object, at its end when it has just been opened."""
        if self._file is None:
            file = io.FileIO(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o666), "rb+")
            file.seek(0, os.SEEK_END)
            self._file = file
        return self._file

    def rest(self) -> None:
        """Close it; it opens again when it is needed."""
        file, self._file = self._file, None
        if file is not None:
            with writing(self.name):
                file.close()


class Targets:
    """Files that appear together, or none of them. Use it as a context manager, as a `Target`.

    They grow in a temporary directory within `directory`. `name` is for messages; `taken` are names that none of them
    may have.
    """

    def __init__(self, directory: str, name: str, *, force: bool = False, taken: Sequence[str] = ()) -> None:
        self._name = name
        self._force = force
        self._taken = {real_path(place) for place in taken}
        self._appeared: set[tuple[int, int]] = set()  # devices and inodes
        self._files: list[_OneOfMany] = []
        self._folder = os.path.join(directory, f".pcapconv-{os.urandom(8).hex()}.tmp")
        self._there = False
        self._lost = False  # whether an old file could not be put back

    def new(self) -> Target:
        """One more file, which has no name so far. Raises FileError."""
        if not self._there:
            self._there = True
            try:
                os.mkdir(self._folder, 0o700)
            except (OSError, ValueError) as error:
                raise FileError(f"{self._name}: cannot create: {reason_of(error)}") from error
        self._files.append(_OneOfMany(os.path.join(self._folder, f"{len(self._files):08}"), self._name))
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
            raise UsageError(f"{name}: that is another file of this command; give it a name of its own")
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(path)
            if (there.st_dev, there.st_ino) in self._appeared:  # where names that differ mean the same file
                raise UsageError(f"{name}: another part has this name; put {{index}} into the template")

    def commit(self, names: Sequence[str], last: Callable[[], None] | None = None) -> None:
        """All are complete: let them appear under these names, in the order of `new`, then do what comes `last`. Raises
        FileError, and what `last` raises, and then everything is as it was before."""
        with deferred() as signals:
            if self._appear_all(names, last, signals):
                self.abandon()
                signals.forget()  # too late for them
                return
        raise FileError(f"{self._name}: interrupted")  # when a signal only asked for an end

    def _appear_all(self, names: Sequence[str], last: Callable[[], None] | None, signals: Signals) -> bool:
        """Let all appear, or none: False when a signal came meanwhile."""
        begun: list[tuple[str, str]] = []
        try:
            paths = [self.place(name) for name in names]
            for file, path, name in zip(self._files, paths, names, strict=True):
                if signals.came:
                    break
                self._check_taken(path, name)
                begun.append((file.path, path))
                try:
                    self._appear(file.path, path, name)
                    there = os.stat(path)
                    self._appeared.add((there.st_dev, there.st_ino))
                except FileExistsError as error:
                    raise FileError(exists_already(name)) from error
                except OSError as error:
                    raise FileError(f"{name}: cannot create: {reason_of(error)}") from error
            else:
                if last is not None:
                    last()
                return True
        except BaseException:
            self._take_all_back(begun)
            raise
        self._take_all_back(begun)
        return False

    def _take_all_back(self, begun: Sequence[tuple[str, str]]) -> None:
        for temporary, path in reversed(begun):
            try:
                _take_back(temporary, path)
            except OSError:
                self._lost = True

    def _appear(self, temporary: str, path: str, name: str) -> None:
        """Give a file its name; one that it takes the place of stays in the temporary directory for now."""
        replaces = self._force and os.path.lexists(path)
        if os.stat(temporary).st_dev != os.stat(os.path.dirname(path)).st_dev:
            if replaces:  # which could not be taken back
                raise OSError(errno.EXDEV, f"it is on another file system than {self._folder}")
            self._copy(temporary, path, name)
            os.unlink(temporary)
        elif not replaces:
            name_if_free(temporary, path)
        else:
            keep_permissions(temporary, os.stat(path))
            try:
                os.link(path, temporary + _OLD)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                os.rename(path, temporary + _OLD)  # for a moment the name is nobody's
            os.replace(temporary, path)

    def _copy(self, temporary: str, path: str, name: str) -> None:
        """To another file system: the template's directories may hold one, or a link lead there."""
        with (
            open(temporary, "rb", buffering=0) as file,
            PlainFile(path, name, force=self._force, private=False) as place,
        ):
            while data := file.read(1 << 18):
                write_all(place.file, memoryview(data))
            place.commit()

    def restart(self) -> None:
        """Forget all files. Raises FileError."""
        for file in self._files:
            file.rest()
            with writing(self._name), contextlib.suppress(FileNotFoundError):
                os.unlink(file.path)
        self._files = []

    def abandon(self) -> None:
        """Nothing temporary remains, but for old files that could not be put back."""
        with deferred():
            for file in self._files:
                with contextlib.suppress(FileError):
                    file.rest()
            self._files = []
            with contextlib.suppress(OSError):
                for name in os.listdir(self._folder) if self._there else ():
                    if not (self._lost and name.endswith(_OLD)):
                        with contextlib.suppress(OSError):
                            os.unlink(os.path.join(self._folder, name))
                os.rmdir(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


def _take_back(temporary: str, path: str) -> None:
    """Undo what `Targets` did to let a file appear, as far as that went."""
    if os.path.lexists(temporary + _OLD):
        os.replace(temporary + _OLD, path)
    elif not os.path.lexists(temporary) or os.path.samefile(temporary, path):
        os.unlink(path)
