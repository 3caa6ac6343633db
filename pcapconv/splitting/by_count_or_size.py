"""Splits by number of packets or by file size: a part gets packets that follow each other in the capture."""

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
from pcapconv.splitting.splitter import Splitter, slice_rows


class ByCount(Splitter):
    """Begins a new part after `most` packets."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most

    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:  # noqa: ARG002 - any packet counts as one
        return self._part_with_room()

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        row = 0
        while row < batch.rows:
            part = self._part_with_room()
            stop = min(batch.rows, row + self._most - part.packets)
            yield part, slice_rows(batch, row, stop)
            row = stop

    def _part_with_room(self) -> OpenPart:
        part = self._current
        if part is not None and part.packets < self._most:
            return part
        if part is not None:
            self._parts.end_part(part)
        return self._parts.new_part()


class BySize(Splitter):
    """Begins a new part before a packet, or another block, that would make the file larger than `most` bytes. A part
    that has only shared blocks gets the next packet or block in any case."""

    def __init__(self, parts: OpenParts, most: int) -> None:
        super().__init__(parts)
        self._most = most
        self._pcap = parts.format == "pcap"

    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:
        if self._waiting:
            return self._part_with_room_for(self._waiting[0])
        return self._part_and_stop(self._packet_ends(batch), 0)[0]

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        ends, row = self._packet_ends(batch), 0
        while row < batch.rows:
            part, stop = self._part_and_stop(ends, row)
            yield part, slice_rows(batch, row, stop)
            row = stop

    def _part_and_stop(self, ends: Sequence[int], row: int) -> tuple[OpenPart, int]:
        """The part for the packets from this row on, and the row at which the part is full. `ends` is the result of
        `_packet_ends`."""
        part = self._current or self._parts.new_part()
        while True:
            room = self._most - self._size_before_next(part)
            stop = bisect_right(ends, ends[row] + room, row + 1) - 1
            if stop > row or part.has_only_shared:
                return part, max(stop, row + 1)
            part = self._next_part(part)

    def _packet_ends(self, batch: PacketBatch) -> Sequence[int]:
        """The offsets at which the packets of the batch would begin in a file, and, last, the offset at which the last
        packet would end. Only the differences between these offsets have a meaning."""
        columns, rows, section = batch.columns, batch.rows, self._section
        copied = batch.layout == self._parts.format and (not self._pcap or (section is not None and section.raw))
        if copied and batch.contiguous:
            offsets = columns.record_at[:rows]
            offsets.append(batch.span()[1])
            return offsets
        lengths: Iterable[int]
        if not self._pcap:
            lengths = _block_lengths(batch)
        elif copied:
            lengths = columns.record_length[:rows]
        else:
            lengths = map(pcap.RECORD_SIZE.__add__, columns.captured_length[:rows])
        return list(accumulate(lengths, initial=0))

    def _part_with_room_for(self, *blocks: Block) -> OpenPart:
        part = self._current or self._parts.new_part()
        size = sum(self._size_of(block) for block in blocks)
        fits = self._pcap or part.has_only_shared or self._size_before_next(part) + size <= self._most
        return part if fits else self._next_part(part)

    def finish(self) -> None:
        """See `Splitter.finish`."""
        super().finish()
        if self._current is not None:
            self._note_oversized(self._current)

    def _next_part(self, part: OpenPart) -> OpenPart:
        """End a part that is full, and open the next part."""
        self._note_oversized(part)
        self._parts.end_part(part)
        return self._parts.new_part()

    def _note_oversized(self, part: OpenPart) -> None:
        """Note in `oversized` a part that is larger than `most` because of its shared blocks."""
        size, headers = part.output.position, part.header_bytes or pcap.HEADER_SIZE
        if size > self._most and (headers > self._most or size - headers <= self._most):
            before = self.oversized or {"parts": 0, "header_bytes": 0}
            self.oversized = {"parts": before["parts"] + 1, "header_bytes": max(before["header_bytes"], headers)}

    def _size_before_next(self, part: OpenPart) -> int:
        """The size of the part's file before the next packet or block, with the shared blocks that it lacks."""
        size = part.output.position + sum(self._size_of(item) for item, _ in self._missing_shared_blocks(part))
        return size or pcap.HEADER_SIZE

    def _size_of(self, item: Section | Interface | Block) -> int:
        """The number of bytes that a block takes in the file; in pcap, 0 for all but the file header."""
        if self._pcap:
            return len(item.raw or b"") if isinstance(item, Section) and item.layout == "pcap" else 0
        return block_size(item)


def _block_lengths(batch: PacketBatch) -> Iterable[int]:
    """The length of the pcapng block for each packet: of its own block, or of the block made from its fields."""
    columns, rows = batch.columns, batch.rows
    copied = columns.record_length[:rows] if batch.layout == "pcapng" else array("I", bytes(4 * rows))
    if 0 not in copied:
        return copied
    simple, enhanced = pcapng.SHORTEST[pcapng.SIMPLE_PACKET], pcapng.SHORTEST[pcapng.ENHANCED_PACKET]
    return [
        length or (simple if record_type == SIMPLE_PACKET else enhanced + options) + (captured + 3 & ~3)
        for length, record_type, captured, options in zip(
            copied, columns.record_type, columns.captured_length, columns.options_length
        )
    ]
