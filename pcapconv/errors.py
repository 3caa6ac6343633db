"""The exceptions that pcapconv raises, by cause: the input, the target format, the caller, or the file system.

All derive from `PcapconvError`; the library raises no other exception, on any input. `report.LossError` and
`batching.report.NothingFoundError`, which carry a report, are in the modules of their reports.

Strategy: whoever raises an error passes what the message is about, as arguments by name. A FileError is an OSError,
too, and chooses a subclass by its `cause`, as OSError itself does by its number.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class PcapconvError(Exception):
    """The base of all exceptions of pcapconv. `str()` gives a sentence for users.

    * `path`: the file that the sentence is about, as the sentence names it.
    * `offset`: where in the capture, in bytes from its start.
    * `packet_number`: which packet, from 1.
    * `option`: the argument at fault, by its name in Python, such as `"before"`.

    Each is None if the error has nothing to do with it, or if it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        offset: int | None = None,
        packet_number: int | None = None,
        option: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset
        self.packet_number = packet_number
        self.option = option

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (type(self), self.args, self._state())

    def _state(self) -> dict[str, Any]:
        """The attributes that are pickled."""
        return dict(vars(self))

    def restated(self, message: str, *, path: str | None = None) -> Self:
        """The same error with another message, which names this path, too, if it is given."""
        error: Self = _unpickled(type(self), (message,), self._state())
        error.path = path or self.path
        return error


def _unpickled(class_: type[Any], arguments: tuple[Any, ...], state: dict[str, Any]) -> Any:
    """An error with these attributes, made without `__init__`, whose arguments differ from class to class."""
    error = class_.__new__(class_, *arguments)
    error.args = arguments
    for name, value in state.items():
        setattr(error, name, value)
    return error


class FormatError(PcapconvError):
    """The input is not a capture, or is a capture that cannot be read."""


class NotACaptureError(FormatError):
    """The input is not a capture. `known` is true if the message says what the input is instead."""

    def __init__(self, message: str, *, path: str | None = None, known: bool = False) -> None:
        super().__init__(message, path=path)
        self.known = known


class SidecarError(FormatError):
    """A sidecar cannot be used: the file is no sidecar, was changed, or belongs to another capture."""


class DamageError(FormatError):
    """The input is damaged, and `strict` forbids to go on."""


class TargetError(PcapconvError):
    """The target format cannot hold what the capture contains, such as packets of several link types in pcap."""


class UsageError(PcapconvError):
    """The arguments are invalid: a value that makes no sense, arguments that contradict each other, or no target
    format."""


class FileError(PcapconvError, OSError):
    """A file cannot be opened, read, written or replaced.

    It is an OSError with `errno`, `strerror` and `filename`, and one of Python's subclasses if there is one for its
    reason: FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError. `errno` is None
    if no call of the system failed, as for a file that was changed while it was read.
    """

    _number: int | None = None  # of the system's error

    def __new__(cls, message: str, *, cause: BaseException | None = None, **_: Any) -> Self:
        """An error of the subclass that is of the same type as its `cause`."""
        chosen: Any = cls
        if cls is FileError:
            chosen = next((each for system, each in _FILE_ERRORS.items() if isinstance(cause, system)), cls)
        error: Self = super().__new__(chosen, message)
        return error

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        offset: int | None = None,
        option: str | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message, path=path, offset=offset, option=option)
        self.filename: str | None = path
        self.errno: int | None = cause.errno if isinstance(cause, OSError) else self._number
        self.strerror: str | None = None if self.errno is None else os.strerror(self.errno)

    def _state(self) -> dict[str, Any]:
        return {**vars(self), "filename": self.filename, "errno": self.errno, "strerror": self.strerror}


class FileMissingError(FileError, FileNotFoundError):
    """There is no such file."""

    _number = errno.ENOENT


class FileExistingError(FileError, FileExistsError):
    """There is a file already."""

    _number = errno.EEXIST


class FileDirectoryError(FileError, IsADirectoryError):
    """There is a directory in place of a file."""

    _number = errno.EISDIR


class FileNoDirectoryError(FileError, NotADirectoryError):
    """There is a file in place of a directory."""

    _number = errno.ENOTDIR


class FilePermissionError(FileError, PermissionError):
    """The system does not permit it."""

    _number = errno.EACCES


_FILE_ERRORS = {
    FileNotFoundError: FileMissingError,
    FileExistsError: FileExistingError,
    IsADirectoryError: FileDirectoryError,
    NotADirectoryError: FileNoDirectoryError,
    PermissionError: FilePermissionError,
}


class TimeRangeError(TargetError):
    """A packet has a time that pcap cannot hold."""


class NeedsSnaplenError(TargetError):
    """A packet exceeds the snaplen of its interface, but the interface was already written: the conversion must start
    again."""


class NeedsNanosecondsError(TargetError):
    """An interface needs nanoseconds, but packets were already written in microseconds: the conversion must start
    again."""


@contextmanager
def name_in_errors(name: str) -> Iterator[None]:
    """Put the name of a capture before the messages of FormatErrors and TargetErrors that are raised inside.

    Steps and writers do not know the name of their capture; readers and sidecars put it into messages themselves.
    """
    try:
        yield
    except (NeedsNanosecondsError, NeedsSnaplenError, SidecarError):
        raise
    except (FormatError, TargetError) as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise error.restated(f"{name}: {error}", path=name) from error
