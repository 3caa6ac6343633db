"""Dividing by count and by size: a part gets a run of packets that follow each other."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from pcapconv.formats.pcapng_writer import block_size
from pcapconv.model import Block, Interface, PacketBatch, Section
from pcapconv.spec import pcap, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import Splitter, rows_of


class ByCount(Splitter):
    """A new part after so many packets."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most

    def _first(self, batch: PacketBatch) -> OpenPart:  # noqa: ARG002 - a packet like any other
        return self._with_room()

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        row = 0
        while row < batch.rows:
            part = self._with_room()
            stop = min(batch.rows, row + self._most - part.packets)
            yield part, rows_of(batch, row, stop)
            row = stop

    def _with_room(self) -> OpenPart:
        part = self._current
        if part is not None and part.packets < self._most:
            return part
        if part is not None:
            self._parts.retire(part)
        return self._parts.new()


class BySize(Splitter):
    """A new part before a packet, or a block of any other kind, that would make the file larger than `most` bytes. A
    part that has only what every part gets takes the next one in any case."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most
        self._pcap = parts.format == "pcap"

    def _first(self, batch: PacketBatch) -> OpenPart:
        if self._waiting:
            return self._room(self._waiting[0])
        return self._for_packets(self._ends(batch), 0)[0]

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        ends, row = self._ends(batch), 0
        while row < batch.rows:
            part, stop = self._for_packets(ends, row)
            yield part, rows_of(batch, row, stop)
            row = stop

    def _for_packets(self, ends: Sequence[int], row: int) -> tuple[OpenPart, int]:
        """The part for the packets from this row on, and the row behind those that it takes."""
        part = self._current or self._parts.new()
        while True:
            room = self._most - self._ahead(part)
            stop = bisect_right(ends, ends[row] + room, row + 1) - 1
            if stop > row or part.bare:
                return part, max(stop, row + 1)
            part = self._next(part)

    def _ends(self, batch: PacketBatch) -> Sequence[int]:
        """Where each packet's bytes begin in a file that has all of them, and, last, where they end; counted from
        anywhere."""
        columns, rows, section = batch.columns, batch.rows, self._section
        copied = batch.layout == self._parts.format and (not self._pcap or (section is not None and section.raw))
        if copied and batch.contiguous:
            places = columns.record_at[:rows]
            places.append(batch.span()[1])
            return places
        lengths: Iterable[int]
        if not self._pcap:
            lengths = _block_lengths(batch)
        elif copied:
            lengths = columns.record_length[:rows]
        else:
            lengths = map(pcap.RECORD_SIZE.__add__, columns.captured_length[:rows])
        return list(accumulate(lengths, initial=0))

    def _room(self, *blocks: Block) -> OpenPart:
        part = self._current or self._parts.new()
        size = sum(self._size(block) for block in blocks)
        fits = self._pcap or part.bare or self._ahead(part) + size <= self._most
        return part if fits else self._next(part)

    def finish(self) -> None:
        """All items were there. Raises PcapconvError."""
        super().finish()
        if self._current is not None:
            self._compare(self._current)

    def _next(self, part: OpenPart) -> OpenPart:
        self._compare(part)
        self._parts.retire(part)
        return self._parts.new()

    def _compare(self, part: OpenPart) -> None:
        """Note a part that is larger than asked for, unless what is in it would be without headers, too."""
        size, headers = part.output.position, part.header_bytes or pcap.HEADER_SIZE
        if size > self._most and (headers > self._most or size - headers <= self._most):
            before = self.oversized or {"parts": 0, "header_bytes": 0}
            self.oversized = {"parts": before["parts"] + 1, "header_bytes": max(before["header_bytes"], headers)}

    def _ahead(self, part: OpenPart) -> int:
        """Bytes that the file has before anything else goes into it."""
        size = part.output.position + sum(self._size(item) for item, _ in self._missing(part))
        return size or pcap.HEADER_SIZE

    def _size(self, item: Section | Interface | Block) -> int:
        """Bytes that a block takes in the file; in pcap only the file header does."""
        if self._pcap:
            return len(item.raw or b"") if isinstance(item, Section) and item.layout == "pcap" else 0
        return block_size(item)


def _block_lengths(batch: PacketBatch) -> Iterable[int]:
    """The length of the pcapng block for each packet: that of its own block, or of one made from its fields."""
    columns, rows = batch.columns, batch.rows
    copied = columns.record_length[:rows] if batch.layout == "pcapng" else array("I", bytes(4 * rows))
    if 0 not in copied:
        return copied
    simple, others = pcapng.SHORTEST[pcapng.SIMPLE_PACKET], pcapng.SHORTEST[pcapng.ENHANCED_PACKET]
    return [
        length or (simple if kind == SIMPLE_PACKET else others + options) + (captured + 3 & ~3)
        for length, kind, captured, options in zip(
            copied, columns.record_type, columns.captured_length, columns.options_length
        )
    ]
