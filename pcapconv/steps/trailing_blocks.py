"""Keeps the blocks that come after all packets: in memory, or in a temporary file if they are many."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from pcapconv.io.scratch_file import ScratchFile
from pcapconv.model import Block
from pcapconv.spec import ByteOrder

_HEADER = Struct("<IQI")  # type, offset, length of the body


class TrailingBlocks(ScratchFile):
    """Keeps blocks of one section, and returns them in the same order. All methods raise FileError."""

    def add_block(self, block: Block) -> None:
        """Add a block."""
        self.write(_HEADER.pack(block.type, block.offset, len(block.body)))
        self.write(block.body)

    def blocks(self, byte_order: ByteOrder = "little", section: int = 0) -> Iterator[Block]:
        """All blocks that were added, which have the byte order and the number of their section."""
        self.rewind()
        while header := self.read(_HEADER.size):
            block_type, offset, size = _HEADER.unpack(header)
            yield Block(block_type, self.read(size), byte_order, section, offset)
