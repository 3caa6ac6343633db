"""The exceptions that pcapconv raises, by whose fault it is.

All derive from `PcapconvError`; nothing else escapes the library, on any input. `report.LossError` and
`batching.report.NothingFoundError`, which carry a report, are beside their reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PcapconvError(Exception):
    """The base of all exceptions of pcapconv: it refuses, or cannot read or write."""


class FormatError(PcapconvError):
    """The input is not a capture, or one that cannot be read."""


class NotACaptureError(FormatError):
    """The input is not a capture. `known` is true if the message says what it is instead."""

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class SidecarError(FormatError):
    """A sidecar cannot be used: it is none, was changed, or belongs to another capture."""


class DamageError(FormatError):
    """The input is damaged, and `strict` forbids going on."""


class TargetError(PcapconvError):
    """The target format cannot hold what the capture says."""


class UsageError(PcapconvError):
    """The caller's mistake: an argument that makes no sense, or a missing target format."""


class FileError(PcapconvError):
    """A file cannot be opened, read, written or replaced."""


class TimeRangeError(TargetError):
    """A packet has a time that pcap cannot hold."""


class NeedsSnaplenError(TargetError):
    """A packet is longer than its interface, already written, states: the conversion must start again."""


class NeedsNanosecondsError(TargetError):
    """An interface needs nanoseconds after packets were written in microseconds: the conversion must start again."""


@contextmanager
def name_in_errors(name: str) -> Iterator[None]:
    """Put the name of a capture before the messages of FormatErrors and TargetErrors that are raised inside.

    Steps and writers do not know which capture they work on; readers and sidecars name it themselves.
    """
    try:
        yield
    except (NeedsNanosecondsError, NeedsSnaplenError, SidecarError):
        raise
    except (FormatError, TargetError) as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise type(error)(f"{name}: {error}") from error
