"""Captures in compressed files: a reader gets a window on the decompressed bytes, and damage of the compressed data
becomes an item behind the last one.

What needs a file with the capture's own bytes (a sidecar, the parts of a join, a comparison with the normal form) gets
a nameless temporary file from `plain_content`, which stands for the compressed one.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pcapconv.errors import FormatError, name_in_errors
from pcapconv.io.compression import HEAD_SIZE, Compression, recognise_compression
from pcapconv.io.decompressed_stream import DecompressedStream
from pcapconv.io.decompression import Decompressed, Decompression, StreamDamage
from pcapconv.io.read_write import TEMPORARY_FILE, write_all, writing
from pcapconv.io.source import Source, spool
from pcapconv.io.temporary_file import temporary_file
from pcapconv.model import Damage, Item, PacketBatch, Section

if TYPE_CHECKING:
    from pcapconv.formats import Reader

_ROOM = 2**18
LARGEST_BLOCK = 2**20  # bytes; a block of bzip2 data has 900,000, and more only if bytes repeat


def open_stream(source: Source, compression: Compression, head: bytes) -> DecompressedStream:
    """Return the decompressed bytes of a source, of which `head` was read. The source ends an earlier decompression,
    and this one when it is rewound or closed. Raises FileError."""
    if source.seekable:
        source.rewind()
        head = b""
    source.end_decompression()
    source.decompressing = stream = DecompressedStream(source, compression, head)
    return stream


def decompressed_head(source: Source, compression: Compression, size: int) -> tuple[bytes, str, StreamDamage | None]:
    """Return the first `size` decompressed bytes of a seekable source, whose position stays; fewer if it has no more.
    Also return the name of the compression, and the damage of its data if that came soon. Raises FileError, and
    FormatError for data whose decompression would take too much memory."""
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        data = source.peek(position, count)
        position += len(data)
        return data

    head = b""
    decompression = Decompression(compression, read, source.peek)
    with name_in_errors(source.name):
        for piece in decompression.pieces():
            head += piece
            if len(head) >= size:
                break
    return head[:size], decompression.compression.name, decompression.damage


def plain_content(
    source: Source,
    stack: ExitStack,
    progress: Callable[[int], object] | None = None,
    *,
    at_end_of: io.FileIO | None = None,
) -> Source:
    """Return a source in a plain file whose bytes are those of the capture: the source itself, or a nameless temporary
    file if it is a pipe or compressed; `stack` closes it. Nothing may have been read. `progress` is called with the
    number of bytes read so far. Decompressed bytes go to the end of the file `at_end_of` if one is given. Raises
    FileError, and FormatError for data whose decompression would take too much memory."""
    if not source.plain:
        source = stack.enter_context(spool(source))
    if source.size is None or (compression := recognise_compression(source.peek(0, HEAD_SIZE))) is None:
        return source
    return stack.enter_context(_spool_decompressed(source, compression, progress or (lambda _: None), at_end_of))


def _spool_decompressed(
    source: Source, compression: Compression, progress: Callable[[int], object], at_end_of: io.FileIO | None
) -> Source:
    stream = open_stream(source, compression, b"")
    kept = temporary_file() if at_end_of is None else at_end_of
    try:
        begin = kept.seek(0, os.SEEK_END)
        with memoryview(bytearray(_ROOM)) as room:
            while count := stream.readinto(room):
                with writing(TEMPORARY_FILE):
                    write_all(kept, room[:count])
                progress(source.position)
        kept.seek(begin)
        source.rewind()
        spooled = Source(kept, source.name, owned=at_end_of is None)
    except BaseException:
        if at_end_of is None:
            kept.close()
        raise
    spooled.stand_for(source)
    spooled.decompressed = Decompressed(stream.compression, stream.damage, stream.position, source.size or 0)
    return spooled


def damage_near_head(content: DecompressedStream | Decompressed) -> StreamDamage | None:
    """Return damage that can be why the first bytes, which were read, are no capture: what follows is of no use then,
    and `content` is read on, about as far as a block of bzip2 data goes. Raises FileError and FormatError."""
    return content.damage_within(LARGEST_BLOCK) if isinstance(content, DecompressedStream) else content.damage


def damage_in_words(damage: StreamDamage) -> str:
    """Return where and why compressed data is damaged."""
    return f"{damage.reason}, at offset {damage.offset} of the compressed file"


class CompressedReader:
    """A reader of a compressed capture, as `formats.Reader` describes it. `content` is where `reader` reads it, or what
    is known of a file that was decompressed before."""

    def __init__(self, reader: Reader, content: DecompressedStream | Decompressed) -> None:
        self._reader = reader
        self._content = content
        self.format = reader.format

    @property
    def compression(self) -> str:
        """See `formats.Reader`."""
        return self._content.compression

    @property
    def losses(self) -> Counter[str]:
        """See `formats.Reader`."""
        return self._reader.losses

    @property
    def buffer_offset(self) -> int:
        """See `formats.Reader`."""
        return self._reader.buffer_offset

    def items(self) -> Iterator[Item]:
        """See `formats.Reader.items`."""
        packets, section = 0, None
        try:
            for item in self._reader.items():
                if isinstance(item, PacketBatch):
                    packets += item.rows
                elif isinstance(item, Section):
                    section = item.number
                yield item
        except FormatError as error:
            if (damage := self._content.damage) is not None:
                raise error.restated(f"{error}; {damage_in_words(damage)}") from None
            raise
        if (damage := self._content.damage) is not None:
            position, left_out = self._content.position, damage.bytes_left_out
            yield Damage(position, packets + 1, damage.reason, left_out, section, damage.offset)
