"""Every exception that pcapconv raises, by whose fault it is.

All derive from `PcapconvError`; nothing else escapes the library, on any input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PcapconvError(Exception):
    """Base of all: pcapconv refuses, or cannot read or write."""


class FormatError(PcapconvError):
    """The input's fault: not a capture, or one that cannot be read."""


class NotACaptureError(FormatError):
    """The input is something else; `known` tells that the message says what."""

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class SidecarError(FormatError):
    """A sidecar that cannot be used: not one, changed, or another capture's."""


class DamageError(FormatError):
    """The input is damaged, and `strict` forbids going on."""


class TargetError(PcapconvError):
    """The target format cannot hold what the capture says."""


class UsageError(PcapconvError):
    """The caller's mistake: an argument that makes no sense, or a target format nobody named."""


class FileError(PcapconvError):
    """A file cannot be opened, read, written or replaced."""


class TimeRangeError(TargetError):
    """A packet's time is not one that pcap can hold."""


class NeedsSnaplenError(TargetError):
    """A packet came that is longer than an interface states that is written already; start again."""


class NeedsNanosecondsError(TargetError):
    """Packets went out in microseconds before an interface came that needs nanoseconds; start again with them."""


@contextmanager
def name_in_errors(name: str) -> Iterator[None]:
    """Puts the name of a capture before what steps and writers say of its packets; readers and sidecars say theirs."""
    try:
        yield
    except (NeedsNanosecondsError, NeedsSnaplenError, SidecarError):
        raise
    except (FormatError, TargetError) as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise type(error)(f"{name}: {error}") from error
