"""Which formats there are, and which one a capture is in: by its content, never by its name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from pcapconv.errors import FormatError, NotACaptureError, UsageError
from pcapconv.formats import damaged_transfers, not_captures
from pcapconv.formats.pcap_reader import PcapReader
from pcapconv.formats.pcap_writer import PcapWriter
from pcapconv.formats.pcapng_reader import PcapngReader
from pcapconv.formats.pcapng_writer import PcapngWriter
from pcapconv.formats.settings import WriterSettings
from pcapconv.formats.window import FIRST, Window
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.source import WINDOW_SIZE, Source
from pcapconv.model import Item
from pcapconv.spec import pcap, pcapng
from pcapconv.text import quoted
from pcapconv.wording import argument

FORMATS = ("pcap", "pcapng")

_SUFFIXES = {".pcap": "pcap", ".cap": "pcap", ".pcapng": "pcapng", ".ntar": "pcapng"}

HEAD = 4096  # bytes that are enough to name what is no capture


class Reader(Protocol):
    """Reads one format: `items` gives a capture in file order. `losses` counts by kind what is in no item, complete at
    the end."""

    format: str
    losses: Counter[str]

    def items(self) -> Iterator[Item]:
        """The capture's items. Raises FormatError, and FileError when the system refuses."""
        ...


class Writer(Protocol):
    """Writes one format: takes items in file order, then `finish`. `losses` counts what the format cannot hold,
    `zeros_at_end` the last packets that are nothing but zeros: two or more read as damage."""

    format: str
    packets: int
    zeros_at_end: int
    others: bool  # whether the capture has interfaces that are not written here

    @property
    def losses(self) -> dict[str, int]:
        """Kind → count."""
        ...

    @property
    def link_type(self) -> int | None:
        """The one of all packets so far, None where there may be several."""
        ...

    def write(self, item: Item) -> None:
        """Write one item. Raises TargetError, and FileError when the system refuses."""
        ...

    def finish(self) -> None:
        """Write what is left."""
        ...


def open_reader(source: Source, window_size: int = WINDOW_SIZE) -> Reader:
    """The reader for what the source holds. Raises FormatError when that is not a capture."""
    window = Window(source, window_size)
    window.fill(16 if window.left is None else min(FIRST, window.left))
    head = window.head(FIRST)
    if not _has_magic(head):
        head = window.gather(HEAD)
    whole = window.left == len(head)
    if recognise(head, source.name, whole=whole) == "pcapng":
        return PcapngReader(window)
    damaged_transfers.refuse_line_ends(head, source.name, whole=whole)
    nanoseconds = source.fractions == "nanoseconds"
    return PcapReader(window, head[:4], nanoseconds=nanoseconds, complete=source.complete)


def recognise(head: bytes, name: str, *, whole: bool = False) -> str:
    """The format of what begins with these bytes: 16 of them tell a capture, `HEAD` what else it is, if there are as
    many; `whole` tells that these are all. `name` is for messages. Raises NotACaptureError, and FormatError for what
    was a capture once."""
    damaged_transfers.refuse_replacements(head, name)
    if head[:4] in pcap.MAGICS:
        return "pcap"
    if head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng"
    if not head:
        raise NotACaptureError(f"{name}: the file is empty, not a pcap or pcapng capture")
    if pcapng.from_text_transfer(head):
        how = f"it begins with {head[:4].hex(' ')}"
        raise FormatError(damaged_transfers.TEXT_MODE.format(name=name, format="pcapng", how=how))
    what = not_captures.identify(head, whole=whole)
    begins = quoted(head, least=16) or head[:16].hex(" ")
    raise NotACaptureError(
        f"{name}: not a pcap or pcapng capture, it begins with {begins}{f': it is {what}' if what else ''}",
        known=what is not None,
    )


def format_at(source: Source) -> str:
    """The format of what a source holds that can go back, which stays where it is. Raises as `recognise`, and
    FileError."""
    head = source.peek(0, HEAD)
    return recognise(head, source.name, whole=source.size == len(head))


def _has_magic(head: bytes) -> bool:
    return head[:4] in pcap.MAGICS or head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big")


def target_format(name: str | None, to: str | None) -> str:
    """The format to write: `to`, or else by the output's suffix. Raises UsageError when neither tells."""
    if to is not None:
        if to not in FORMATS:
            raise UsageError(f"{argument('to', to)}: the format is one of {', '.join(FORMATS)}")
        return to
    found = None if name is None else format_of(name)
    if found is None:
        known = ", ".join(_SUFFIXES)
        place = "the output" if name is None else name
        say = " or ".join(argument("to", each) for each in FORMATS)
        raise UsageError(f"{place}: its suffix does not tell the format ({known}); say {say}")
    return found


def format_of(name: str) -> str | None:
    """The format that a name's suffix stands for; None for another one."""
    return _SUFFIXES.get(os.path.splitext(name)[1].lower())


def is_suffix(suffix: str) -> bool:
    """Whether files of captures have it, as in `.pcap`."""
    return suffix.lower() in _SUFFIXES


def open_writer(settings: WriterSettings, output: BufferedOutput) -> Writer:
    """The writer for what it is told."""
    if settings.format == "pcap":
        return PcapWriter(output, settings)
    return PcapngWriter(output)
