"""Captures in compressed files: a reader gets a window on the decompressed bytes, and damage of the compressed data
becomes an item behind the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapconv.errors import FormatError
from pcapconv.io.compression import Compression
from pcapconv.io.decompressed_stream import DecompressedStream
from pcapconv.io.decompression import Decompression
from pcapconv.io.source import Source
from pcapconv.model import Damage, Item, PacketBatch, Section

if TYPE_CHECKING:
    from pcapconv.formats import Reader


def open_stream(source: Source, compression: Compression, head: bytes) -> DecompressedStream:
    """Return the decompressed bytes of a source, of which `head` was read. The source ends an earlier decompression,
    and this one when it is rewound or closed. Raises FileError."""
    if source.seekable:
        source.rewind()
        head = b""
    source.decompressing = stream = DecompressedStream(source, compression, head)
    return stream


def decompressed_head(source: Source, compression: Compression, size: int) -> bytes:
    """Return the first `size` decompressed bytes of a seekable source, whose position stays; fewer if it has no more.
    Raises FileError."""
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        data = source.peek(position, min(count, 4096))
        position += len(data)
        return data

    head = b""
    for piece in Decompression(compression, read, None).pieces():
        head += piece
        if len(head) >= size:
            break
    return head[:size]


class CompressedReader:
    """A reader of a compressed capture, as `formats.Reader` describes it."""

    def __init__(self, reader: Reader, stream: DecompressedStream) -> None:
        self._reader = reader
        self._stream = stream
        self.format = reader.format

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
        packets = section = 0
        try:
            for item in self._reader.items():
                if isinstance(item, PacketBatch):
                    packets += item.rows
                elif isinstance(item, Section):
                    section = item.number
                yield item
        except FormatError as error:
            if self._stream.damage is not None:
                raise FormatError(f"{error}; {self._damage_in_words()}") from None
            raise
        if self._stream.damage is not None and not self._stream.interrupted:
            yield Damage(self._stream.position, packets + 1, self._damage_in_words(), 0, section)

    def _damage_in_words(self) -> str:
        assert self._stream.damage is not None
        return f"{self._stream.damage.reason}, at offset {self._stream.damage.offset} of the compressed file"
