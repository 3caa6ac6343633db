"""Reads pcap: one section with one interface (or one for each interface index, in variants whose records have one).

Strategy: the file header decides the byte order, the variant and which records have their lengths swapped; if several
variants share its magic number, the first records decide. Then the index kernel turns each window into a batch. The
kernel stops at bytes that may be no record: the header of a second file, or zeros. Nothing in a pcap file marks where a
record begins, so the file is read no further than its first damage, unless packets are to be salvaged (`pcap_salvage`).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Generator, Iterator
from struct import Struct
from typing import TYPE_CHECKING

from pcapconv.errors import FormatError
from pcapconv.formats import damaged_transfers
from pcapconv.formats.pcap_header import ALWAYS, WHERE_LARGER, header_size, read_header
from pcapconv.formats.pcap_variants import recognise_variant
from pcapconv.formats.rereading import SectionPackets
from pcapconv.formats.window import LARGEST_PCAP_RECORD, Window
from pcapconv.kernels import choose
from pcapconv.kernels.contract import FULL, NOT_A_RECORD
from pcapconv.model import NO_COUNTS, Columns, Damage, Interface, Item, Notice, PacketBatch
from pcapconv.spec import option_lists, pcap
from pcapconv.spec.pcapng import PACKET_FLAGS
from pcapconv.timestamps import MICROSECONDS
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.formats.pcap_salvage import PcapSalvage

_USUAL_RECORD = 64  # bytes; of records that are shorter, a batch has fewer than the window holds
_EMPTY_IN_BATCH = 4096  # empty packets of a batch
_DOUBTFUL = -1  # besides why the index kernel stopped: the next record is not sound, while salvaging

# The packet type in records that have one (sll_pkttype) → direction (bits 0-1) and reception type (bits 2-4) of
# epb_flags. 0 was sent to this host, which is plainly inbound; 4 was sent by it.
_FLAGS = {0: 0b000_01, 1: 0b011_01, 2: 0b010_01, 3: 0b100_01, 4: 0b000_10}


class PcapReader:
    """The reader of a pcap file.

    `magic` is the file's first four bytes. With `nanoseconds`, fractions of a second are nanoseconds even if the magic
    number says microseconds; with `complete`, zeros at the end are packets, not damage; with `salvage`, packets behind
    damage are read. `losses` counts by kind what no item holds.
    """

    format = "pcap"
    compression: str | None = None

    def __init__(
        self,
        window: Window,
        magic: bytes,
        *,
        nanoseconds: bool = False,
        complete: bool = False,
        salvage: bool = False,
    ) -> None:
        self._window = window
        self._magic = magic
        self._nanoseconds = nanoseconds
        self._complete = complete
        self._salvages = salvage
        self._salvage: PcapSalvage | None = None
        self._kernels = choose()
        self._packets = 0
        self._large_fractions = 0  # packets whose fraction of a second is a second or more
        self._interfaces: list[Interface] = []
        self._ids: dict[int, int] = {}  # interface index (0 in variants without one) → id
        self.buffer_offset = 0
        self.losses: Counter[str] = Counter()

    def items(self) -> Iterator[Item]:
        """Yield the section, its interfaces and packets, and damage. Raises FormatError for a version that pcapconv
        does not read, or a file that ends within its header."""
        self._read_file_header()
        header, variant = self._header, self._variant
        yield self._section
        if header.reserved:
            word = f"0x{header.word:08x}"
            yield Notice(20, f"reserved bits are set in the link type's word {word}; the link type is its low half")
        if not variant.indexed:
            yield self._add_interface(0)
        for item in self._read_records():
            if not isinstance(item, PacketBatch):
                yield item
            elif variant.indexed:
                yield from self._with_new_interfaces(item)
            else:
                self._skip_padding(item)
                yield item
        if not self._interfaces:
            yield self._add_interface(0)
        if variant.ticks_per_second == MICROSECONDS and self._large_fractions * 2 > self._packets:
            yield Notice(
                0,
                f"{self._large_fractions:,} of {self._packets:,} fractions of a second are 1,000,000 or more, perhaps "
                "nanoseconds under the magic number of microseconds; "
                f"{argument('fractions', 'nanoseconds')} reads them as these",
            )

    def _read_file_header(self) -> None:
        """Take the file header, and recognise the variant."""
        window, size = self._window, header_size(self._magic)
        if not window.fill(size):
            raise FormatError(
                f"{window.name}: the capture ends after {window.available} bytes, in the file header of {size}",
                path=window.name,
                offset=window.available,
            )
        raw = bytes(window.buffer[window.start : window.start + size])
        window.take(size)
        try:
            stated = read_header(raw)
        except ValueError as error:
            raise FormatError(f"{window.name}: {error}", path=window.name) from None
        variant = recognise_variant(stated, lambda distance, count: window.peek(distance, count) or b"")
        header = stated._replace(variant=variant)
        # The same header with the variant of its magic number, whatever the records are.
        self._stated_header = stated.in_nanoseconds() if self._nanoseconds else stated
        self._header = header.in_nanoseconds() if self._nanoseconds else header
        self._variant, self._byte_order = self._header.variant, self._header.byte_order
        self._section = self._header.section
        if self._salvages:
            from pcapconv.formats.pcap_salvage import PcapSalvage  # rarely needed

            self._salvage = PcapSalvage(window, self._header, self._kernels)

    def _read_records(self) -> Iterator[Item]:
        """Yield the packets in batches, damage and notices."""
        window, variant = self._window, self._variant
        columns = Columns(1 + len(window.buffer) // _USUAL_RECORD)
        stored_packets = None
        if self._salvage is None and window.can_read_again and not variant.indexed and not variant.padding:
            stored_packets = SectionPackets(
                window,
                self._section,
                self._interfaces,
                lambda buffer, stop, columns: self._index(buffer, 0, stop, columns)[:2],
                self._count_format_only,
            )
        ended = False
        while not ended:
            rows, end, status, large_fractions = self._index(window.buffer, window.start, window.stop, columns)
            if rows and self._salvage is not None:
                sound = self._salvage.sound_rows(columns, rows)
                if sound < rows:
                    rows, end, status = sound, columns.record_at[sound], _DOUBTFUL
                    large_fractions = self._count_large_fractions(window.buffer, columns, rows)
                if rows:
                    self._salvage.note(columns, rows)
            if rows:
                self.buffer_offset = window.offset - window.start
                batch = self._batch(window.buffer, columns, rows, large_fractions)
                batch.stored_packets, batch.buffer_offset = stored_packets, self.buffer_offset
                yield batch
                window.take(end - window.start)
            if status == _DOUBTFUL:
                ended = yield from self._check_doubtful_record()
            elif status == NOT_A_RECORD:
                ended = yield from self._read_header_or_zeros()
            elif status != FULL:
                ended = yield from self._load_record()

    def _index(self, buffer: bytearray | bytes, start: int, stop: int, columns: Columns) -> tuple[int, int, int, int]:
        """Index records, as the kernel `index_pcap` does."""
        variant = self._variant
        indexed: tuple[int, int, int, int] = self._kernels.index_pcap(
            buffer,
            start,
            stop,
            columns,
            self._byte_order == "big",
            variant.record_size,
            self._header.swap,
            variant.ticks_per_second,
        )
        return indexed

    def _batch(self, buffer: bytearray | bytes, columns: Columns, rows: int, large_fractions: int) -> PacketBatch:
        """A batch of the next packets; `large_fractions` of them have a fraction field of a second or more."""
        counts = {"time-notation": large_fractions, "record-fields": rows * self._variant.has_extra_fields}
        batch = PacketBatch(
            buffer,
            columns,
            rows,
            first_number=self._packets + 1,
            section=self._section,
            interfaces=self._interfaces,
            format_only={kind: count for kind, count in counts.items() if count} or NO_COUNTS,
            count_format_only=self._count_format_only,
        )
        self._packets += rows
        self._large_fractions += large_fractions
        return batch

    def _count_format_only(self, batch: PacketBatch) -> dict[str, int]:
        """Count, in a batch of some of the rows that were read, large fractions and records with extra fields."""
        large_fractions = self._count_large_fractions(batch.buffer, batch.columns, batch.rows)
        extra = batch.rows * self._variant.has_extra_fields
        return {kind: count for kind, count in (("time-notation", large_fractions), ("record-fields", extra)) if count}

    def _count_large_fractions(self, buffer: bytearray | bytes, columns: Columns, rows: int) -> int:
        """Count the records whose fraction field is a second or more."""
        order, limit = self._byte_order, self._variant.ticks_per_second
        places = columns.record_at[:rows]  # also right for a row that was changed
        return sum(int.from_bytes(buffer[at + 4 : at + 8], order) >= limit for at in places)

    def _check_doubtful_record(self) -> Generator[Item, None, bool]:
        """Let the next record, which is not sound, be read if it can be trusted; else it is damage. Return True at the
        end."""
        assert self._salvage is not None
        if self._salvage.is_trusted():
            return False
        ended = yield from self._leave_out(self._salvage.fault())
        return ended

    def _load_record(self) -> Generator[Item, None, bool]:
        """Get the whole next record into the window. Yield damage if that is impossible. Return True if nothing more
        can be read from the file."""
        window, swap = self._window, self._header.swap
        size = self._variant.record_size
        if window.available < size:
            if window.fill(size):
                return False  # the kernel first checks that it is a record
            if window.available and not window.interrupted:
                yield self._end_with_damage(f"{window.available} bytes are left over, a record's header has {size}")
            return True
        at = window.start + 8
        captured = int.from_bytes(window.buffer[at : at + 4], self._byte_order)
        original = int.from_bytes(window.buffer[at + 4 : at + 8], self._byte_order)
        if swap == ALWAYS or (swap == WHERE_LARGER and captured > original):
            captured = original
        if size + captured > LARGEST_PCAP_RECORD:
            reason = (
                f"a captured length of {captured} bytes, more than the {LARGEST_PCAP_RECORD - size} that pcapconv reads"
            )
        elif window.fill(size + captured):
            return False
        elif window.interrupted:
            return True
        else:
            remaining = window.available if window.remaining is None else window.remaining
            reason = (
                f"the record has {size + captured} bytes, but {remaining} are left: the capture is cut off or corrupt"
            )
        ended = yield from self._leave_out(reason)
        return ended

    def _read_header_or_zeros(self) -> Generator[Item, None, bool]:
        """Read the bytes that the kernel does not take for a record: a second file header, or zeros. Return True at the
        end."""
        window = self._window
        magic = bytes(window.buffer[window.start : window.start + 4])
        if magic not in pcap.MAGICS and self._salvage is not None and not self._salvage.zeros_are_packets():
            ended = yield from self._leave_out("zeros where a record has to begin")
            return ended
        if self._salvage is not None and magic in pcap.MAGICS and not self._salvage.header_is_trusted(magic):
            ended = yield from self._leave_out("the file header of a second capture, and no whole records behind it")
            return ended
        ended = yield from self._read_second_header(magic) if magic in pcap.MAGICS else self._read_zeros()
        return ended

    def _read_second_header(self, magic: bytes) -> Generator[Item, None, bool]:
        """Read the file header of another capture, as `cat a.pcap b.pcap` leaves it in the middle. Skip this header if
        the first header fits the records after it, too; else it is damage. Return True at the end."""
        window, size = self._window, header_size(magic)
        if not window.fill(size):
            available = window.available
            yield self._end_with_damage(
                f"a second capture begins here, and ends after {available} bytes, in its file header"
            )
            return True
        first_header, header = (
            self._stated_header,
            read_header(bytes(window.buffer[window.start : window.start + size])),
        )
        if window.peek(size, 1):  # records follow, which may be in another variant
            variant = recognise_variant(header, lambda distance, count: window.peek(size + distance, count) or b"")
            first_header, header = self._header, header._replace(variant=variant)
        difference = first_header.difference(header.in_nanoseconds() if self._nanoseconds else header)
        if difference:
            yield self._end_with_damage(
                f"a second capture begins here, and {difference}; tail -c +{window.offset + 1} makes a file of it"
            )
            return True
        self.losses["header-fields"] += 1
        yield Notice(window.offset, "the file header of a second capture; its packets are read on")
        window.take(size)
        return False

    def _read_zeros(self) -> Generator[Item, None, bool]:
        """Read zeros. Zeros up to the end of the capture are damage if they are more than one record; other zeros are
        empty packets. The zeros are counted first, since they may be more than memory holds. Return True at the end."""
        window, size = self._window, self._variant.record_size
        offset, passed = window.offset, 0
        while window.leading_zeros() == window.available:
            whole = window.available // size * size
            window.take(whole)
            passed += whole
            if not window.fill(window.available + 1):
                total = passed + window.available
                if total == size or self._complete:
                    break
                window.skip_to_end()
                yield Damage(offset, self._packets + 1, f"{total:,} zero bytes at the end", total, 0)
                return True
        whole = window.leading_zeros() // size * size
        window.take(whole)
        yield from self._empty_packets((passed + whole) // size, offset)
        return False

    def _empty_packets(self, count: int, offset: int) -> Iterator[PacketBatch]:
        """Yield batches of `count` packets whose records are zeros, without data, from this offset on."""
        size = self._variant.record_size
        while count:
            rows = min(count, _EMPTY_IN_BATCH)
            columns = Columns(rows)
            columns.record_at = array("q", range(0, rows * size, size))
            columns.record_length = array("I", [size]) * rows
            columns.data_at = array("q", range(size, (rows + 1) * size, size))
            self.buffer_offset = offset
            yield self._batch(bytes(rows * size), columns, rows, 0)
            count, offset = count - rows, offset + rows * size

    def _leave_out(self, reason: str) -> Generator[Item, None, bool]:
        """Skip what follows up to the next record that can be salvaged, or the remainder of the file, and yield the
        damage. Return True at the end. Raises FormatError as `_end_with_damage` does."""
        yield self._end_with_damage(reason, salvage=self._salvage)
        return not (self._salvage is not None and self._window.available)

    def _end_with_damage(self, reason: str, *, salvage: PcapSalvage | None = None) -> Damage:
        """Skip the remainder of the file, or what `salvage` skips of it, and return the damage that begins here. Raises
        FormatError instead if a text-mode transfer caused the damage."""
        offset = self._window.offset
        reason += self._window.text_remark()
        passed, any_sound = (self._window.skip_to_end(), False) if salvage is None else salvage.find()
        if any_sound:
            reason += "; the next sound records are too few to be told from a capture inside a packet"
        if first := bytes(self._window.first):  # only from a pipe: `open_reader` has checked enough bytes of a file
            whole = self._window.offset == len(first)
            damaged_transfers.refuse_changed_line_ends(first, self._window.name, whole=whole)
        return Damage(offset, self._packets + 1, reason, passed, 0)

    def _skip_padding(self, batch: PacketBatch) -> None:
        """Remove the variant's padding before each packet from the packet's data and from both lengths, which count
        it."""
        padding, columns = self._variant.padding, batch.columns
        for row in range(batch.rows if padding else 0):
            captured, original = columns.captured_length[row], columns.original_length[row]
            columns.data_at[row] += min(padding, captured)
            columns.captured_length[row] = max(0, captured - padding)
            columns.original_length[row] = max(0, original - padding)

    def _with_new_interfaces(self, batch: PacketBatch) -> Iterator[Item]:
        """Yield the batch, cut in two where an interface index is new, with the new interface between the pieces.

        Each packet type becomes an epb_flags option. The batch gets a buffer of its own: a copy of the records,
        followed by one option list for each packet type.
        """
        columns, (begin, end) = batch.columns, batch.span()
        self.buffer_offset += begin
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
                    yield batch.slice(first, row)
                first = row
                yield self._add_interface(index)
            columns.interface[row] = self._ids[index]
            columns.options_at[row], columns.options_length[row] = lists.get(packet_type, (0, 0))
        yield batch if first == 0 else batch.slice(first, batch.rows)

    def _add_interface(self, index: int) -> Interface:
        """A new interface for the packets with this interface index."""
        interface = self._header.interface._replace(id=len(self._interfaces))
        self._ids[index] = interface.id
        self._interfaces.append(interface)
        return interface
