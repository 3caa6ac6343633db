"""Writes pcapng: copies items that were pcapng and did not change, and makes blocks from the fields of other items.

Strategy: in the layout `pcapng`, an item that has its raw bytes and a row that has a record are copied. A block that is
made contains nothing that depends on host, day, version or path.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv.errors import TargetError
from pcapconv.formats.record_copies import write_records
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.spec.byte_orders import options_in
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.timestamps import MICROSECONDS, tsresol_byte


class PcapngWriter:
    """The writer of a pcapng file: `write` takes items in file order, then `finish`. `losses` counts by kind what
    pcapng cannot hold."""

    format = "pcapng"
    link_type = None
    zeros_at_end = 0

    def __init__(self, output: BufferedOutput) -> None:
        self._output = output
        self._kernels = choose()
        self._section: Section | None = None
        self._section_at = 0
        self._size_may_differ = False  # whether the section may have another size than it states
        self._wrong_lengths = array("Q")  # offsets of section lengths that have become wrong
        self.losses: Counter[str] = Counter()
        self.packets = 0
        self.has_other_interfaces = False

    def write(self, item: Item) -> None:
        """Write one item. Raises TargetError for a packet whose block would be too large, and FileError if the output
        cannot be written."""
        match item:
            case PacketBatch():
                self._write_batch(item)
            case Block():
                self._write_block(item.type, item.body, item.byte_order)
            case Section():
                self._write_section(item)
            case Interface():
                body = item.raw if item.raw is not None and item.layout == "pcapng" else interface_body(item)
                self._write_block(pcapng.INTERFACE_DESCRIPTION, body, item.byte_order)
            case Damage():
                if self._section is not None and item.section == self._section.number:
                    self._size_may_differ = True
            case Notice():
                pass

    def finish(self) -> None:
        """Complete the output. A section that no longer has the length that it states gets section length -1 (not
        stated), if the output is seekable. Raises FileError."""
        self._close_section()
        patches = ((position, pcapng.UNKNOWN_LENGTH) for position in self._wrong_lengths)
        self._output.finish(patches if self._output.seekable else ())

    def _write_block(self, block_type: int, body: bytes, byte_order: ByteOrder) -> None:
        """Write a block: its type, its length, the body, which is padded already, and the length again."""
        length = (pcapng.BLOCK_OVERHEAD + len(body)).to_bytes(4, byte_order)
        for piece in (block_type.to_bytes(4, byte_order) + length, body, length):
            self._output.write(piece)

    def _close_section(self) -> None:
        """Remember where the section's length is stated, if the section has another length now."""
        if not self._size_may_differ or self._section is None or self._section.raw is None:
            return
        self._size_may_differ = False
        body = self._section.raw
        stated = int.from_bytes(body[8:16], self._section.byte_order, signed=True)
        written = self._output.position - self._section_at - pcapng.BLOCK_OVERHEAD - len(body)
        if stated not in (-1, written):
            self._wrong_lengths.append(self._section_at + pcapng.SECTION_LENGTH_AT)

    def _write_section(self, section: Section) -> None:
        self._close_section()
        self.losses.update(section.format_only)
        self._section, self._section_at = section, self._output.position
        body = section.raw if section.raw is not None and section.layout == "pcapng" else section_body(section)
        self._size_may_differ = section.changed and self._output.seekable
        if section.changed and not self._output.seekable:  # the length cannot be corrected later
            body = body[:8] + pcapng.UNKNOWN_LENGTH + body[pcapng.SECTION_OPTIONS_AT :]
        self._write_block(pcapng.SECTION_HEADER, body, section.byte_order)

    def _write_batch(self, batch: PacketBatch) -> None:
        self.packets += batch.rows
        if batch.contiguous and batch.layout == "pcapng":
            write_records(self._output, batch)
            return
        if batch.layout != "pcapng":
            self.losses.update(batch.format_only)
        output, row, big = self._output, 0, batch.section.byte_order == "big"
        copy = batch.layout == "pcapng"
        while row < batch.rows:
            row, output.at, status = self._kernels.encode_pcapng(
                batch.buffer, batch.columns, row, batch.rows, output.buffer, output.at, big, copy
            )
            if status == FULL:
                columns = batch.columns
                made = 36 + columns.captured_length[row] + columns.options_length[row]
                if made > LARGEST_RECORD and not (copy and columns.record_length[row]):
                    raise TargetError(
                        f"packet {batch.number(row)}: its block would have {made} bytes or so, more than the "
                        f"{LARGEST_RECORD} that pcapconv reads",
                        packet_number=batch.number(row),
                    )
                size = max(made, columns.record_length[row])  # a Simple Packet that is copied may be longer
                if not output.make_room(size):
                    self._write_long(batch, row, copy=copy)
                    row += 1

    def _write_long(self, batch: PacketBatch, row: int, *, copy: bool) -> None:
        """Write a packet that is too large for an output buffer: copy its record, or make the block around its bytes.
        The bytes are written straight from the batch's buffer."""
        columns, order = batch.columns, batch.section.byte_order
        captured = columns.captured_length[row]
        with memoryview(batch.buffer) as buffer:
            if copy and columns.record_length[row]:
                at = columns.record_at[row]
                self._output.write(buffer[at : at + columns.record_length[row]])
                return
            empty = columns.copy(row, row + 1)
            empty.captured_length[0] = 0
            block = bytearray(36 + columns.options_length[row])
            _, end, _ = self._kernels.encode_pcapng(batch.buffer, empty, 0, 1, block, 0, order == "big", False)
            simple = columns.record_type[row] == SIMPLE_PACKET
            at = pcapng.DATA_AT[pcapng.SIMPLE_PACKET if simple else pcapng.ENHANCED_PACKET]
            padding = bytes(-captured & 3)
            block[4:8] = block[end - 4 : end] = (end + captured + len(padding)).to_bytes(4, order)
            if not simple:
                block[pcapng.CAPTURED_LENGTH_AT : pcapng.CAPTURED_LENGTH_AT + 4] = captured.to_bytes(4, order)
            self._output.write(block[:at])
            self._output.write(buffer[columns.data_at[row] : columns.data_at[row] + captured])
            self._output.write(padding + block[at:end])


