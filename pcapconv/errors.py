"""The exceptions that pcapconv raises, by cause: the input, the target format, the caller, or the file system.

All derive from `PcapconvError`; the library raises no other exception, on any input. `report.LossError` and
`batching.report.NothingFoundError`, which carry a report, are in the modules of their reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PcapconvError(Exception):
    """The base of all exceptions of pcapconv. `str()` gives a sentence for users."""


class FormatError(PcapconvError):
    """The input is not a capture, or is a capture that cannot be read."""


class NotACaptureError(FormatError):
    """The input is not a capture. `known` is true if the message says what the input is instead."""

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
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


class FileError(PcapconvError):
    """A file cannot be opened, read, written or replaced."""


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
        raise type(error)(f"{name}: {error}") from error
