"""The items of a part as items of the one section: new ids, one byte order, no pcap records.

Strategy: `steps.moved_batches` moves packets to the one section. If all parts are pcap files with the same header, the
one section is such a file, too, and packets keep their pcap records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pcapconv.formats import Reader
from pcapconv.merging.inputs import FurtherSectionError, Part
from pcapconv.merging.merged_section import MergedSection
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.spec import bodies, pcapng
from pcapconv.spec.byte_orders import body_in
from pcapconv.steps.moved_batches import MovedBatches


class PartItems:
    """Turns the items of a part into items of the one section. `losses` counts by kind what has no place there."""

    def __init__(self, part: Part, merged: MergedSection) -> None:
        self._part = part
        self._merged = merged
        self._order = merged.section.byte_order
        self._losses = merged.losses
        self._declared = 0  # interfaces of the part that were met
        self._processes: list[int] = []  # the new numbers of the part's processes
        processes = None if merged.has_one_part else self._processes
        self._moved = MovedBatches(merged.section, merged.interfaces, merged.losses, processes=processes)

    def items(self, reader: Reader) -> Iterator[Item]:
        """Yield the items: packets, new interfaces, other blocks, damage and notices. Raises FormatError, FileError,
        and FurtherSectionError if a further section begins."""
        sections = 0
        for item in reader.items():
            match item:
                case PacketBatch():
                    yield self._batch(item)
                case Interface():
                    yield from self._interface(item)
                case Block():
                    yield from self._block(item)
                case Section():
                    sections += 1
                    if sections > 1:
                        raise FurtherSectionError(f"{self._part.source.name}: it has a further section")
                case Damage() | Notice():
                    yield self._part.place(item)
        self._losses.update(reader.losses)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        new = None
        if self._declared == len(self._merged.ids_of[self._part.rank]):  # it was not met when the head was read
            new = self._merged.add_interface(self._part, interface)
        new_id = self._merged.ids_of[self._part.rank][self._declared]
        self._declared += 1
        self._moved.add_id(new_id)
        return () if new is None else (new,)

    def _batch(self, batch: PacketBatch) -> PacketBatch:
        if self._merged.section.layout == "pcap":
            batch.section, batch.interfaces = self._merged.section, self._merged.interfaces
            return batch
        return self._moved.move(batch)

    def _block(self, block: Block) -> Iterable[Block]:
        left_out: Counter[str] = Counter()
        body = body_in(self._order, block.type, block.body, block.byte_order, left_out)
        if body is None:
            self._losses[pcapng.block_type(block.type).loss] += block.entries
            return ()
        self._losses["unreadable-options"] += left_out.total()
        block = block._replace(body=body, byte_order=self._order, section=0, offset=block.offset + self._part.begin)
        if block.type == pcapng.INTERFACE_STATISTICS:
            return self._statistics(block)
        if block.type == pcapng.PROCESS:
            number, is_new = self._merged.add_process(block)
            self._processes.append(number)
            self._moved.forget()
            return (block,) if is_new else ()
        if block.explains_packets and self._merged.is_repeat(self._part, block):
            return ()
        return (block,)

    def _statistics(self, block: Block) -> Iterable[Block]:
        statistics = bodies.statistics(block.body, self._order)
        ids = self._merged.ids_of[self._part.rank]
        if not statistics.has_interface or statistics.interface >= len(ids):
            self._losses["statistics"] += 1  # another part may have the interface that it names
            return ()
        new_id = ids[statistics.interface]
        return (block._replace(body=bodies.statistics_for_interface(new_id, block.body, self._order)),)
