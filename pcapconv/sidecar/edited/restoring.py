"""The step that gives the packets of an edited pcap file back what a sidecar keeps of those that are still known.

Strategy: packets come in the edited file's order; the sidecar's other entries come where their packets were. What
nobody knows gets an interface of its own. What no longer holds of a packet that was cut or changed is left out.
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
from pcapconv.sidecar import fields, values
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.alignment import AMBIGUOUS, EXACT, NEW, NONE, Matches
from pcapconv.sidecar.edited.known import Known
from pcapconv.sidecar.packet_entry import drops_of, simple_length, type_of
from pcapconv.sidecar.restore import Metadata, about_sidecar, as_pcapng
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.spec.pcap import LATEST
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import replace_options, select_rows
from pcapconv.steps.strip import drop_count_options
from pcapconv.steps.time_scales import Scale, scale_to_nanoseconds
from pcapconv.timestamps import NANOSECONDS


class Match(Step):
    """The step, which follows the sidecar's entries. `left_out` counts hashes that no longer hold, `lost` what only
    pcap can say."""

    def __init__(
        self, document: Document, known: Known, found: Matches, left_out: Counter[str], lost: Counter[str]
    ) -> None:
        super().__init__()
        self._document = document
        self._known = known
        self._found = found
        self._left_out = left_out
        self._lost = lost
        self._metadata = Metadata(document)
        self._entries = document.entries()
        self._next: tuple[str, Any] | None = None  # the entry that is not about packets
        self._before = 0  # packets of the sidecar before it
        self._ids: list[int] = []  # of the section's interfaces, by those in the sidecar
        self._scales: dict[int, Scale] = {}  # of the same
        self._plain = NONE  # the interface of packets that nobody knows
        self._of_file: Interface | None = None
        self._packets = 0

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """The packets, with what the sidecar says of them and of the rest. Raises SidecarError."""
        with about_sidecar(self._document):
            self._look()
            yield from self._up_to(0)
            for item in items:
                if isinstance(item, Interface):
                    self._of_file = item
                elif isinstance(item, Section):
                    self._lost.update(item.format_only)
                elif isinstance(item, PacketBatch):
                    self._lost.update(item.format_only)
                    yield from self._split(item)
                else:  # what speaks of places in the file
                    yield item
            while self._next is not None:
                yield from self._up_to(self._before)

    def _look(self) -> None:
        """Find the next entry that is not about packets."""
        self._next = None
        for kind, value in self._entries:
            if kind != "packets":
                self._next = kind, value
                return
            self._before += fields.number(fields.member(value, "count", "packets"), "packets: count")

    def _up_to(self, packet: int) -> Iterator[Item]:
        """The entries that come before a packet."""
        while self._next is not None and self._before <= packet:
            for item in self._metadata.items(*self._next):
                if isinstance(item, Section):
                    self._plain, self._ids, self._scales = NONE, [], {}
                    yield item._replace(changed=True)
                    continue
                if isinstance(item, Interface):
                    self._ids.append(item.id)
                yield self._renumbered(item) if isinstance(item, Block) else item
            self._look()

    def _renumbered(self, block: Block) -> Block:
        """Statistics of an interface that has another id now, since one was declared before it."""
        if block.kind != "statistics":
            return block
        number = bodies.statistics(block.body, block.byte_order).interface
        place = self._ids[number] if number < len(self._ids) else number
        return block._replace(body=bodies.statistics_of(place, block.body, block.byte_order))

    def _split(self, batch: PacketBatch) -> Iterator[Item]:
        """A batch, with the entries that come between its packets."""
        partners, begin = self._found.partner[self._packets : self._packets + batch.rows], 0
        if self._next is not None and max(partners) >= self._before:
            for row, packet in enumerate(partners):
                if self._next is not None and packet >= self._before:
                    yield from self._some(batch, begin, row)
                    yield from self._up_to(packet)
                    begin = row
        yield from self._some(batch, begin, batch.rows)
        self._packets += batch.rows

    def _some(self, batch: PacketBatch, begin: int, end: int) -> Iterator[Item]:
        """Some packets, all of one section; before the first that nobody knows, the interface of such."""
        if begin == end:
            return
        known, first = self._known, self._packets + begin
        packets = self._found.partner[first : self._packets + end]
        assert self._of_file is not None
        scale = NANOSECONDS // self._of_file.ticks_per_second
        ticks = batch.columns.ticks[begin:end]
        times = ticks if scale == 1 else array("Q", (tick * scale for tick in ticks))
        if len(known.sections) > 1 or known.has_ticks:
            self._doubt(packets, times, first)
        if NONE in packets and self._plain < 0:
            unknown = begin + packets.index(NONE)
            if unknown > begin:
                yield from self._some(batch, begin, unknown)
                yield from self._some(batch, unknown, end)
                return
            yield self._declare_plain()
        ids, interfaces = self._ids, known.interfaces
        now = array("I", (self._plain if packet < 0 else ids[interfaces[packet]] for packet in packets))
        yield self._restored(self._metadata.in_own_order(batch.part(begin, end)), packets, times, now, first)

    def _doubt(self, packets: array[int], times: array[int], first: int) -> None:
        """Let packets go that cannot be what they are taken for."""
        here, known = self._metadata.open_section().number, self._known
        for row, packet in enumerate(packets):
            if packet < 0:
                continue
            if known.section(packet) != here:  # it has moved to where its interface is not
                self._found.known[first + row], packets[row] = AMBIGUOUS, NONE
            elif not self._has_time(packet, times[row]):
                self._found.known[first + row], packets[row] = NEW, NONE

    def _has_time(self, packet: int, time: int) -> bool:
        """Whether this can be the packet's time in nanoseconds, of which less than a microsecond may have been cut:
        fingerprints do not tell for certain."""
        ticks = self._known.ticks(packet)
        if ticks is None or self._known.is_simple(packet):
            return True
        number = self._ids[self._known.interfaces[packet]]
        scale = self._scales.get(number)
        if scale is None:
            scale = self._scales[number] = scale_to_nanoseconds(self._metadata.interfaces[number])
        stated = 0 if scale.error else max(0, min(int(scale.time(ticks) // 1), LATEST))
        return time in (stated, stated - stated % 1000)

    def _declare_plain(self) -> Interface:
        assert self._of_file is not None
        section = self._metadata.open_section()
        self._plain = len(self._metadata.interfaces)
        interface = self._of_file._replace(
            id=self._plain, section=section.number, byte_order=section.byte_order, options=b"", raw=None
        )
        self._metadata.interfaces.append(interface)
        return interface

    def _restored(
        self, batch: PacketBatch, packets: array[int], times: array[int], interfaces: array[int], first: int
    ) -> PacketBatch:
        known = self._known
        partners = [(row, packet) for row, packet in enumerate(packets) if packet >= 0] if known.says_more else []
        for row, packet in partners if known.digits else ():
            times[row] += known.digit(packet) - times[row] % 1000
        batch.columns.ticks = times
        normal = as_pcapng(batch, self._metadata, interfaces, first + 1)
        simple = [row for row, packet in partners if known.is_simple(packet)] if known.blocks else []
        self._count_times(normal, dict.fromkeys(simple, 0) | self._ticks(partners))
        self._make_simple(normal, simple, first)
        self._add_options(normal, partners, first)
        return normal

    def _ticks(self, partners: list[tuple[int, int]]) -> dict[int, int]:
        """By row, the ticks that the sidecar states."""
        if not self._known.has_ticks:
            return {}
        return {row: ticks for row, packet in partners if (ticks := self._known.ticks(packet)) is not None}

    def _count_times(self, batch: PacketBatch, stated: Mapping[int, int]) -> None:
        """Make times in nanoseconds ticks of the packets' interfaces, but for rows whose ticks are `stated`."""
        if not stated:
            self._metadata.count_times(batch, NANOSECONDS)
            return
        ticks, mask = batch.columns.ticks, bytearray(b"\1") * batch.rows
        for row in stated:
            mask[row] = 0
        others = select_rows(batch, mask, Columns(batch.rows))
        if others is not None:
            self._metadata.count_times(others, NANOSECONDS)
            for row, time in zip(compress(count(), mask), others.columns.ticks):
                ticks[row] = time
        for row, time in stated.items():
            ticks[row] = time

    def _make_simple(self, batch: PacketBatch, rows: list[int], first: int) -> None:
        """Put packets back into Simple Packet Blocks, where those can still say all of them; others have a time now."""
        columns = batch.columns
        for row in rows:
            length = columns.captured_length[row]
            if self._found.known[first + row] == EXACT and length == simple_length(batch, row):
                columns.record_type[row] = SIMPLE_PACKET
            else:
                self._lost["packets-without-time"] += 1

    def _add_options(self, batch: PacketBatch, partners: list[tuple[int, int]], first: int) -> None:
        if self._known.options or self._known.blocks:
            stated = {row: self._options(batch, packet, first + row) for row, packet in partners}
            replace_options(batch, {row: raw for row, raw in stated.items() if raw})

    def _options(self, batch: PacketBatch, packet: int, place: int) -> bytes:
        known, order = self._known, batch.section.byte_order
        what = f"packet {packet + 1}"
        text, block = known.options.text(packet), known.blocks.get(packet) or {}
        if not text and not block:
            return b""
        raw = _raw(text, order) if text else b""
        add = []
        if type_of(block) == pcapng.OBSOLETE_PACKET:
            add = drop_count_options(drops_of(block, what), order)
        if self._found.known[place] == EXACT:
            return option_lists.edited(raw, order, add=add) if add else raw
        if hashes := sum(option.code == pcapng.PACKET_HASH for option in option_lists.OptionList(raw, order)):
            self._left_out["packet-hashes"] += hashes
        return option_lists.edited(raw, order, keep=_no_hash, add=add)


@lru_cache(maxsize=64)
def _raw(text: bytes, order: ByteOrder) -> bytes:
    """An option list, of which many packets may have the same."""
    return values.options_raw(json.loads(text), order, pcapng.ENHANCED_PACKET, "a packet")


def _no_hash(option: option_lists.Option) -> bool:
    return option.code != pcapng.PACKET_HASH
