"""The step that orders the packets of the normal form by time: all blocks that are not about packets come after them.
`steps/packet_sorter.py` does the sorting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pcapconv.model import Block, Item, PacketBatch
from pcapconv.steps import Step
from pcapconv.steps.packet_sorter import PacketSorter
from pcapconv.steps.trailing_blocks import TrailingBlocks


class Sort(Step):
    """Orders the packets of a capture in the normal form by time. With `rising`, the packets are in order already, and
    only the trailing blocks move."""

    def __init__(self, *, rising: bool) -> None:
        super().__init__()
        self._rising = rising

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items with the packets in order. Raises FileError."""
        with PacketSorter() as self._sorter, TrailingBlocks() as self._trailing:
            yield from super().__call__(items)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        if self._rising:
            return (batch,)
        self._sorter.add_batch(batch)
        return ()

    def _block(self, block: Block) -> Iterable[Item]:
        if block.explains_packets:
            return (block,)
        self._trailing.add_block(block)
        return ()

    def _end(self) -> Iterator[Item]:
        number = 1
        for batch in self._sorter.batches(self._interfaces):
            batch.first_number, batch.numbers = number, None
            yield batch
            number += batch.rows
        yield from self._trailing.blocks()