def block_size(item: Section | Interface | Block) -> int:
    """The size in bytes of the block that is written for an item."""
    if isinstance(item, Block):
        body = item.body
    elif item.raw is not None and item.layout == "pcapng":
        body = item.raw
    else:
        body = section_body(item) if isinstance(item, Section) else interface_body(item)
    return pcapng.BLOCK_OVERHEAD + len(body)


def section_body(section: Section) -> bytes:
    """The body of a Section Header Block made from the section's fields: its version (1.0 for a pcap file), section
    length -1 (not stated), and its options."""
    order = section.byte_order
    version = section.version if section.layout == "pcapng" else (1, 0)
    numbers = version[0].to_bytes(2, order) + version[1].to_bytes(2, order)
    return pcapng.BYTE_ORDER_MAGIC.to_bytes(4, order) + numbers + pcapng.UNKNOWN_LENGTH + section.raw_options


def interface_body(interface: Interface) -> bytes:
    """The body of an Interface Description Block made from an interface's fields and options. Resolution and FCS
    length, for which an interface of a pcap file has fields but no options, become options."""
    order = interface.byte_order
    added = []
    if interface.layout != "pcapng" and interface.ticks_per_second != MICROSECONDS:
        added.append((pcapng.IF_TSRESOL, bytes([tsresol_byte(interface.ticks_per_second)])))
    if interface.layout != "pcapng" and interface.fcs_length is not None:
        added.append((pcapng.IF_FCSLEN, bytes([interface.fcs_length])))
    fixed = interface.link_type.to_bytes(2, order) + interface.reserved + interface.snaplen.to_bytes(4, order)
    return fixed + option_lists.edit(interface.raw_options, order, add=added)


def interface_in(order: ByteOrder, interface: Interface, left_out: Counter[str]) -> Interface:
    """An interface without a block, in another byte order. `left_out` is as for `byte_orders.options_in`."""
    options = options_in(order, interface.raw_options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION, left_out)
    reserved = interface.reserved if order == interface.byte_order else interface.reserved[::-1]
    return interface._replace(byte_order=order, raw_options=options, reserved=reserved, raw=None)
