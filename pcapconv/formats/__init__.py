"""The formats that pcapconv reads and writes; recognises a capture's format by its content, never by its name.

Each format has a reader and a writer module (`pcap_reader`, `pcap_writer`, `pcapng_reader`, `pcapng_writer`); only this
module imports all four. `pcap_header` parses the header of a pcap file, `pcap_variants` tells variants with one magic
number apart, and `pcapng_items` makes sections and interfaces; `pseudo_headers` swaps headers inside packets that have
the file's byte order; `record_copies` writes records as they are. Readers take bytes from a `window`, which
`compressed_captures` gives them of compressed captures, and whose buffers `batch_buffers` lends to batches; `rereading`
reads packets a second time; `salvage`, `pcap_salvage` and `pcapng_salvage` find the packets behind damage, where that
is asked for; `losses` counts what pcap cannot hold; `not_captures` and `damaged_transfers` explain why a file cannot be
read; `output_names` and `output_compression` decide what an output is called, and how it is compressed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from pcapconv.argument_types import is_one_of
from pcapconv.errors import FormatError, NotACaptureError, UsageError
from pcapconv.formats import damaged_transfers, not_captures
from pcapconv.formats.pcap_reader import PcapReader
from pcapconv.formats.pcap_writer import PcapWriter
from pcapconv.formats.pcapng_reader import PcapngReader
from pcapconv.formats.pcapng_writer import PcapngWriter
from pcapconv.formats.settings import WriterSettings
from pcapconv.formats.window import FIRST_SIZE, Window
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.compression import HEAD_SIZE as COMPRESSION_HEAD_SIZE
from pcapconv.io.compression import recognise_compression, split_suffix
from pcapconv.io.paths import nameless_error
from pcapconv.io.source import WINDOW_SIZE, Source
from pcapconv.model import Item
from pcapconv.spec import pcap, pcapng
from pcapconv.text import quoted
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.formats.batch_buffers import BatchBuffers
    from pcapconv.io.decompressed_stream import DecompressedStream
    from pcapconv.io.decompression import Decompressed, StreamDamage

FORMATS = ("pcap", "pcapng")

_SUFFIXES = {".pcap": "pcap", ".cap": "pcap", ".pcapng": "pcapng", ".ntar": "pcapng"}

_FEW = 16  # bytes; fewer say nothing about what a file is
HEAD_SIZE = 4096  # bytes that are enough to recognise a file that is no capture


class Reader(Protocol):
    """A reader for one format: `items` yields the items of a capture in file order. `losses` counts by kind what the
    capture has but no item holds; it is complete after the last item."""

    format: str

    @property
    def compression(self) -> str | None:
        """The name of the compression of the file: `gzip`; None if it is not compressed."""
        ...

    @property
    def buffer_offset(self) -> int:
        """The offset in the capture, in bytes, at which the buffer of the last batch begins."""
        ...

    @property
    def losses(self) -> Counter[str]:
        """What the capture has but no item holds: kind → count."""
        ...

    def items(self) -> Iterator[Item]:
        """Yield the capture's items. Raises FormatError, and FileError if the source cannot be read."""
        ...


class Writer(Protocol):
    """A writer for one format: `write` takes items in file order, then `finish` completes the output.

    `packets` counts the packets that were written, `zeros_at_end` the packets at the end that are nothing but zeros:
    readers take two or more for damage. `has_other_interfaces` is set to True from outside if only some of a capture's
    interfaces are written here.
    """

    format: str
    packets: int
    zeros_at_end: int
    has_other_interfaces: bool

    @property
    def losses(self) -> dict[str, int]:
        """What the items written so far have that the format cannot hold: kind → count."""
        ...

    @property
    def link_type(self) -> int | None:
        """The link type of all packets written so far; None for a format that holds several."""
        ...

    def write(self, item: Item) -> None:
        """Write one item. Raises TargetError, and FileError if the output cannot be written."""
        ...

    def finish(self) -> None:
        """Complete the output after the last item. Raises as `write` does."""
        ...


def open_reader(source: Source, window_size: int = WINDOW_SIZE, *, batch_buffers: BatchBuffers | None = None) -> Reader:
    """The reader for the format that the source is in. With `batch_buffers`, its batches can keep their buffers. Raises
    FormatError if it is not a capture."""
    window = _begun_window(source, window_size, batch_buffers)
    if source.decompressed is not None:
        from pcapconv.formats.compressed_captures import CompressedReader

        return CompressedReader(_reader_in(window, source, source.decompressed), source.decompressed)
    if (compression := recognise_compression(window.head(COMPRESSION_HEAD_SIZE))) is not None:
        from pcapconv.formats.compressed_captures import CompressedReader, open_stream  # rarely needed

        stream = open_stream(source, compression, window.head(window.available))
        return CompressedReader(_reader_in(_begun_window(stream, window_size, batch_buffers), source, stream), stream)
    return _reader_in(window, source)


def _begun_window(source: Source | DecompressedStream, window_size: int, batch_buffers: BatchBuffers | None) -> Window:
    """Return a window that has read enough bytes to recognise the format."""
    window = Window(source, window_size, batch_buffers)
    window.fill(16 if window.remaining is None else min(FIRST_SIZE, window.remaining))
    return window


