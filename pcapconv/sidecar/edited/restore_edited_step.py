"""The step that restores an edited capture: matched packets get back what the sidecar holds of them.

Strategy: packets come in the order of the edited file, and the sidecar's other entries before the packets that they
preceded. Packets without a partner get an interface of their own. Hashes of packets that were cut or changed are left
out.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import compress, count
from typing import Any

from pcapconv.model import Block, Columns, Interface, Item, PacketBatch, Section
from pcapconv.sidecar import json_fields, json_options
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.matching import AMBIGUOUS, EXACT, NEW, NO_PARTNER, Matching
from pcapconv.sidecar.edited.sidecar_packets import SidecarPackets
from pcapconv.sidecar.packet_entry_reader import block_type_of, drop_count_of, simple_length
from pcapconv.sidecar.restore_step import RestoredMetadata, as_pcapng, name_sidecar_in_errors
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.spec.pcap import LATEST
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import replace_options, select_rows
from pcapconv.steps.strip import drop_count_options
from pcapconv.steps.time_scales import Scale, scale_to_nanoseconds
from pcapconv.timestamps import NANOSECONDS

_NO_INTERFACE = -1


class RestoreEdited(Step):
    """Restores an edited capture, by the `matching` of its packets with those of the sidecar. `left_out` counts hashes
    that no longer hold, `lost` counts by kind what only pcap can hold."""

    def __init__(
        self,
        document: Document,
        sidecar_packets: SidecarPackets,
        matching: Matching,
        left_out: Counter[str],
        lost: Counter[str],
    ) -> None:
        super().__init__()
        self._document = document
        self._sidecar_packets = sidecar_packets
        self._matching = matching
        self._left_out = left_out
        self._lost = lost
        self._metadata = RestoredMetadata(document)
        self._entries = document.entries()
        self._next_entry: tuple[str, Any] | None = None  # the next one that is not about packets
        self._packets_before = 0  # packets of the sidecar before that entry
        self._ids: list[int] = []  # the ids of the section's interfaces, by their ids in the sidecar
        self._scales: dict[int, Scale] = {}  # by the interfaces' ids
        self._new_interface = _NO_INTERFACE  # the id of the interface for packets without a partner
        self._file_interface: Interface | None = None  # the one of the pcap file
        self._packets = 0  # of the pcap file, so far

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items of the restored capture. Raises SidecarError."""
        with name_sidecar_in_errors(self._document):
            self._read_next_entry()
            yield from self._items_before(0)
            for item in items:
                if isinstance(item, Interface):
                    self._file_interface = item
                elif isinstance(item, Section):
                    self._lost.update(item.format_only)
                elif isinstance(item, PacketBatch):
                    self._lost.update(item.format_only)
                    yield from self._restore_packets(item)
                else:  # damage and notices, which name offsets in the pcap file
                    yield item
            while self._next_entry is not None:
                yield from self._items_before(self._packets_before)

    def _read_next_entry(self) -> None:
        """Read up to the next entry that is not about packets."""
        self._next_entry = None
        for entry_type, value in self._entries:
            if entry_type != "packets":
                self._next_entry = entry_type, value
                return
            self._packets_before += json_fields.check_number(
                json_fields.get_member(value, "count", "packets"), "packets: count"
            )

    def _items_before(self, packet: int) -> Iterator[Item]:
        """The items of the entries that stand before a packet of the sidecar and were not restored yet."""
        while self._next_entry is not None and self._packets_before <= packet:
            for item in self._metadata.items_of(*self._next_entry):
                if isinstance(item, Section):
                    self._new_interface, self._ids, self._scales = _NO_INTERFACE, [], {}
                    yield item._replace(changed=True)
                    continue
                if isinstance(item, Interface):
                    self._ids.append(item.id)
                yield self._with_current_id(item) if isinstance(item, Block) else item
            self._read_next_entry()

    def _with_current_id(self, block: Block) -> Block:
        """The block, or statistics with the current id of their interface, which has another one if the interface for
        packets without a partner was added before it."""
        if block.kind != "statistics":
            return block
        number = bodies.statistics(block.body, block.byte_order).interface
        current_id = self._ids[number] if number < len(self._ids) else number
        return block._replace(body=bodies.statistics_for_interface(current_id, block.body, block.byte_order))

    def _restore_packets(self, batch: PacketBatch) -> Iterator[Item]:
        """The packets of a batch, and between them the items of the entries that precede them."""
        partners, begin = self._matching.partners[self._packets : self._packets + batch.rows], 0
        if self._next_entry is not None and max(partners) >= self._packets_before:
            for row, packet in enumerate(partners):
                if self._next_entry is not None and packet >= self._packets_before:
                    yield from self._restore_rows(batch, begin, row)
                    yield from self._items_before(packet)
                    begin = row
        yield from self._restore_rows(batch, begin, batch.rows)
        self._packets += batch.rows

    def _restore_rows(self, batch: PacketBatch, begin: int, end: int) -> Iterator[Item]:
        """The rows from `begin` up to `end`, between which no entry comes; before the section's first packet without a
        partner, the interface for such packets."""
        if begin == end:
            return
        sidecar_packets, first = self._sidecar_packets, self._packets + begin
        partners = self._matching.partners[first : self._packets + end]
        assert self._file_interface is not None
        scale = NANOSECONDS // self._file_interface.ticks_per_second
        ticks = batch.columns.ticks[begin:end]
        times = ticks if scale == 1 else array("Q", (tick * scale for tick in ticks))
        if len(sidecar_packets.sections) > 1 or sidecar_packets.has_ticks:
            self._drop_wrong_partners(partners, times, first)
        if NO_PARTNER in partners and self._new_interface < 0:
            new_row = begin + partners.index(NO_PARTNER)
            if new_row > begin:
                yield from self._restore_rows(batch, begin, new_row)
                yield from self._restore_rows(batch, new_row, end)
                return
            yield self._add_new_interface()
        ids, old_ids = self._ids, sidecar_packets.interfaces
        interfaces = array("I", (self._new_interface if packet < 0 else ids[old_ids[packet]] for packet in partners))
        part = self._metadata.with_headers_of_section(batch.slice(begin, end))
        yield self._restore_batch(part, partners, times, interfaces, first)

    def _drop_wrong_partners(self, partners: array[int], times: array[int], first: int) -> None:
        """Undo matches that fingerprints allow, but sections and exact times do not."""
        section = self._metadata.current_section().number
        for row, packet in enumerate(partners):
            if packet < 0:
                continue
            if self._sidecar_packets.section(packet) != section:  # which does not have the packet's interface
                self._matching.levels[first + row], partners[row] = AMBIGUOUS, NO_PARTNER
            elif not self._has_time(packet, times[row]):
                self._matching.levels[first + row], partners[row] = NEW, NO_PARTNER

    def _has_time(self, packet: int, time: int) -> bool:
        """Whether a packet of the sidecar, if its ticks are kept, has this time in nanoseconds, whose digits below a
        microsecond may have been cut off."""
        ticks = self._sidecar_packets.ticks(packet)
        if ticks is None or self._sidecar_packets.is_simple(packet):
            return True
        number = self._ids[self._sidecar_packets.interfaces[packet]]
        scale = self._scales.get(number)
        if scale is None:
            scale = self._scales[number] = scale_to_nanoseconds(self._metadata.interfaces[number])
        stated = 0 if scale.error else max(0, min(int(scale.time(ticks) // 1), LATEST))
        return time in (stated, stated - stated % 1000)

    def _add_new_interface(self) -> Interface:
        """Add the interface for packets without a partner to the section."""
        assert self._file_interface is not None
        section = self._metadata.current_section()
        self._new_interface = len(self._metadata.interfaces)
        interface = self._file_interface._replace(
            id=self._new_interface, section=section.number, byte_order=section.byte_order, options=b"", raw=None
        )
        self._metadata.interfaces.append(interface)
        return interface

    def _restore_batch(
        self, batch: PacketBatch, partners: array[int], times: array[int], interfaces: array[int], first: int
    ) -> PacketBatch:
        """A batch whose times are in nanoseconds, on these interfaces, with what the sidecar holds of its partners;
        `first` is the number of row 0, counted from 0."""
        sidecar_packets = self._sidecar_packets
        matched: list[tuple[int, int]] = []  # rows with their partners
        if sidecar_packets.has_metadata:
            matched = [(row, packet) for row, packet in enumerate(partners) if packet >= 0]
        for row, packet in matched if sidecar_packets.digits else ():
            times[row] += sidecar_packets.digits_of(packet) - times[row] % 1000
        batch.columns.ticks = times
        restored = as_pcapng(batch, self._metadata, interfaces, first + 1)
        simple_rows = []
        if sidecar_packets.blocks:
            simple_rows = [row for row, packet in matched if sidecar_packets.is_simple(packet)]
        self._set_ticks(restored, dict.fromkeys(simple_rows, 0) | self._kept_ticks(matched))
        self._set_simple(restored, simple_rows, first)
        self._set_options(restored, matched, first)
        return restored

    def _kept_ticks(self, matched: list[tuple[int, int]]) -> dict[int, int]:
        """The ticks that the sidecar keeps, by row."""
        if not self._sidecar_packets.has_ticks:
            return {}
        return {row: ticks for row, packet in matched if (ticks := self._sidecar_packets.ticks(packet)) is not None}

    def _set_ticks(self, batch: PacketBatch, kept: Mapping[int, int]) -> None:
        """Set the ticks of rows: those that are `kept`, or else the times in nanoseconds, in ticks of the packets'
        interfaces."""
        if not kept:
            self._metadata.set_ticks(batch, NANOSECONDS)
            return
        ticks, mask = batch.columns.ticks, bytearray(b"\1") * batch.rows
        for row in kept:
            mask[row] = 0
        selected = select_rows(batch, mask, Columns(batch.rows))
        if selected is not None:
            self._metadata.set_ticks(selected, NANOSECONDS)
            for row, row_ticks in zip(compress(count(), mask), selected.columns.ticks):
                ticks[row] = row_ticks
        for row, row_ticks in kept.items():
            ticks[row] = row_ticks

    def _set_simple(self, batch: PacketBatch, rows: list[int], first: int) -> None:
        """Put packets back into Simple Packet Blocks if they are unchanged and would be read with the same length; the
        others have the time 0 now, which is counted."""
        columns = batch.columns
        for row in rows:
            length = columns.captured_length[row]
            if self._matching.levels[first + row] == EXACT and length == simple_length(batch, row):
                columns.record_type[row] = SIMPLE_PACKET
            else:
                self._lost["packets-without-time"] += 1

    def _set_options(self, batch: PacketBatch, matched: list[tuple[int, int]], first: int) -> None:
        if self._sidecar_packets.options or self._sidecar_packets.blocks:
            options = {row: self._options(batch, packet, first + row) for row, packet in matched}
            replace_options(batch, {row: raw for row, raw in options.items() if raw})

    def _options(self, batch: PacketBatch, partner: int, packet: int) -> bytes:
        """The options that a packet gets back from its partner, raw."""
        order = batch.section.byte_order
        what = f"packet {partner + 1}"
        text = self._sidecar_packets.options.text(partner)
        block = self._sidecar_packets.blocks.get(partner) or {}
        if not text and not block:
            return b""
        raw = _raw_options(text, order) if text else b""
        add = []
        if block_type_of(block) == pcapng.OBSOLETE_PACKET:
            add = drop_count_options(drop_count_of(block, what), order)
        if self._matching.levels[packet] == EXACT:
            return option_lists.edit(raw, order, add=add) if add else raw
        if hashes := sum(option.code == pcapng.PACKET_HASH for option in option_lists.OptionList(raw, order)):
            self._left_out["packet-hashes"] += hashes
        return option_lists.edit(raw, order, keep=_is_no_hash, add=add)


@lru_cache(maxsize=64)
def _raw_options(text: bytes, order: ByteOrder) -> bytes:
    """The raw option list of a JSON text, which many packets may have."""
    return json_options.options_bytes(json.loads(text), order, pcapng.ENHANCED_PACKET, "a packet")


def _is_no_hash(option: option_lists.Option) -> bool:
    return option.code != pcapng.PACKET_HASH
