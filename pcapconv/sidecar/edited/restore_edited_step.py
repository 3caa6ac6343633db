"""The step that restores an edited capture: packets that are in the sidecar get their metadata back.

Strategy: packets come in the order of the edited file. Each other entry of the sidecar comes before the first packet
that follows it in the sidecar. Packets without a match get an interface of their own. Hashes of packets that were cut
or changed are left out.
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
from pcapconv.sidecar.edited.matching import AMBIGUOUS, EXACT, NEW, NO_MATCH, Matching
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
    """Restores an edited capture from the `matching` of its packets with those of the sidecar. `left_out` counts packet
    hashes that are left out, `lost` counts by kind what only pcap can hold."""

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
        self._next_entry: tuple[str, Any] | None = None  # the next entry that contains no packets
        self._packets_before = 0  # packets of the sidecar before that entry
        self._ids: list[int] = []  # the ids of the section's interfaces, by their ids in the sidecar
        self._scales: dict[int, Scale] = {}  # by the interfaces' ids
        self._unmatched_interface = _NO_INTERFACE  # the id of the interface for packets without a match
        self._file_interface: Interface | None = None  # the interface of the pcap file
        self._packets = 0  # packets of the pcap file, so far

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
        """Read up to the next entry that contains no packets."""
        self._next_entry = None
        for entry_type, value in self._entries:
            if entry_type != "packets":
                self._next_entry = entry_type, value
                return
            self._packets_before += json_fields.check_number(
                json_fields.get_member(value, "count", "packets"), "packets: count"
            )

    def _items_before(self, packet: int) -> Iterator[Item]:
        """Yield the items of the entries before a packet of the sidecar, unless they were yielded already."""
        while self._next_entry is not None and self._packets_before <= packet:
            for item in self._metadata.items_of(*self._next_entry):
                if isinstance(item, Section):
                    self._unmatched_interface, self._ids, self._scales = _NO_INTERFACE, [], {}
                    yield item._replace(changed=True)
                    continue
                if isinstance(item, Interface):
                    self._ids.append(item.id)
                yield self._with_current_id(item) if isinstance(item, Block) else item
            self._read_next_entry()

    def _with_current_id(self, block: Block) -> Block:
        """Return a block; in a block of statistics, set the current id of the interface. The current id differs from
        the id in the sidecar if the interface for packets without a match was added before this interface."""
        if block.kind != "statistics":
            return block
        number = bodies.statistics(block.body, block.byte_order).interface
        current_id = self._ids[number] if number < len(self._ids) else number
        return block._replace(body=bodies.statistics_for_interface(current_id, block.body, block.byte_order))

    def _restore_packets(self, batch: PacketBatch) -> Iterator[Item]:
        """Yield the packets of a batch; yield the items of an entry before the first packet that follows the entry."""
        matches, begin = self._matching.matches[self._packets : self._packets + batch.rows], 0
        if self._next_entry is not None and max(matches) >= self._packets_before:
            for row, match in enumerate(matches):
                if self._next_entry is not None and match >= self._packets_before:
                    yield from self._restore_rows(batch, begin, row)
                    yield from self._items_before(match)
                    begin = row
        yield from self._restore_rows(batch, begin, batch.rows)
        self._packets += batch.rows

    def _restore_rows(self, batch: PacketBatch, begin: int, end: int) -> Iterator[Item]:
        """Yield the rows from `begin` up to `end`, between which no entry comes; before the section's first packet
        without a match, yield the interface for such packets."""
        if begin == end:
            return
        sidecar_packets, first = self._sidecar_packets, self._packets + begin
        matches = self._matching.matches[first : self._packets + end]
        assert self._file_interface is not None
        scale = NANOSECONDS // self._file_interface.ticks_per_second
        ticks = batch.columns.ticks[begin:end]
        times = ticks if scale == 1 else array("Q", (tick * scale for tick in ticks))
        if len(sidecar_packets.sections) > 1 or sidecar_packets.has_ticks:
            self._drop_wrong_matches(matches, times, first)
        if NO_MATCH in matches and self._unmatched_interface < 0:
            unmatched_row = begin + matches.index(NO_MATCH)
            if unmatched_row > begin:
                yield from self._restore_rows(batch, begin, unmatched_row)
                yield from self._restore_rows(batch, unmatched_row, end)
                return
            yield self._add_unmatched_interface()
        ids, old_ids = self._ids, sidecar_packets.interfaces
        interfaces = array("I", (self._unmatched_interface if match < 0 else ids[old_ids[match]] for match in matches))
        part = self._metadata.with_headers_of_section(batch.slice(begin, end))
        yield self._restore_batch(part, matches, times, interfaces, first)

    def _drop_wrong_matches(self, matches: array[int], times: array[int], first: int) -> None:
        """Undo matches that fingerprints allow, but sections or exact times rule out."""
        section = self._metadata.current_section().number
        for row, match in enumerate(matches):
            if match < 0:
                continue
            if self._sidecar_packets.section(match) != section:  # the packet's interface is in another section
                self._matching.levels[first + row], matches[row] = AMBIGUOUS, NO_MATCH
            elif not self._has_time(match, times[row]):
                self._matching.levels[first + row], matches[row] = NEW, NO_MATCH

    def _has_time(self, match: int, time: int) -> bool:
        """Return whether a packet of the sidecar has this time in nanoseconds, or had it before a tool cut the time to
        whole microseconds. True also if the sidecar does not keep the packet's ticks."""
        ticks = self._sidecar_packets.ticks(match)
        if ticks is None or self._sidecar_packets.is_simple(match):
            return True
        number = self._ids[self._sidecar_packets.interfaces[match]]
        scale = self._scales.get(number)
        if scale is None:
            scale = self._scales[number] = scale_to_nanoseconds(self._metadata.interfaces[number])
        exact = 0 if scale.error else max(0, min(int(scale.time(ticks) // 1), LATEST))
        return time in (exact, exact - exact % 1000)

    def _add_unmatched_interface(self) -> Interface:
        """Add the interface for packets without a match to the section."""
        assert self._file_interface is not None
        section = self._metadata.current_section()
        self._unmatched_interface = len(self._metadata.interfaces)
        interface = self._file_interface._replace(
            id=self._unmatched_interface,
            section=section.number,
            byte_order=section.byte_order,
            raw_options=b"",
            raw=None,
        )
        self._metadata.interfaces.append(interface)
        return interface

    def _restore_batch(
        self, batch: PacketBatch, matches: array[int], times: array[int], interfaces: array[int], first: int
    ) -> PacketBatch:
        """Return a batch on these interfaces, with the metadata that the sidecar holds about its matches. `times` are
        in nanoseconds; `first` is the number of row 0, counted from 0."""
        sidecar_packets = self._sidecar_packets
        matched: list[tuple[int, int]] = []  # rows with their matches
        if sidecar_packets.has_metadata:
            matched = [(row, match) for row, match in enumerate(matches) if match >= 0]
        for row, match in matched if sidecar_packets.sub_microsecond_ns else ():
            times[row] += sidecar_packets.sub_microsecond_ns_of(match) - times[row] % 1000
        batch.columns.ticks = times
        restored = as_pcapng(batch, self._metadata, interfaces, first + 1)
        simple_rows = []
        if sidecar_packets.blocks:
            simple_rows = [row for row, match in matched if sidecar_packets.is_simple(match)]
        self._set_ticks(restored, dict.fromkeys(simple_rows, 0) | self._kept_ticks(matched))
        self._set_simple(restored, simple_rows, first)
        self._set_options(restored, matched, first)
        return restored

    def _kept_ticks(self, matched: list[tuple[int, int]]) -> dict[int, int]:
        """The ticks that the sidecar keeps, by row."""
        if not self._sidecar_packets.has_ticks:
            return {}
        return {row: ticks for row, match in matched if (ticks := self._sidecar_packets.ticks(match)) is not None}

    def _set_ticks(self, batch: PacketBatch, kept: Mapping[int, int]) -> None:
        """Set the ticks of all rows: from `kept`, by row; for the other rows, convert the times in nanoseconds into
        ticks of the packets' interfaces."""
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
        """Put packets back into Simple Packet Blocks if they are unchanged and would be read with the same length. The
        other packets have the time 0 now, and are counted in `lost`."""
        columns = batch.columns
        for row in rows:
            length = columns.captured_length[row]
            if self._matching.levels[first + row] == EXACT and length == simple_length(batch, row):
                columns.record_type[row] = SIMPLE_PACKET
            else:
                self._lost["packets-without-time"] += 1

    def _set_options(self, batch: PacketBatch, matched: list[tuple[int, int]], first: int) -> None:
        if self._sidecar_packets.options or self._sidecar_packets.blocks:
            options = {row: self._options(batch, match, first + row) for row, match in matched}
            replace_options(batch, {row: raw for row, raw in options.items() if raw})

    def _options(self, batch: PacketBatch, match: int, number: int) -> bytes:
        """The options that a packet of the edited file, by its number from 0, gets back from its match; raw."""
        order = batch.section.byte_order
        what = f"packet {match + 1}"
        text = self._sidecar_packets.options.text(match)
        block = self._sidecar_packets.blocks.get(match) or {}
        if not text and not block:
            return b""
        raw = _raw_options(text, order) if text else b""
        add = []
        if block_type_of(block) == pcapng.OBSOLETE_PACKET:
            add = drop_count_options(drop_count_of(block, what), order)
        if self._matching.levels[number] == EXACT:
            return option_lists.edit(raw, order, add=add) if add else raw
        if hashes := sum(option.code == pcapng.PACKET_HASH for option in option_lists.OptionList(raw, order)):
            self._left_out["packet-hashes"] += hashes
        return option_lists.edit(raw, order, keep=_is_no_hash, add=add)


@lru_cache(maxsize=64)
def _raw_options(text: bytes, order: ByteOrder) -> bytes:
    """The raw option list that a JSON text contains; cached, since many packets may have the same text."""
    return json_options.options_bytes(json.loads(text), order, pcapng.ENHANCED_PACKET, "a packet")


def _is_no_hash(option: option_lists.Option) -> bool:
    return option.code != pcapng.PACKET_HASH
