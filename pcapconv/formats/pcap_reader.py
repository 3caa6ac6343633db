"""Reads pcap: one section, and an interface (one for each index in flavours that have indices).

Strategy: the header, and where it does not tell, the first records, decide the flavour, the byte order and where the
lengths are exchanged; then the index kernel turns each window into a batch. It stops at what may be no record: the
header of a second file, zeros. A pcap file has no marks to find the next record by, so damage ends it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Generator, Iterator
from struct import Struct

from pcapconv.errors import FormatError
from pcapconv.formats import damaged_transfers
from pcapconv.formats.pcap_header import ALWAYS, WHERE_LARGER, read_header, size_of_header
from pcapconv.formats.pcap_variants import variant_of
from pcapconv.formats.window import LARGEST_RECORD, Window
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL, OTHER
from pcapconv.model import NOTHING, Columns, Damage, Interface, Item, Notice, PacketBatch
from pcapconv.spec import option_lists, pcap
from pcapconv.spec.pcapng import PACKET_FLAGS
from pcapconv.timestamps import MICROSECONDS
from pcapconv.wording import argument

_LARGEST = LARGEST_RECORD - 48  # so that it fits a pcapng block, with its flags
_AT_ONCE = 4096  # empty packets of a batch

# sll_pkttype, where records have one → direction (bits 0-1) and reception type (bits 2-4) of epb_flags.
# "To this host" is plainly inbound; 4 went out.
_FLAGS = {0: 0b000_01, 1: 0b011_01, 2: 0b010_01, 3: 0b100_01, 4: 0b000_10}


class PcapReader:
    """Items of a pcap file. `magic` is what its first four bytes are; `nanoseconds` tells that fractions of a second
    are nanoseconds where the magic number says microseconds, `complete` that zeros at the end are packets. `losses`
    counts by kind what is in no item. Raises FormatError for an unknown version."""

    format = "pcap"

    def __init__(self, window: Window, magic: bytes, *, nanoseconds: bool = False, complete: bool = False) -> None:
        self._window = window
        self._magic = magic
        self._nanoseconds = nanoseconds
        self._complete = complete
        self._kernels = choose()
        self._packets = 0
        self._odd = 0  # packets with a fraction of a second or more
        self._interfaces: list[Interface] = []
        self._ids: dict[int, int] = {}  # interface index, in flavours that have it → id
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """The section, its interfaces and packets, and what is damaged. See `pcapconv.model` for the items."""
        self._begin()
        header, flavour = self._header, self._flavour
        yield self._section
        if header.reserved:
            word = f"0x{header.word:08x}"
            yield Notice(20, f"reserved bits are set in the link type's word {word}; the link type is its low half")
        if not flavour.indexed:
            yield self._declare(0)
        for item in self._records():
            if not isinstance(item, PacketBatch):
                yield item
            elif flavour.indexed:
                yield from self._with_interfaces(item)
            else:
                self._pass_padding(item)
                yield item
        if not self._interfaces:
            yield self._declare(0)
        if flavour.units == MICROSECONDS and self._odd * 2 > self._packets:
            yield Notice(
                0,
                f"{self._odd:,} of {self._packets:,} fractions of a second are 1,000,000 or more, perhaps nanoseconds "
                f"under the magic number of microseconds; {argument('fractions', 'nanoseconds')} reads them as these",
            )

    def _begin(self) -> None:
        """Take the file header, and see which flavour it is."""
        window, size = self._window, size_of_header(self._magic)
        if not window.fill(size):
            raise FormatError(
                f"{window.name}: the capture ends after {window.available} bytes, in the file header of {size}"
            )
        raw = bytes(window.buffer[window.start : window.start + size])
        window.take(size)
        try:
            stated = read_header(raw)
        except ValueError as error:
            raise FormatError(f"{window.name}: {error}") from None
        flavour = variant_of(stated, lambda distance, count: window.peek(distance, count) or b"")
        header = stated._replace(flavour=flavour)
        self._stated = stated.in_nanoseconds() if self._nanoseconds else stated  # as the magic number alone has it
        self._header = header.in_nanoseconds() if self._nanoseconds else header
        self._flavour, self._byte_order = self._header.flavour, self._header.byte_order
        self._section = self._header.section

    def _records(self) -> Iterator[Item]:
        window, flavour = self._window, self._flavour
        columns = Columns(1 + len(window.buffer) // 32)
        big, swap = self._byte_order == "big", self._header.swap
        ended = False
        while not ended:
            rows, end, status, odd = self._kernels.index_pcap(
                window.buffer, window.start, window.stop, columns, big, flavour.record_size, swap, flavour.units
            )
            if rows:
                yield self._batch(window.buffer, columns, rows, odd)
                window.take(end - window.start)
            if status == OTHER:
                ended = yield from self._other()
            elif status != FULL:
                ended = yield from self._next_record()

    def _batch(self, buffer: bytearray | bytes, columns: Columns, rows: int, odd: int) -> PacketBatch:
        """The next packets, `odd` of them with a fraction of a second or more."""
        counts = {"time-notation": odd, "record-fields": rows * self._flavour.extra}
        batch = PacketBatch(
            buffer,
            columns,
            rows,
            first_number=self._packets + 1,
            section=self._section,
            interfaces=self._interfaces,
            format_only={kind: count for kind, count in counts.items() if count} or NOTHING,
            count_format_only=self._count_format_only,
        )
        self._packets += rows
        self._odd += odd
        return batch

    def _count_format_only(self, batch: PacketBatch) -> dict[str, int]:
        """Of some of a batch's records: fractions of a second or more, and what plain pcap has no field for."""
        columns, order, units = batch.columns, self._byte_order, self._flavour.units
        odd = sum(
            int.from_bytes(batch.buffer[at + 4 : at + 8], order) >= units
            for at in columns.record_at[: batch.rows]  # where it was read, also once the packet was changed
        )
        extra = batch.rows * self._flavour.extra
        return {kind: count for kind, count in (("time-notation", odd), ("record-fields", extra)) if count}

    def _next_record(self) -> Generator[Item, None, bool]:
        """Have the next record in the window, whole. Returns True at the end, after saying what is wrong there."""
        window, swap = self._window, self._header.swap
        size = self._flavour.record_size
        if window.available < size:
            if window.fill(size):
                return False  # the kernel looks first whether it is a record
            if window.available:
                yield self._damage(f"{window.available} bytes are left over, a record's header has {size}")
            return True
        at = window.start + 8
        captured, original = (
            int.from_bytes(window.buffer[place : place + 4], self._byte_order) for place in (at, at + 4)
        )
        if swap == ALWAYS or (swap == WHERE_LARGER and captured > original):
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

    def _other(self) -> Generator[Item, None, bool]:
        """What the kernel does not take for a record. Returns True at the end."""
        window = self._window
        magic = bytes(window.buffer[window.start : window.start + 4])
        ended = yield from self._second_header(magic) if magic in pcap.MAGICS else self._zeros()
        return ended

    def _second_header(self, magic: bytes) -> Generator[Item, None, bool]:
        """The header of another capture, as `cat` leaves it: passed over where its records can be read by this one."""
        window, size = self._window, size_of_header(magic)
        if not window.fill(size):
            left = window.available
            yield self._damage(f"a second capture begins here, and ends after {left} bytes, in its file header")
            return True
        mine, header = self._stated, read_header(bytes(window.buffer[window.start : window.start + size]))
        if window.peek(size, 1):  # records, which may be in another layout
            flavour = variant_of(header, lambda distance, count: window.peek(size + distance, count) or b"")
            mine, header = self._header, header._replace(flavour=flavour)
        difference = mine.difference(header.in_nanoseconds() if self._nanoseconds else header)
        if difference:
            yield self._damage(
                f"a second capture begins here, and {difference}; tail -c +{window.offset + 1} makes a file of it"
            )
            return True
        self.losses["header-fields"] += 1
        yield Notice(window.offset, "the file header of a second capture; its packets are read on")
        window.take(size)
        return False

    def _zeros(self) -> Generator[Item, None, bool]:
        """Zeros up to the end of the capture are damage where they are more than one record; else they are empty
        packets. They are counted, since memory may not hold them."""
        window, size = self._window, self._flavour.record_size
        offset, passed = window.offset, 0
        while window.zeros() == window.available:
            whole = window.available // size * size
            window.take(whole)
            passed += whole
            if not window.fill(window.available + 1):
                total = passed + window.available
                if total == size or self._complete:
                    break
                window.leave_rest()
                yield Damage(offset, self._packets + 1, f"{total:,} zero bytes at the end", total, 0)
                return True
        whole = window.zeros() // size * size
        window.take(whole)
        yield from self._empty((passed + whole) // size)
        return False

    def _empty(self, count: int) -> Iterator[PacketBatch]:
        """So many packets of zeros."""
        size = self._flavour.record_size
        while count:
            rows = min(count, _AT_ONCE)
            columns = Columns(rows)
            columns.record_at = array("q", range(0, rows * size, size))
            columns.record_length = array("I", [size]) * rows
            columns.data_at = array("q", range(size, (rows + 1) * size, size))
            yield self._batch(bytes(rows * size), columns, rows, 0)
            count -= rows

    def _damage(self, reason: str) -> Damage:
        offset = self._window.offset
        reason += self._window.text_here()
        passed = self._window.leave_rest()
        if first := bytes(self._window.first):  # of a plain file this is known from the start
            damaged_transfers.refuse_line_ends(first, self._window.name, whole=self._window.offset == len(first))
        return Damage(offset, self._packets + 1, reason, passed, 0)

    def _pass_padding(self, batch: PacketBatch) -> None:
        """Let packets begin behind what stands before them and is counted in their lengths."""
        padding, columns = self._flavour.padding, batch.columns
        for row in range(batch.rows if padding else 0):
            captured, original = columns.captured_length[row], columns.original_length[row]
            columns.data_at[row] += min(padding, captured)
            columns.captured_length[row] = max(0, captured - padding)
            columns.original_length[row] = max(0, original - padding)

    def _with_interfaces(self, batch: PacketBatch) -> Iterator[Item]:
        """The batch, and each interface that is new in it before its first packet. The packet type becomes an epb_flags
        option, which has to stand in the batch's buffer: a copy of its records with the few option lists after them."""
        columns, (begin, end) = batch.columns, batch.span()
        buffer = bytearray(batch.buffer[begin:end])
        lists = {}
        for packet_type, flags in _FLAGS.items():
            option_list = option_lists.pack([(PACKET_FLAGS, flags.to_bytes(4, self._byte_order))], self._byte_order)
            lists[packet_type] = len(buffer), len(option_list)
            buffer += option_list
        batch.buffer = buffer
        fields = Struct("<IHB" if self._byte_order == "little" else ">IHB")
        first = 0
        for row in range(batch.rows):
            columns.record_at[row] -= begin
            columns.data_at[row] -= begin
            index, _, packet_type = fields.unpack_from(buffer, columns.record_at[row] + pcap.RECORD_SIZE)
            if index not in self._ids:
                if row > first:
                    yield batch.part(first, row)
                first = row
                yield self._declare(index)
            columns.interface[row] = self._ids[index]
            columns.options_at[row], columns.options_length[row] = lists.get(packet_type, (0, 0))
        yield batch if first == 0 else batch.part(first, batch.rows)

    def _declare(self, index: int) -> Interface:
        interface = self._header.interface._replace(id=len(self._interfaces))
        self._ids[index] = interface.id
        self._interfaces.append(interface)
        return interface
