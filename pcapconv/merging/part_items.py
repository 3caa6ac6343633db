"""The items of a part as items of the one section: new ids, one byte order, no pcap records.

Strategy: packets of a pcapng part in the section's byte order keep their records, in which a kernel changes the ids of
interfaces. All other packets lose them, and are encoded from their fields. If all parts are pcap files with the same
header, the one section is such a file, too, and packets keep their pcap records.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from pcapconv.formats import Reader
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.kernels import choose
from pcapconv.kernels.contract import OPTION_COUNTS
from pcapconv.merging.inputs import FurtherSectionError, Part
from pcapconv.merging.merged_section import MergedSection
from pcapconv.model import NO_COUNTS, Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.spec.byte_orders import body_in, options_in
from pcapconv.steps.batch_rows import options_of_row, replace_options
from pcapconv.steps.strip import drop_count_options

_LARGEST_OBSOLETE_ID = 0xFFFF  # an obsolete Packet Block has 16 bits for the id of its interface
_MOST_CACHED = 1024  # option lists of packets
_LONGEST_CACHED = 256  # bytes of each
_ZEROS = array("Q", bytes(8 * OPTION_COUNTS))
_ENCODED_AS = bytes(code if code == pcapng.SIMPLE_PACKET else pcapng.ENHANCED_PACKET for code in range(256))


class PartItems:
    """Turns the items of a part into items of the one section. `losses` counts by kind what has no place there."""

    def __init__(self, part: Part, merged: MergedSection) -> None:
        self._part = part
        self._merged = merged
        self._order = merged.section.byte_order
        self._losses = merged.losses
        self._kernels = choose()
        self._declared = 0  # interfaces of the part that were met
        self._new_ids = array("Q")
        self._changes_ids = False
        self._processes: list[int] = []  # the new numbers of the part's processes
        self._cache: dict[bytes, bytes] = {}

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
        self._changes_ids = self._changes_ids or new_id != self._declared
        self._declared += 1
        self._new_ids.append(new_id)
        return () if new is None else (new,)

    def _batch(self, batch: PacketBatch) -> PacketBatch:
        section = batch.section
        if self._merged.section.layout == "pcap":
            batch.section, batch.interfaces = self._merged.section, self._merged.interfaces
            return batch
        copies = section.layout == "pcapng" and section.byte_order == self._order
        self._losses.update(batch.format_only)
        if section.byte_order != self._order:
            batch = with_headers_in(self._order, batch)
        rows = batch.rows
        if section.layout == "pcap":  # its reader sets some columns once, and uses them for all batches
            batch.columns = batch.columns.with_copies(rows, "interface", "record_length", "record_type")
        columns = batch.columns
        types = columns.record_type[:rows].tobytes() if section.layout == "pcapng" else b""
        has_obsolete = pcapng.OBSOLETE_PACKET in types
        has_options = batch.has_options
        if not copies or (has_obsolete and max(self._new_ids) > _LARGEST_OBSOLETE_ID):
            if has_options or has_obsolete:
                self._change_options(batch, types, encoded=True)
            columns = batch.columns
            columns.record_length[:rows] = array("I", bytes(4 * rows))
            columns.record_type[:rows] = array("B", columns.record_type[:rows].tobytes().translate(_ENCODED_AS))
            batch.contiguous = False
        elif has_options and self._refer_to_processes(batch):
            self._change_options(batch, types, encoded=False)
        if self._changes_ids:
            if isinstance(batch.buffer, bytes):
                batch.buffer = bytearray(batch.buffer)
            self._kernels.renumber(batch.buffer, batch.columns, rows, self._new_ids, self._order == "big")
        batch.section, batch.interfaces, batch.layout = self._merged.section, self._merged.interfaces, "pcapng"
        batch.header_order = self._order
        batch.format_only, batch.count_format_only = NO_COUNTS, None
        return batch

    def _refer_to_processes(self, batch: PacketBatch) -> bool:
        """Return whether packets of the batch refer to processes, whose numbers the section may use otherwise."""
        if self._merged.has_one_part:
            return False
        counts = _ZEROS[:]
        self._kernels.count_options(batch.buffer, batch.columns, batch.rows, self._order == "big", counts)
        return any(counts[code] for code in pcapng.PROCESS_REFERENCES)

    def _change_options(self, batch: PacketBatch, types: bytes, *, encoded: bool) -> None:
        """Bring the options of packets into the section's byte order, and renumber the processes in them. Obsolete
        blocks whose options change, or all if rows are `encoded`, become Enhanced ones; their drop counts become
        options."""
        changed, order, columns = {}, batch.section.byte_order, batch.columns
        for row in range(batch.rows):
            raw = options_of_row(batch, row)
            new = self._new_options(raw, order)
            if types and types[row] == pcapng.OBSOLETE_PACKET and (encoded or new != raw):
                at = columns.record_at[row] + pcapng.DROPS_AT
                drops = drop_count_options(int.from_bytes(batch.buffer[at : at + 2], order), self._order)
                new = option_lists.edit(new, self._order, add=drops)
                columns.record_type[row] = pcapng.ENHANCED_PACKET
            if new != raw:
                changed[row] = new
        replace_options(batch, changed)

    def _new_options(self, raw: bytes, order: ByteOrder) -> bytes:
        if raw in self._cache:
            return self._cache[raw]
        left_out = Counter[str]()
        new = options_in(self._order, raw, order, pcapng.ENHANCED_PACKET, left_out)
        if not self._merged.has_one_part:
            new = self._with_new_processes(new, left_out)
        self._losses["packet-options"] += left_out.total()
        if len(raw) <= _LONGEST_CACHED and not left_out.total():
            if len(self._cache) == _MOST_CACHED:
                self._cache.clear()
            self._cache[raw] = new
        return new

    def _with_new_processes(self, raw: bytes, left_out: Counter[str]) -> bytes:
        """Return options with the section's numbers of processes. A reference to a process that the part does not have
        is left out, since another part's process may have its number."""
        old = list(option_lists.OptionList(raw, self._order))
        new = []
        for code, value in old:
            if code in pcapng.PROCESS_REFERENCES and len(value) == 4:
                number = int.from_bytes(value, self._order)
                if number >= len(self._processes):
                    left_out["unknown"] += 1
                    continue
                value = self._processes[number].to_bytes(4, self._order)
            new.append((code, value))
        return raw if new == old else option_lists.pack(new, self._order)

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
            self._cache.clear()
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
