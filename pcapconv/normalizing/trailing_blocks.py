"""Blocks that come behind all packets, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from pcapconv.io.scratch_file import ScratchFile
from pcapconv.model import Block

_HEAD = Struct("<IQI")


class TrailingBlocks(ScratchFile):
    """Little-endian blocks of section 0, in the order in which they came. Raises FileError."""

    def add(self, block: Block) -> None:
        """Keep a block."""
        self.write(_HEAD.pack(block.type, block.offset, len(block.body)))
        self.write(block.body)

    def blocks(self) -> Iterator[Block]:
        """All of them."""
        self.rewind()
        while head := self.read(_HEAD.size):
            kind, offset, size = _HEAD.unpack(head)
            yield Block(kind, self.read(size), "little", 0, offset)
