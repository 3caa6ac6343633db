"""Keeps the blocks that come after all packets: in memory, or in a temporary file if they are many."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from pcapconv.io.scratch_file import ScratchFile
from pcapconv.model import Block

_HEADER = Struct("<IQI")  # type, offset, length of the body


class TrailingBlocks(ScratchFile):
    """Keeps little-endian blocks of section 0, and returns them in the same order. All methods raise FileError."""

    def add_block(self, block: Block) -> None:
        """Add a block."""
        self.write(_HEADER.pack(block.type, block.offset, len(block.body)))
        self.write(block.body)

    def blocks(self) -> Iterator[Block]:
        """All blocks that were added."""
        self.rewind()
        while header := self.read(_HEADER.size):
            block_type, offset, size = _HEADER.unpack(header)
            yield Block(block_type, self.read(size), "little", 0, offset)
