"""Which formats there are, and which one a capture is in: by its content, never by its name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from pcapconv.errors import FormatError, NotACaptureError, UsageError
from pcapconv.files import Source
from pcapconv.formats import pcap_layout, pcapng_layout
from pcapconv.formats.pcap_reader import PcapReader
from pcapconv.formats.pcap_writer import PcapWriter
from pcapconv.formats.pcapng_reader import PcapngReader
from pcapconv.formats.pcapng_writer import PcapngWriter
from pcapconv.formats.window import WINDOW_SIZE, Window
from pcapconv.model import Item
from pcapconv.output import Output

FORMATS = ("pcap", "pcapng")

_SUFFIXES = {".pcap": "pcap", ".cap": "pcap", ".pcapng": "pcapng", ".ntar": "pcapng"}

# How the files begin that people take for captures.
_OTHERS = (
    (b"\x1f\x8b", "a gzip file; decompress it first: gzip -d"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; decompress it first: zstd -d"),
    (b"\xfd7zXZ\x00", "an xz file; decompress it first: xz -d"),
    (b"BZh", "a bzip2 file; decompress it first: bzip2 -d"),
    (b"\x04\x22\x4d\x18", "an LZ4 file; decompress it first: lz4 -d"),
    (b"PK\x03\x04", "a zip file; unpack it first"),
    (b"snoop\x00\x00\x00", "a snoop capture; editcap -F pcapng converts it"),
    (b"GMBU", "a Network Monitor capture; editcap -F pcapng converts it"),
    (b"RTSS", "a Network Monitor capture; editcap -F pcapng converts it"),
    (b"iptrace ", "an AIX iptrace capture; editcap -F pcapng converts it"),
    (b"\x7fELF", "a program"),
    (b'{"pcapconv_sidec', "a sidecar; name the pcap file that it belongs to (info shows both)"),
)


class Reader(Protocol):
    """Reads one format: `items` gives a capture in file order. `losses` counts by kind what is in no item, complete at
    the end."""

    format: str
    losses: Counter[str]

    def items(self) -> Iterator[Item]:
        """The capture's items. Raises FormatError, and FileError when the system refuses."""
        ...


class Writer(Protocol):
    """Writes one format: takes items in file order, then `finish`. `losses` counts what the format cannot hold."""

    format: str
    packets: int

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

    def rest(self) -> None:
        """Let tables go that take much memory; more may come."""
        ...


def open_reader(source: Source, window_size: int = WINDOW_SIZE) -> Reader:
    """The reader for what the source holds. Raises FormatError when that is not a capture."""
    window = Window(source, window_size)
    window.fill(16)
    first = bytes(window.buffer[window.start : min(window.stop, window.start + 16)])
    if recognise(first, source.name) == "pcap":
        nanoseconds = source.fractions == "nanoseconds"
        return PcapReader(window, first[:4], nanoseconds=nanoseconds, complete=source.complete)
    return PcapngReader(window)


def recognise(first: bytes, name: str) -> str:
    """The format of what begins with these bytes, 16 of them if there are as many; `name` is for messages. Raises
    NotACaptureError, and FormatError for what was a capture once."""
    if first[:4] in pcap_layout.MAGICS:
        return "pcap"
    if first[:4] == pcapng_layout.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng"
    if not first:
        raise NotACaptureError(f"{name}: the file is empty, not a pcap or pcapng capture")
    if pcapng_layout.from_text_transfer(first):
        raise FormatError(
            f"{name}: a pcapng capture damaged by a text-mode transfer (FTP or HTTP), which changed its line "
            f"ends: it begins with {first[:4].hex(' ')}; transfer it again in binary mode"
        )
    what = next((f": it is {what}" for start, what in _OTHERS if first.startswith(start)), "")
    raise NotACaptureError(f"{name}: not a pcap or pcapng capture, it begins with {first.hex(' ')}{what}")


def target_format(name: str | None, to: str | None) -> str:
    """The format to write: `to`, or else by the output's suffix. Raises UsageError when neither tells."""
    if to is not None:
        if to not in FORMATS:
            raise UsageError(f"--to {to}: the format is one of {', '.join(FORMATS)}")
        return to
    found = None if name is None else format_of(name)
    if found is None:
        known = ", ".join(_SUFFIXES)
        place = "the output" if name is None else name
        raise UsageError(f"{place}: its suffix does not tell the format ({known}); say --to pcap or --to pcapng")
    return found


def format_of(name: str) -> str | None:
    """The format that a name's suffix stands for; None for another one."""
    return _SUFFIXES.get(os.path.splitext(name)[1].lower())


def is_suffix(suffix: str) -> bool:
    """Whether files of captures have it, as in `.pcap`."""
    return suffix.lower() in _SUFFIXES


def open_writer(name: str, output: Output, *, nanoseconds: bool = False) -> Writer:
    """The writer for a format of `FORMATS`."""
    if name == "pcap":
        return PcapWriter(output, nanoseconds=nanoseconds)
    return PcapngWriter(output)
