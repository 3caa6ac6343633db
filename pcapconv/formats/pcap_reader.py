"""Reads pcap: one section, and an interface (one for each index in the modified flavour).

Strategy: the header decides the flavour, the byte order and where the lengths are exchanged; then the index kernel
turns each window into a batch. A pcap file has no marks to find the next record by, so damage ends it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from struct import Struct

from pcapconv import options
from pcapconv.errors import FormatError
from pcapconv.formats import pcap_layout as layout
from pcapconv.formats import transfers
from pcapconv.formats.window import LARGEST_RECORD, Window
from pcapconv.kernels import FULL, choose
from pcapconv.model import NOTHING, Columns, Damage, Interface, Item, Notice, PacketBatch, Section

EPB_FLAGS = 2
_LARGEST = LARGEST_RECORD - 48  # so that it fits a pcapng block, with its flags

# sll_pkttype of the modified flavour → direction (bits 0-1) and reception type (bits 2-4) of epb_flags.
# "To this host" is plainly inbound; 4 went out.
_FLAGS = {0: 0b000_01, 1: 0b011_01, 2: 0b010_01, 3: 0b100_01, 4: 0b000_10}


class PcapReader:
    """Items of a pcap file. `magic` is what its first four bytes are. Raises FormatError for an unknown version."""

    format = "pcap"

    def __init__(self, window: Window, magic: bytes) -> None:
        self._window = window
        self._flavour, self._byte_order = layout.MAGICS[magic]
        self._kernels = choose()
        self._packets = 0
        self._interfaces: list[Interface] = []
        self._ids: dict[int, int] = {}  # interface index in the modified flavour → id

    def items(self) -> Iterator[Item]:
        """The section, its interfaces and packets, and what is damaged. See `pcapconv.model` for the items."""
        window, flavour = self._window, self._flavour
        header_size = layout.HEADER_SIZE + flavour.length_field
        if not window.fill(header_size):
            raise FormatError(
                f"{window.name}: the capture ends after {window.available} bytes, in the file header of {header_size}"
            )
        raw = bytes(window.buffer[window.start : window.start + header_size])
        window.take(header_size)
        major, minor, thiszone, sigfigs, snaplen, word = Struct(
            "<HHIIII" if self._byte_order == "little" else ">HHIIII"
        ).unpack_from(raw, 4)
        if major not in (2, 3) and (major, minor) != (543, 0):
            raise FormatError(f"{window.name}: pcap version {major}.{minor} is not one that pcapconv reads (2.x, 3.x)")
        swap = 2 if major == 543 or (major == 2 and minor < 3) else 1 if (major, minor) == (2, 3) else 0
        if word & layout.FCS_PRESENT:
            fcs_length, reserved = (word >> layout.FCS_SHIFT) * 16, word & layout.RESERVED_BITS
        else:
            fcs_length, reserved = None, word & (layout.RESERVED_BITS | 0xF000_0000)
        beyond = (thiszone, sigfigs, reserved, flavour.length_field, (major, minor) != layout.VERSION)
        odd = sum(map(bool, beyond))
        section = Section(
            number=0,
            byte_order=self._byte_order,
            version=(major, minor),
            layout="pcap",
            raw=raw,
            variant=flavour.name,
            format_only={"header-fields": odd} if odd else NOTHING,
        )
        plain = Interface(
            id=0,
            section=0,
            link_type=word & 0xFFFF,
            snaplen=snaplen,
            layout="pcap",
            byte_order=self._byte_order,
            ticks_per_second=flavour.units,
            fcs_length=fcs_length,
        )
        yield section
        if reserved:
            yield Notice(
                20, f"reserved bits are set in the link type's word 0x{word:08x}; the link type is its low half"
            )
        if flavour.record_size == layout.RECORD_SIZE:
            self._interfaces.append(plain)
            yield plain
        for item in self._records(section, swap):
            if isinstance(item, PacketBatch) and flavour.record_size == layout.MODIFIED_RECORD_SIZE:
                yield from self._modified(item, plain)
            else:
                yield item
        if not self._interfaces:
            yield self._declare(plain, 0)

    def _records(self, section: Section, swap: int) -> Iterator[Item]:
        window, size = self._window, self._flavour.record_size
        columns = Columns(1 + len(window.buffer) // 32)
        big = self._byte_order == "big"
        while True:
            rows, end, status, odd = self._kernels.index_pcap(
                window.buffer, window.start, window.stop, columns, big, size, swap, self._flavour.units
            )
            if rows:
                yield PacketBatch(
                    window.buffer,
                    columns,
                    rows,
                    first_number=self._packets + 1,
                    section=section,
                    interfaces=self._interfaces,
                    format_only={"time-notation": odd} if odd else NOTHING,
                    count_format_only=self._count_format_only,
                )
                self._packets += rows
                window.take(end - window.start)
            if status != FULL:
                ended = yield from self._next_record(swap)
                if ended:
                    return

    def _count_format_only(self, batch: PacketBatch) -> dict[str, int]:
        """Of some of a batch's records: fractions of a second or more, and the modified flavour's extra fields."""
        columns, order, units = batch.columns, self._byte_order, self._flavour.units
        odd = sum(
            int.from_bytes(batch.buffer[at + 4 : at + 8], order) >= units
            for at in columns.record_at[: batch.rows]  # where it was read, also once the packet was changed
        )
        modified = batch.rows if self._flavour.record_size == layout.MODIFIED_RECORD_SIZE else 0
        return {kind: count for kind, count in (("time-notation", odd), ("record-fields", modified)) if count}

    def _next_record(self, swap: int) -> Generator[Item, None, bool]:
        """Have the next record in the window, whole. Returns True at the end, after saying what is wrong there."""
        window = self._window
        size = self._flavour.record_size
        if not window.fill(size):
            if window.available:
                yield self._damage(f"{window.available} bytes are left over, a record's header has {size}")
            return True
        at = window.start + 8
        captured, original = (
            int.from_bytes(window.buffer[place : place + 4], self._byte_order) for place in (at, at + 4)
        )
        if swap == 2 or (swap == 1 and captured > original):
            captured = original
        if size + captured > _LARGEST:
            reason = f"a captured length of {captured} bytes, more than the {_LARGEST - size} that pcapconv reads"
        elif window.fill(size + captured):
            return False
        else:
            left = window.available if window.left is None else window.left
            reason = f"the record has {size + captured} bytes, but {left} are left: the capture is cut off or corrupt"
        yield self._damage(reason)
        return True

    def _damage(self, reason: str) -> Damage:
        offset = self._window.offset
        reason += self._window.text_here()
        passed = self._window.leave_rest()
        if first := bytes(self._window.first):  # of a plain file this is known from the start
            transfers.refuse_line_ends(first, self._window.name, whole=self._window.offset == len(first))
        return Damage(offset, self._packets + 1, reason, passed, 0)

    def _modified(self, batch: PacketBatch, plain: Interface) -> Iterator[Item]:
        """The batch, with each interface that is new in it right before its first packet, wherever a batch begins. The
        packet type becomes an epb_flags option, which has to stand in the batch's buffer: a copy of its records with
        the few option lists after them."""
        columns, (begin, end) = batch.columns, batch.span()
        buffer = bytearray(batch.buffer[begin:end])
        lists = {}
        for packet_type, flags in _FLAGS.items():
            option_list = options.pack([(EPB_FLAGS, flags.to_bytes(4, self._byte_order))], self._byte_order)
            lists[packet_type] = len(buffer), len(option_list)
            buffer += option_list
        fields = Struct("<IHB" if self._byte_order == "little" else ">IHB")
        batch.buffer = buffer
        batch.format_only = {**batch.format_only, "record-fields": batch.rows}
        first = 0
        for row in range(batch.rows):
            columns.record_at[row] -= begin
            columns.data_at[row] -= begin
            index, _, packet_type = fields.unpack_from(buffer, columns.record_at[row] + layout.RECORD_SIZE)
            if index not in self._ids:
                if first < row:
                    yield batch.part(first, row)
                first = row
                yield self._declare(plain, index)
            columns.interface[row] = self._ids[index]
            columns.options_at[row], columns.options_length[row] = lists.get(packet_type, (0, 0))
        yield batch.part(first, batch.rows) if first else batch

    def _declare(self, plain: Interface, index: int) -> Interface:
        interface = plain._replace(id=len(self._interfaces))
        self._ids[index] = interface.id
        self._interfaces.append(interface)
        return interface
