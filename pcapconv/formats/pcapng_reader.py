"""Reads pcapng: sections, interfaces, packets in batches, and every other block as bytes.

Strategy: the index kernel takes runs of sound packet blocks and stops at anything else; that one block is looked at
here, slowly and in full. Section lengths are never believed. After damage, reading goes on only at a block whose
beginning is certain: one whose two lengths agree, right behind a block that was delimited at least at its end. Where
an interface's block is among what was lost, later packets could be given to the wrong interface, so the rest of its
section is passed over.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator

from pcapconv.errors import FormatError
from pcapconv.formats import damaged_transfers
from pcapconv.formats.pcapng_items import interface_of, section_of
from pcapconv.formats.window import LARGEST_RECORD, Window
from pcapconv.io.source import WINDOW_SIZE
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL, OPTION_SUMS, OTHER, OVERRUNS
from pcapconv.model import Block, Columns, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng

_UNPADDED = "the lengths of packet blocks do not count their padding, as old programs had it; they are read as they are"
_UNREADABLE = "the options of {where} cannot be read to their end; they are kept as they are"


class _Skip:
    """A stretch that is passed over up to the next section."""

    def __init__(self, offset: int, reason: str, passed: int, section: int | None) -> None:
        self.section = section
        self.offset = offset
        self.reason = reason
        self.bytes = passed


class PcapngReader:
    """Items of a pcapng file. Raises FormatError where no section can be read at all."""

    format = "pcapng"

    def __init__(self, window: Window) -> None:
        self._window = window
        self._kernels = choose()
        self._columns = Columns(1 + len(window.buffer) // 40)
        self._packets = 0
        self._sections = 0
        self._section: Section | None = None
        self._interfaces: list[Interface] = []
        self._byte_order: ByteOrder = "little"
        self._skip: _Skip | None = None
        self._unread = ""
        self._unpadded_before = False
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """Everything in file order. See `pcapconv.model` for the items."""
        window = self._window
        self._check_start()
        while True:
            status = None
            if self._skip is None and self._section is not None:
                rows, end, status = self._kernels.index_pcapng(
                    window.buffer,
                    window.start,
                    window.stop,
                    self._columns,
                    self._byte_order == "big",
                    len(self._interfaces),
                    self._interfaces[0].snaplen if self._interfaces else 0,
                )
                if rows:
                    yield from self._with_notices(self._batch(window.buffer, self._columns, rows))
                    self._packets += rows
                    window.take(end - window.start)
            if status != FULL:
                if not window.fill(pcapng.BLOCK_OVERHEAD) and not window.available:
                    break
                yield from self._next_block(refused=status == OTHER)
        yield from self._end_skip()
        if self._section is None:
            raise FormatError(f"{window.name}: no section can be read: {self._unread}")

    def _check_start(self) -> None:
        window = self._window
        window.fill(damaged_transfers.FIXED)
        damaged_transfers.refuse_replacements(window.head(damaged_transfers.FIXED), window.name)
        first = window.head(pcapng.BLOCK_OVERHEAD)
        if window.available < 12:
            raise FormatError(f"{window.name}: the capture ends after {window.available} bytes, in its first block")
        if first[8:] not in pcapng.BYTE_ORDERS:
            raise FormatError(
                f"{window.name}: offset 8: the byte-order magic is 0x{first[8:].hex()}, "
                "neither 0x1a2b3c4d nor 0x4d3c2b1a"
            )

    def _next_block(self, *, refused: bool) -> Iterator[Item]:
        """Have the block at the window's start whole and take it, or say what is wrong with it.

        A packet block that the kernel has not `refused` is left to it.
        """
        window = self._window
        if window.available < pcapng.BLOCK_OVERHEAD:
            yield from self._stop(f"{window.available} bytes are left over, a block has at least 12")
            return
        head = bytes(window.buffer[window.start : window.start + 12])
        section_header = head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big")
        byte_order = self._byte_order
        if section_header:
            if head[8:] not in pcapng.BYTE_ORDERS:
                yield from self._stop(f"a Section Header Block whose byte-order magic is 0x{head[8:].hex()}")
                return
            byte_order = pcapng.BYTE_ORDERS[head[8:]]
        block_type = int.from_bytes(head[:4], byte_order)
        length = int.from_bytes(head[4:8], byte_order)
        if length < pcapng.BLOCK_OVERHEAD:
            yield from self._stop(f"block length {length} is below 12")
        elif length % 4:
            yield from self._unpadded(block_type, length, byte_order)
        elif length > LARGEST_RECORD:
            reason = f"block length {length} is more than the {LARGEST_RECORD} that pcapconv reads"
            yield from self._broken(block_type, length, byte_order, reason)
        elif window.left is not None and length > window.left:
            yield from self._stop(_cut_off(length, window.left))
        elif length > WINDOW_SIZE and not self._trailer_agrees(length, byte_order):
            yield from self._broken(block_type, length, byte_order, f"block length {length} is not repeated at its end")
        elif not window.fill(length):
            yield from self._stop(_cut_off(length, window.available))
        else:
            trailer = int.from_bytes(window.buffer[window.start + length - 4 : window.start + length], byte_order)
            if trailer != length:
                reason = f"block length {length} is {trailer} at the block's end"
                yield from self._broken(block_type, length, byte_order, reason)
            else:
                yield from self._sound(block_type, length, byte_order, refused)

    def _unpadded(self, block_type: int, length: int, byte_order: ByteOrder) -> Iterator[Item]:
        """A packet block whose length does not count its padding, as old writers had it; any other one is damage. It is
        read where its length stands again behind the padding and the next block is certain."""
        padded = length + 3 & ~3
        there = self._skip is None and block_type in pcapng.PACKET_BLOCKS and padded <= LARGEST_RECORD
        again = there and self._window.peek(padded - 4, 4) == length.to_bytes(4, byte_order)
        batch = None
        if again and self._certain(padded, byte_order) and self._window.fill(padded):
            batch = self._one_packet(length, padded)
        if batch is None:
            yield from self._broken(block_type, length, byte_order, f"block length {length} is not a multiple of 4")
            return
        if not self._unpadded_before:
            self._unpadded_before = True
            yield Notice(self._window.offset, _UNPADDED)
        yield from self._take_packet(batch, padded)

    def _one_packet(self, length: int, padded: int) -> PacketBatch | None:
        """The packet in the block at the window's start, which states `length` and takes `padded` bytes; None where the
        kernel would not take it, or where it is not the padding that makes the difference."""
        window = self._window
        raw = bytes(window.buffer[window.start : window.start + padded])
        right = padded.to_bytes(4, self._byte_order)
        columns = Columns(1)
        rows, _, _ = self._kernels.index_pcapng(
            raw[:4] + right + raw[8:-4] + right,
            0,
            padded,
            columns,
            self._byte_order == "big",
            len(self._interfaces),
            self._interfaces[0].snaplen if self._interfaces else 0,
        )
        if not rows or -columns.captured_length[0] % 4 != padded - length:
            return None
        return self._batch(raw, columns, 1)

    def _take_packet(self, batch: PacketBatch, taken: int) -> Iterator[Item]:
        offset, columns = self._window.offset, batch.columns
        self._window.take(taken)
        self._packets += 1
        yield batch
        stated = batch.buffer[columns.options_at[0] : columns.options_at[0] + columns.options_length[0]]
        yield from self._check_options(bytes(stated), offset, f"packet {batch.number(0)}")

    def _trailer_agrees(self, length: int, byte_order: ByteOrder) -> bool:
        """Look at a large block's end before its bytes are taken into memory; a pipe cannot, and hopes."""
        trailer = self._window.peek(length - 4, 4)
        return trailer is None or len(trailer) < 4 or int.from_bytes(trailer, byte_order) == length

    def _sound(self, block_type: int, length: int, byte_order: ByteOrder, refused: bool) -> Iterator[Item]:
        """A block that is all there, with two lengths that agree."""
        window = self._window
        offset, at = window.offset, window.start
        if block_type == pcapng.SECTION_HEADER:
            yield from self._end_skip()
            self._byte_order = byte_order
        elif self._skip is not None:
            self._skip.bytes += length
            window.take(length)
            return
        if length < pcapng.SHORTEST.get(block_type, pcapng.BLOCK_OVERHEAD):
            name, shortest = pcapng.block_name(block_type), pcapng.SHORTEST[block_type]
            yield from self._lost(
                block_type, length, f"a block of {length} bytes; {name} Blocks have at least {shortest}"
            )
            return
        if block_type in pcapng.PACKET_BLOCKS:
            if refused and block_type == pcapng.SIMPLE_PACKET and self._interfaces:
                yield from self._short_packet(length)
            elif refused:
                yield from self._lost(block_type, length, self._packet_fault(block_type, at, length))
            return
        body = memoryview(window.buffer)[at + 8 : at + length - 4].tobytes()
        window.take(length)
        if block_type == pcapng.SECTION_HEADER:
            yield from self._open_section(body, offset)
        elif block_type == pcapng.INTERFACE_DESCRIPTION:
            yield from self._open_interface(body, offset)
        else:
            assert self._section is not None
            block = Block(block_type, body, byte_order, self._section.number, offset)
            yield block
            if block.option_list.overrun:
                yield Notice(offset, _UNREADABLE.format(where=f"the {pcapng.block_name(block_type)} Block"))

    def _short_packet(self, length: int) -> Iterator[Item]:
        """A Simple Packet whose block holds fewer bytes than it claims: kept as far as it goes, and its original length
        with it, so that no reader of a copy expects more."""
        window, order = self._window, self._byte_order
        offset, at, room = window.offset, window.start, length - pcapng.SHORTEST[pcapng.SIMPLE_PACKET]
        columns = Columns(1)
        columns.record_type[0], columns.data_at[0] = pcapng.SIMPLE_PACKET, pcapng.DATA_AT[pcapng.SIMPLE_PACKET]
        columns.captured_length[0] = columns.original_length[0] = room
        claimed = min(int.from_bytes(window.buffer[at + 8 : at + 12], order), self._interfaces[0].snaplen or 2**32)
        reason = f"a Simple Packet of {claimed} bytes in a block with room for {room}, which are kept"
        damage = self._damage(offset, reason, 0)
        batch = self._batch(bytes(window.buffer[at : at + length]), columns, 1)
        batch.contiguous = False
        yield from self._take_packet(batch, length)
        yield damage

    def _batch(self, buffer: bytearray | bytes, columns: Columns, rows: int) -> PacketBatch:
        assert self._section is not None
        return PacketBatch(
            buffer,
            columns,
            rows,
            first_number=self._packets + 1,
            section=self._section,
            interfaces=self._interfaces,
        )

    def _packet_fault(self, block_type: int, at: int, length: int) -> str:
        """Why the index kernel did not take this packet block."""
        buffer, order = self._window.buffer, self._byte_order
        if block_type == pcapng.SIMPLE_PACKET:
            return "a Simple Packet in a section without an interface"
        captured = int.from_bytes(buffer[at + 20 : at + 24], order)
        if captured > length - 32:
            return f"captured length {captured} in a block with room for {length - 32} bytes"
        width = 2 if block_type == pcapng.OBSOLETE_PACKET else 4
        interface = int.from_bytes(buffer[at + 8 : at + 8 + width], order)
        return f"a packet of interface {interface}, but {len(self._interfaces)} are declared so far"

    def _open_section(self, body: bytes, offset: int) -> Iterator[Item]:
        order = self._byte_order
        major, minor = int.from_bytes(body[4:6], order), int.from_bytes(body[6:8], order)
        if (major, minor) not in pcapng.VERSIONS:
            reason = f"a section of pcapng version {major}.{minor}, pcapconv reads 1.0"
            self._pass_over(pcapng.SECTION_HEADER, offset, reason, len(body) + 12)
            return
        self._interfaces = []
        self._section = section_of(body, order, self._sections)
        self._sections += 1
        yield self._section
        yield from self._check_options(self._section.options, offset, "section")

    def _open_interface(self, body: bytes, offset: int) -> Iterator[Item]:
        assert self._section is not None
        number = len(self._interfaces)
        where = f"interface {number} of section {self._section.number}"
        interface = interface_of(body, self._byte_order, self._section.number, number)._replace(offset=offset)
        self._interfaces.append(interface)
        yield interface
        yield from self._check_options(interface.options, offset, where)
        stated = option_lists.OptionList(interface.options, self._byte_order)
        if sum(option.code == pcapng.IF_TSRESOL for option in stated) > 1:
            yield Notice(offset, f"{where} states if_tsresol more than once; the first counts")

    def _check_options(self, raw: bytes, offset: int, where: str) -> Iterator[Item]:
        if option_lists.OptionList(raw, self._byte_order).overrun:
            yield Notice(offset, _UNREADABLE.format(where=where))

    def _with_notices(self, batch: PacketBatch) -> Iterator[Item]:
        """The batch, with a notice behind each packet whose options cannot be read to their end."""
        first = 0
        for row, notice in self._unreadable_options(batch):
            yield batch.part(first, row + 1)
            yield notice
            first = row + 1
        if first < batch.rows:
            yield batch.part(first, batch.rows) if first else batch

    def _unreadable_options(self, batch: PacketBatch) -> list[tuple[int, Notice]]:
        """A notice, with its row, for each packet with options that cannot be read to their end."""
        if not batch.has_options:
            return []
        sums = array("Q", bytes(8 * OPTION_SUMS))
        self._kernels.sum_options(batch.buffer, batch.columns, batch.rows, self._byte_order == "big", sums)
        if not sums[OVERRUNS]:
            return []
        columns, shift = batch.columns, self._window.offset - self._window.start
        notices = []
        for row, length in enumerate(columns.options_length[: batch.rows]):
            at = columns.options_at[row]
            if length and option_lists.OptionList(batch.buffer[at : at + length], self._byte_order).overrun:
                where = f"packet {batch.number(row)}"
                notices.append((row, Notice(columns.record_at[row] + shift, _UNREADABLE.format(where=where))))
        return notices

    def _lost(self, block_type: int, length: int, reason: str) -> Iterator[Item]:
        """The block is well delimited but makes no sense: leave it out."""
        offset = self._window.offset
        self._window.take(length)
        if block_type in (pcapng.INTERFACE_DESCRIPTION, pcapng.SECTION_HEADER):
            self._pass_over(block_type, offset, reason, length)
        else:
            yield self._damage(offset, reason, length)

    def _broken(self, block_type: int, length: int, byte_order: ByteOrder, reason: str) -> Iterator[Item]:
        """The block's length is doubtful: go on behind it if a block certainly begins there, else stop."""
        window = self._window
        padded = length + 3 & ~3
        if not self._certain(padded, byte_order):
            yield from self._stop(reason)
            return
        if block_type == pcapng.SECTION_HEADER:
            self._byte_order = byte_order
        if self._skip is not None:
            self._skip.bytes += window.skip(padded)
            return
        reason += window.text_here()
        if block_type in (pcapng.INTERFACE_DESCRIPTION, pcapng.SECTION_HEADER):
            self._pass_over(block_type, window.offset, reason, window.skip(padded))
        else:
            offset = window.offset
            yield self._damage(offset, reason, window.skip(padded))

    def _certain(self, distance: int, byte_order: ByteOrder) -> bool:
        """Whether so many bytes ahead there stands a block whose two lengths agree, or the capture's end."""
        window = self._window
        if window.left is not None and distance == window.left:
            return True
        head = window.peek(distance, 12)
        if head == b"" and window.left is None:  # a pipe, which is in the window to its end now
            return distance == window.available
        if head is None or len(head) < 12:
            return False
        if head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big"):
            if head[8:] not in pcapng.BYTE_ORDERS:
                return False
            byte_order = pcapng.BYTE_ORDERS[head[8:]]
        length = int.from_bytes(head[4:8], byte_order)
        if not pcapng.BLOCK_OVERHEAD <= length <= LARGEST_RECORD:
            return False
        return window.peek(distance + (length + 3 & ~3) - 4, 4) == head[4:8]  # also where it does not count its padding

    def _stop(self, reason: str) -> Iterator[Item]:
        """Nothing behind this place is certain: leave out all the rest."""
        window = self._window
        offset = window.offset
        reason += window.text_here()
        left = window.leave_rest()
        if self._skip is not None:
            self._skip.bytes += left
            self._skip.reason += f"; then at offset {offset} {reason}"
        else:
            self._unread = self._unread or reason
            yield self._damage(offset, reason, left)

    def _damage(self, offset: int, reason: str, left_out: int) -> Damage:
        return Damage(offset, self._packets + 1, reason, left_out, self._section.number if self._section else None)

    def _pass_over(self, block_type: int, offset: int, reason: str, passed: int) -> None:
        """Leave out everything up to the next section, because of this block."""
        inside = self._section is not None and block_type != pcapng.SECTION_HEADER
        self._skip = _Skip(offset, reason, passed, self._section.number if self._section and inside else None)
        self._unread = self._unread or reason

    def _end_skip(self) -> Iterator[Item]:
        if self._skip is not None:
            skip, self._skip = self._skip, None
            yield Damage(skip.offset, self._packets + 1, skip.reason, skip.bytes, skip.section)


def _cut_off(length: int, left: int) -> str:
    return f"a block of {length} bytes, but {left} are left: the capture is cut off or corrupt"
