"""The step that orders the packets of each section by time.

Strategy: interfaces, names, secrets, processes and all blocks before a section's first packet pass at once, so that
they stay before the packets. At the end of the section come its packets in order, and then its other blocks, in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pcapconv.model import Block, Item, PacketBatch, Section
from pcapconv.steps import Step
from pcapconv.steps.packet_order import OrderCount
from pcapconv.steps.packet_sorter import PacketSorter
from pcapconv.steps.trailing_blocks import TrailingBlocks


class Sort(Step):
    """Orders the packets of each section by time. Packets of the same time keep their order, and a packet without a
    time stays behind the packet before it. Packets keep their numbers. `overlaps` is whether a section begins before
    the one before it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.overlaps = False
        self._order = OrderCount()
        self._packet_section: Section | None = None  # whose packets wait

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items with the packets in order. Raises FormatError for a time that cannot be determined, and
        FileError."""
        with PacketSorter() as self._sorter, TrailingBlocks() as self._trailing:
            yield from super().__call__(items)

    def _section(self, section: Section) -> Iterator[Item]:
        yield from self._end()
        yield section._replace(changed=True)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self._packet_section = batch.section
        self._sorter.add_batch(batch)
        return ()

    def _block(self, block: Block) -> Iterable[Item]:
        if block.explains_packets or self._packet_section is None:
            return (block,)
        self._trailing.add_block(block)
        return ()

    def _end(self) -> Iterator[Item]:
        section, self._packet_section = self._packet_section, None
        if section is not None:
            for batch in self._sorter.batches(self._interfaces):
                self._order.add_batch(batch)
                yield batch
            self.overlaps = self._order.places > 0
            self._order.begin_section()
            yield from self._trailing.blocks(section.byte_order, section.number)
            self._trailing.clear()