def _reader_in(window: Window, source: Source, content: DecompressedStream | Decompressed | None = None) -> Reader:
    """Return the reader for the format of the bytes in a window on `source`, or on its decompressed `content`. Raises
    FormatError."""
    head = window.head(FIRST_SIZE)
    if not _has_magic(head):
        head = window.load_head(HEAD_SIZE)
    whole = window.remaining == len(head)
    compression = None if content is None else content.compression
    damage = None
    if content is not None and not _has_magic(head):
        from pcapconv.formats.compressed_captures import damage_near_head

        damage = damage_near_head(content)
    if recognise(head, source.name, whole=whole, compression=compression, damage=damage) == "pcapng":
        return PcapngReader(window, salvage=source.salvage)
    damaged_transfers.refuse_changed_line_ends(head, source.name, whole=whole)
    nanoseconds = source.fractions == "nanoseconds"
    return PcapReader(window, head[:4], nanoseconds=nanoseconds, complete=source.complete, salvage=source.salvage)


def recognise(
    head: bytes,
    name: str,
    *,
    whole: bool = False,
    compression: str | None = None,
    damage: StreamDamage | None = None,
) -> str:
    """The format of a capture that begins with these bytes: 16 bytes are enough for a capture, `HEAD_SIZE` for a
    message that says what else the file is. `whole` is true if `head` is the whole file. `name` is for messages; so are
    `compression`, if these are the bytes in a compressed file, and the damage of its data.

    Raises NotACaptureError, and FormatError for a capture that a transfer made unreadable.
    """
    damaged_transfers.refuse_replacement_characters(head, name)
    if head[:4] in pcap.MAGICS:
        return "pcap"
    if head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big"):
        return "pcapng"
    if compression is not None and (not head or (damage is not None and len(head) < _FEW)):
        raise _nothing_inside(head, name, compression, damage)
    if not head:
        raise NotACaptureError(f"{name}: the file is empty, not a pcap or pcapng capture", path=name)
    also = _damage_as_well(damage)
    if pcapng.from_text_transfer(head):
        how = f"it begins with {head[:4].hex(' ')}"
        raise FormatError(damaged_transfers.TEXT_MODE.format(name=name, format="pcapng", how=how) + also, path=name)
    identified = not_captures.identify(head, whole=whole)
    beginning = quoted(head, min_shown=16) or head[:16].hex(" ")
    subject = "it" if compression is None else f"the {compression} data in it"
    raise NotACaptureError(
        f"{name}: not a pcap or pcapng capture, {subject} begins with {beginning}"
        f"{f': it is {identified}' if identified else ''}{also}",
        known=identified is not None,
        path=name,
    )


def _damage_as_well(damage: StreamDamage | None) -> str:
    """Return the end of a message about bytes that may be wrong because compressed data is damaged; "" without
    damage."""
    if damage is None:
        return ""
    from pcapconv.formats.compressed_captures import damage_in_words

    return f"; {damage_in_words(damage)}"


def _nothing_inside(head: bytes, name: str, compression: str, damage: StreamDamage | None) -> NotACaptureError:
    """Return the error for a compressed file with no data, or with damage in its first bytes."""
    if damage is None:
        return NotACaptureError(
            f"{name}: not a pcap or pcapng capture, the {compression} data in it is empty", path=name
        )
    from pcapconv.formats.compressed_captures import damage_in_words

    found = f"only {head[:16].hex(' ')} could be decompressed" if head else "nothing could be decompressed"
    return NotACaptureError(
        f"{name}: not a pcap or pcapng capture, {found}: {damage_in_words(damage)}", known=True, path=name
    )


def format_at(source: Source) -> str:
    """The format of a seekable source, whose position stays. Raises as `recognise` does, and FileError."""
    head = source.peek(0, HEAD_SIZE)
    if (compression := recognise_compression(head)) is not None:
        from pcapconv.formats.compressed_captures import LARGEST_BLOCK, decompressed_head  # rarely needed

        head, name, damage = decompressed_head(source, compression, HEAD_SIZE)
        if damage is None and not _has_magic(head):
            head, name, damage = decompressed_head(source, compression, LARGEST_BLOCK)
        return recognise(head[:HEAD_SIZE], source.name, compression=name, damage=damage)
    return recognise(head, source.name, whole=source.size == len(head))


def _has_magic(head: bytes) -> bool:
    return head[:4] in pcap.MAGICS or head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big")


def target_format(name: str | None, to: str | None) -> str:
    """The format to write: `to`, or else the format of the suffix of the output's name. Raises UsageError if `to` is
    None and the suffix belongs to no format, FileError if the name is empty."""
    if to is not None:
        if not is_one_of(to, FORMATS):
            raise UsageError(f"{argument('to', to)}: the format is one of {', '.join(FORMATS)}", option="to")
        return to
    if name == "":
        raise nameless_error(name)
    by_suffix = None if name is None else format_of(name)
    if by_suffix is None:
        known = ", ".join(_SUFFIXES)
        choices = " or ".join(argument("to", each) for each in FORMATS)
        if name is None:
            raise UsageError(f"the output has no name that tells its format; give {choices}", option="to")
        stem, compression = split_suffix(name)
        if compression is not None:
            better = f"{stem}.pcapng{compression.suffix}"
            raise UsageError(
                f"{name}: its suffix names a compression and no format; name it {better}, or give {choices}", path=name
            )
        raise UsageError(f"{name}: its suffix names no format ({known}); give {choices}", path=name)
    return by_suffix


def format_of(name: str) -> str | None:
    """The format to which the suffix of a file name belongs, before the suffix of a compression if there is one; None
    for any other suffix."""
    return _SUFFIXES.get(os.path.splitext(split_suffix(name)[0])[1].lower())


def is_suffix(suffix: str) -> bool:
    """Whether a suffix, with its point, belongs to a format: `.pcap`."""
    return suffix.lower() in _SUFFIXES


def open_writer(settings: WriterSettings, output: BufferedOutput) -> Writer:
    """The writer of `settings.format`, which writes to `output`."""
    if settings.format == "pcap":
        return PcapWriter(output, settings)
    return PcapngWriter(output)
