"""Reads pcapng: sections, interfaces, packets in batches, and every other block as bytes.

Strategy: the index kernel takes runs of sound packet blocks and stops at any other block, which is checked here, slowly
and in full. Section lengths are never trusted. After damage, reading goes on only where a block certainly begins: at
the end that the damaged block's length gives, if the two lengths of the block there agree. If an interface's block was
lost, later packets could be given to the wrong interface, so everything up to the next section is skipped. If packets
are to be salvaged, `pcapng_salvage` finds the next block instead, and only what is uncertain behind it is left out.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapconv.errors import FormatError
from pcapconv.formats import damaged_transfers
from pcapconv.formats.pcapng_items import parse_interface, parse_section
from pcapconv.formats.rereading import SectionPackets
from pcapconv.formats.window import LARGEST_RECORD, Window
from pcapconv.io.source import WINDOW_SIZE
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL, NOT_A_RECORD, OPTION_SUMS, OVERRUNS
from pcapconv.model import Block, Columns, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.formats.pcapng_salvage import PcapngSalvage

_USUAL_BLOCK = 80  # bytes; of blocks that are shorter, a batch has fewer than the window holds
_UNPADDED = "the lengths of packet blocks do not count their padding, as old programs had it; they are read as they are"
_UNREADABLE = "the options of {where} cannot be read to their end; they are kept as they are"


class _Skip:
    """A stretch of the file that is skipped, up to the next section.

    `bytes` is the size of the stretch so far, `packets` the number of sound packet blocks in it, `section` the number
    of the section to which it belongs, None if a whole section is skipped.
    """

    def __init__(self, offset: int, reason: str, size: int, section: int | None) -> None:
        self.section = section
        self.offset = offset
        self.reason = reason
        self.bytes = size
        self.packets = 0


class PcapngReader:
    """The reader of a pcapng file. With `salvage`, packets behind damage are read. `losses` stays empty: its items hold
    everything that can be read."""

    format = "pcapng"
    compression: str | None = None

    def __init__(self, window: Window, *, salvage: bool = False) -> None:
        self._window = window
        self._kernels = choose()
        self._salvage: PcapngSalvage | None = None
        if salvage:
            from pcapconv.formats.pcapng_salvage import PcapngSalvage  # rarely needed

            self._salvage = PcapngSalvage(window, self._kernels)
        self._columns = Columns(1 + len(window.buffer) // _USUAL_BLOCK)
        self._packets = 0
        self._sections = 0
        self._section: Section | None = None
        self._interfaces: list[Interface] = []
        self._stored_packets: SectionPackets | None = None  # those of the section
        self._byte_order: ByteOrder = "little"
        self._skip: _Skip | None = None
        self._first_fault = ""  # the first reason for which something was left out
        self._unpadded_before = False  # whether an earlier block's length did not count its padding
        self.buffer_offset = 0
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """Yield everything in file order. Raises FormatError if no section can be read at all."""
        window = self._window
        self._check_first_block()
        while True:
            status = None
            if self._skip is None and self._section is not None:
                known, order = self._interfaces, self._byte_order
                certain = None if self._salvage is None else self._salvage.indexed(known)
                rows, end, status = _index(
                    window.buffer, window.start, window.stop, self._columns, order, known, certain
                )
                if rows:
                    self.buffer_offset = window.offset - window.start
                    batch: PacketBatch | None = self._batch(window.buffer, self._columns, rows)
                    if batch is not None and self._salvage is not None:
                        batch = self._salvage.certain(batch)
                    elif batch is not None:
                        batch.stored_packets, batch.buffer_offset = self._stored_packets, self.buffer_offset
                    if batch is not None:
                        yield from self._with_notices(batch)
                        self._packets += batch.rows
                    window.take(end - window.start)
            if status != FULL:
                if not window.fill(pcapng.BLOCK_OVERHEAD) and not window.available:
                    break
                yield from self._next_block(refused=status == NOT_A_RECORD)
        yield from self._end_section()
        if self._section is None:
            raise FormatError(f"{window.name}: no section can be read: {self._first_fault}", path=window.name)

    def _check_first_block(self) -> None:
        """Raise FormatError if the file does not begin with a Section Header Block, or shows a damaged transfer."""
        window = self._window
        window.fill(damaged_transfers.SECTION_HEADER_SIZE)
        damaged_transfers.refuse_replacement_characters(window.head(damaged_transfers.SECTION_HEADER_SIZE), window.name)
        first = window.head(pcapng.BLOCK_OVERHEAD)
        if window.available < 12:
            raise FormatError(
                f"{window.name}: the capture ends after {window.available} bytes, in its first block",
                path=window.name,
                offset=window.available,
            )
        if first[8:] not in pcapng.BYTE_ORDERS:
            raise FormatError(
                f"{window.name}: offset 8: the byte-order magic is 0x{first[8:].hex()}, "
                "neither 0x1a2b3c4d nor 0x4d3c2b1a",
                path=window.name,
                offset=8,
            )

    def _next_block(self, *, refused: bool) -> Iterator[Item]:
        """Get the whole block at the window's start into the window and take the block, or yield what is wrong with it.

        `refused` is true if the kernel refused the block. A packet block that was not refused is left to the kernel.
        """
        window = self._window
        if window.available < pcapng.BLOCK_OVERHEAD:
            yield from self._leave_out_rest(f"{window.available} bytes are left over, a block has at least 12")
            return
        head = bytes(window.buffer[window.start : window.start + 12])
        section_header = head[:4] == pcapng.SECTION_HEADER.to_bytes(4, "big")
        byte_order = self._byte_order
        if section_header:
            if head[8:] not in pcapng.BYTE_ORDERS:
                yield from self._leave_out_all(f"a Section Header Block whose byte-order magic is 0x{head[8:].hex()}")
                return
            byte_order = pcapng.BYTE_ORDERS[head[8:]]
        block_type = int.from_bytes(head[:4], byte_order)
        length = int.from_bytes(head[4:8], byte_order)
        if length < pcapng.BLOCK_OVERHEAD:
            yield from self._leave_out_all(f"block length {length} is below 12")
        elif length % 4:
            yield from self._read_unpadded(block_type, length, byte_order)
        elif length > LARGEST_RECORD:
            reason = f"block length {length} is more than the {LARGEST_RECORD} that pcapconv reads"
            yield from self._leave_out_doubtful(block_type, length, byte_order, reason)
        elif window.remaining is not None and length > window.remaining:
            yield from self._leave_out_rest(_cut_off(length, window.remaining))
        elif length > WINDOW_SIZE and not self._trailer_agrees(length, byte_order):
            reason = f"block length {length} is not repeated at its end"
            yield from self._leave_out_doubtful(block_type, length, byte_order, reason)
        elif not window.fill(length):
            yield from self._leave_out_rest(_cut_off(length, window.available))
        else:
            trailer = int.from_bytes(window.buffer[window.start + length - 4 : window.start + length], byte_order)
            if trailer != length:
                reason = f"block length {length} is {trailer} at the block's end"
                yield from self._leave_out_doubtful(block_type, length, byte_order, reason)
            else:
                yield from self._read_block(block_type, length, byte_order, refused)

    def _read_unpadded(self, block_type: int, length: int, byte_order: ByteOrder) -> Iterator[Item]:
        """Read a packet block whose length does not count its padding, as old programs wrote it; any other block is
        damage. The length must be repeated after the padding, and a block must certainly begin after that."""
        padded = length + 3 & ~3
        possible = self._skip is None and block_type in pcapng.PACKET_BLOCKS and padded <= LARGEST_RECORD
        repeated = possible and self._window.peek(padded - 4, 4) == length.to_bytes(4, byte_order)
        batch = None
        if repeated and self._block_begins_at(padded, byte_order) and self._window.fill(padded):
            batch = self._unpadded_packet(length, padded)
        if batch is None:
            reason = f"block length {length} is not a multiple of 4"
            yield from self._leave_out_doubtful(block_type, length, byte_order, reason)
            return
        if not self._unpadded_before:
            self._unpadded_before = True
            yield Notice(self._window.offset, _UNPADDED)
        yield from self._take_packet(batch, padded)

    def _unpadded_packet(self, length: int, padded: int) -> PacketBatch | None:
        """The packet in the block at the window's start, which states `length` but has `padded` bytes; None if the
        kernel does not take the block with the right length, or if the difference is not the padding."""
        window = self._window
        raw = bytes(window.buffer[window.start : window.start + padded])
        right_length = padded.to_bytes(4, self._byte_order)
        columns = Columns(1)
        whole = raw[:4] + right_length + raw[8:-4] + right_length
        rows, _, _ = _index(whole, 0, padded, columns, self._byte_order, self._interfaces)
        if not rows or -columns.captured_length[0] % 4 != padded - length:
            return None
        return self._batch(raw, columns, 1)

    def _take_packet(self, batch: PacketBatch, size: int) -> Iterator[Item]:
        """Take the block of a batch of one packet, which has `size` bytes."""
        offset, columns = self._window.offset, batch.columns
        self._window.take(size)
        self._packets += 1
        self.buffer_offset = offset
        yield batch
        options = batch.buffer[columns.options_at[0] : columns.options_at[0] + columns.options_length[0]]
        yield from self._check_options(bytes(options), offset, f"packet {batch.number(0)}")

    def _trailer_agrees(self, length: int, byte_order: ByteOrder) -> bool:
        """Whether a large block's length is repeated at its end, looked up before its bytes are read into memory; True
        if a pipe cannot look so far ahead."""
        trailer = self._window.peek(length - 4, 4)
        return trailer is None or len(trailer) < 4 or int.from_bytes(trailer, byte_order) == length

    def _read_block(self, block_type: int, length: int, byte_order: ByteOrder, refused: bool) -> Iterator[Item]:
        """Read a block that is whole in the window and whose two lengths agree."""
        window = self._window
        offset, at = window.offset, window.start
        if block_type == pcapng.SECTION_HEADER:
            yield from self._end_section()
            self._byte_order = byte_order
        elif self._skip is not None:
            self._skip.bytes += length
            self._skip.packets += block_type in pcapng.PACKET_BLOCKS
            window.take(length)
            return
        if length < pcapng.SHORTEST.get(block_type, pcapng.BLOCK_OVERHEAD):
            name, shortest = pcapng.block_name(block_type), pcapng.SHORTEST[block_type]
            reason = f"a block of {length} bytes; {name} Blocks have at least {shortest}"
            yield from self._leave_out_block(block_type, length, reason)
            return
        if block_type in pcapng.PACKET_BLOCKS:
            if refused and block_type == pcapng.SIMPLE_PACKET and self._interfaces:
                yield from self._read_short_packet(length)
            elif refused:
                yield from self._leave_out_block(block_type, length, self._packet_fault(block_type, at, length))
            return
        body = memoryview(window.buffer)[at + 8 : at + length - 4].tobytes()
        window.take(length)
        if block_type == pcapng.SECTION_HEADER:
            yield from self._open_section(body, offset)
        elif block_type == pcapng.INTERFACE_DESCRIPTION:
            if self._salvage is not None and self._salvage.uncertain_from is not None:
                self._salvage.leave_out(offset, length, interface=True)
            else:
                yield from self._open_interface(body, offset)
        else:
            assert self._section is not None
            block = Block(block_type, body, byte_order, self._section.number, offset)
            yield block
            if block.option_list.overrun:
                yield Notice(offset, _UNREADABLE.format(where=f"the {pcapng.block_name(block_type)} Block"))

    def _read_short_packet(self, length: int) -> Iterator[Item]:
        """Read a Simple Packet that claims more bytes than its block has: keep the bytes in the block, and make their
        number the original length, so that no reader of a copy expects more."""
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
        """A batch of the next packets."""
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
        declared = len(self._interfaces)
        if not declared:
            return f"a packet of interface {interface}, but no interface is declared"
        verb = "is" if declared == 1 else "are"
        return f"a packet of interface {interface}, but only {counted(declared, 'interface')} {verb} declared"

    def _open_section(self, body: bytes, offset: int) -> Iterator[Item]:
        order = self._byte_order
        major, minor = int.from_bytes(body[4:6], order), int.from_bytes(body[6:8], order)
        if (major, minor) not in pcapng.VERSIONS:
            reason = f"a section of pcapng version {major}.{minor}, pcapconv reads 1.0"
            self._begin_skip(pcapng.SECTION_HEADER, offset, reason, len(body) + 12)
            return
        self._interfaces = []
        self._section = parse_section(body, order, self._sections)._replace(offset=offset)
        self._sections += 1
        if self._window.can_read_again:
            interfaces = self._interfaces
            self._stored_packets = SectionPackets(
                self._window,
                self._section,
                interfaces,
                lambda buffer, stop, columns: _index(buffer, 0, stop, columns, order, interfaces)[:2],
            )
        yield self._section
        yield from self._check_options(self._section.raw_options, offset, "section")

    def _open_interface(self, body: bytes, offset: int) -> Iterator[Item]:
        assert self._section is not None
        number = len(self._interfaces)
        where = f"interface {number} of section {self._section.number}"
        interface = parse_interface(body, self._byte_order, self._section.number, number)._replace(offset=offset)
        self._interfaces.append(interface)
        yield interface
        yield from self._check_options(interface.raw_options, offset, where)
        options = option_lists.OptionList(interface.raw_options, self._byte_order)
        if sum(option.code == pcapng.IF_TSRESOL for option in options) > 1:
            yield Notice(offset, f"{where} states if_tsresol more than once; the first counts")

    def _check_options(self, raw: bytes, offset: int, where: str) -> Iterator[Item]:
        """Yield a notice if the options of the block at this offset cannot be read to their end."""
        if option_lists.OptionList(raw, self._byte_order).overrun:
            yield Notice(offset, _UNREADABLE.format(where=where))

    def _with_notices(self, batch: PacketBatch) -> Iterator[Item]:
        """Yield the batch, cut so that a notice comes after each packet whose options cannot be read to their end."""
        first = 0
        for row, notice in self._unreadable_options(batch):
            yield batch.slice(first, row + 1)
            yield notice
            first = row + 1
        if first < batch.rows:
            yield batch.slice(first, batch.rows) if first else batch

    def _unreadable_options(self, batch: PacketBatch) -> list[tuple[int, Notice]]:
        """Row and notice for each packet whose options cannot be read to their end."""
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

    def _leave_out_block(self, block_type: int, length: int, reason: str) -> Iterator[Item]:
        """Leave out a block whose lengths agree but whose contents make no sense."""
        offset = self._window.offset
        self._window.take(length)
        yield from self._note_left_out(block_type, offset, reason, length)

    def _note_left_out(self, block_type: int, offset: int, reason: str, size: int) -> Iterator[Item]:
        """Yield the damage for a block of `size` bytes that was left out, or skip what follows up to the next section
        if the block declared an interface or a section. While salvaging, only the ids of interfaces behind a block that
        declared one are uncertain."""
        if block_type == pcapng.INTERFACE_DESCRIPTION and self._salvage is not None:
            self._salvage.note_stretch(offset)
            yield self._damage(offset, reason, size)
        elif block_type in (pcapng.INTERFACE_DESCRIPTION, pcapng.SECTION_HEADER):
            self._begin_skip(block_type, offset, reason, size)
        else:
            yield self._damage(offset, reason, size)

    def _leave_out_doubtful(self, block_type: int, length: int, byte_order: ByteOrder, reason: str) -> Iterator[Item]:
        """Leave out a block whose length is doubtful, if another block certainly begins after it; else leave out
        everything to the end."""
        window = self._window
        padded = length + 3 & ~3
        if not self._block_begins_at(padded, byte_order) or self._is_implausible_packet(block_type, padded):
            yield from self._leave_out_all(reason)
            return
        if block_type == pcapng.SECTION_HEADER:
            self._byte_order = byte_order
        if self._skip is not None:
            self._skip.bytes += window.skip(padded)
            return
        reason += window.text_remark()
        offset = window.offset
        yield from self._note_left_out(block_type, offset, reason, window.skip(padded))

    def _is_implausible_packet(self, block_type: int, length: int) -> bool:
        """Whether, while salvaging, a packet block cannot have this length, which may lead into its own data."""
        salvage, order, interfaces = self._salvage, self._byte_order, self._interfaces
        if salvage is None or block_type not in (pcapng.ENHANCED_PACKET, pcapng.OBSOLETE_PACKET):
            return False
        return not (salvage.is_plausible(length, order, interfaces) and salvage.begins_at(length, order, interfaces))

    def _block_begins_at(self, distance: int, byte_order: ByteOrder) -> bool:
        """Whether a block whose two lengths agree, or the capture's end, is `distance` bytes ahead."""
        window = self._window
        if window.remaining is not None and distance == window.remaining:
            return True
        head = window.peek(distance, 12)
        if head == b"" and window.remaining is None:  # a pipe, all of which is in the window now
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
        return window.peek(distance + (length + 3 & ~3) - 4, 4) == head[4:8]  # a length may not count its padding

    def _leave_out_rest(self, reason: str) -> Iterator[Item]:
        """Leave out a block of which only a part came. That is no damage if Ctrl-C ended a pipe."""
        if self._window.interrupted:
            self._first_fault = self._first_fault or reason
            self._window.skip_to_end()
        elif self._salvage is not None and self._is_cut_off_packet():
            yield self._damage(self._window.offset, reason, self._window.skip_to_end())
        else:
            yield from self._leave_out_all(reason)

    def _is_cut_off_packet(self) -> bool:
        """Whether, while salvaging, all that remains is the data of one packet."""
        salvage = self._salvage if self._skip is None else None
        return salvage is not None and salvage.is_cut_off(self._byte_order, self._interfaces)

    def _leave_out_all(self, reason: str) -> Iterator[Item]:
        """Leave out everything from here to the end, since it cannot be known where the next block begins; while
        salvaging, up to the next block that is found."""
        window = self._window
        offset = window.offset
        reason += window.text_remark()
        if self._salvage is not None:
            yield from self._leave_out_stretch(reason)
            return
        size = window.skip_to_end()
        if self._skip is not None:
            self._skip.bytes += size
            self._skip.reason += f"; then at offset {offset} {reason}"
        else:
            self._first_fault = self._first_fault or reason
            yield self._damage(offset, reason, size)

    def _leave_out_stretch(self, reason: str) -> Iterator[Item]:
        """Leave out what precedes the next block that can be salvaged."""
        assert self._salvage is not None
        window, offset = self._window, self._window.offset
        size, lost_section = self._salvage.find(self._byte_order, self._interfaces)
        self._first_fault = self._first_fault or reason
        if self._skip is not None:
            self._skip.bytes += size
            return
        yield self._damage(offset, reason, size)
        self._salvage.note_stretch(offset)
        section_follows = window.head(4) == pcapng.SECTION_HEADER.to_bytes(4, "big")
        if (lost_section or self._section is None) and window.available and not section_follows:
            why = f"a section may have begun in the damage at offset {offset}; all up to the next one is unclear"
            self._skip = _Skip(window.offset, why, 0, self._section.number if self._section else None)

    def _damage(self, offset: int, reason: str, left_out: int) -> Damage:
        return Damage(offset, self._packets + 1, reason, left_out, self._section.number if self._section else None)

    def _begin_skip(self, block_type: int, offset: int, reason: str, size: int) -> None:
        """Skip everything up to the next section, because of this block of `size` bytes."""
        inside = self._section is not None and block_type != pcapng.SECTION_HEADER
        self._skip = _Skip(offset, reason, size, self._section.number if self._section and inside else None)
        self._first_fault = self._first_fault or reason

    def _end_skip(self) -> Iterator[Item]:
        """Yield the damage for the bytes that were skipped, if any were."""
        if self._skip is not None:
            skip, self._skip = self._skip, None
            reason = skip.reason
            if self._salvage is not None and skip.packets:
                reason += f"; there {'is' if skip.packets == 1 else 'are'} {counted(skip.packets, 'packet')} in it"
            yield Damage(skip.offset, self._packets + 1, reason, skip.bytes, skip.section)

    def _end_section(self) -> Iterator[Item]:
        """Yield the damage for what was left out of a section up to its end."""
        yield from self._end_skip()
        salvage = self._salvage
        if salvage is None:
            return
        if salvage.packets or salvage.interfaces:
            kinds = (salvage.packets, "packet"), (salvage.interfaces, "interface")
            what = " and ".join(counted(*kind) for kind in kinds if kind[0])
            reason = f"{what} with ids that were not declared before the damage at offset {salvage.uncertain_from}"
            yield self._damage(salvage.first_at, reason, salvage.bytes)
        salvage.begin_section()


def _index(
    buffer: bytearray | bytes,
    start: int,
    stop: int,
    columns: Columns,
    order: ByteOrder,
    interfaces: list[Interface],
    certain: int | None = None,
) -> tuple[int, int, int]:
    """Index packet blocks, as the kernel `index_pcapng` does: those of the first `certain` interfaces, or of all."""
    snaplen, known = interfaces[0].snaplen if interfaces else 0, len(interfaces) if certain is None else certain
    indexed: tuple[int, int, int] = choose().index_pcapng(buffer, start, stop, columns, order == "big", known, snaplen)
    return indexed


def _cut_off(length: int, remaining: int) -> str:
    return f"a block of {length} bytes, but {remaining} are left: the capture is cut off or corrupt"
