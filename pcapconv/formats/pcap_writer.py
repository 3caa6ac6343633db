"""Writes pcap: copies the header and records of a pcap file; from any other capture, writes what pcap can hold.

Strategy: the file header is written with the first packets, when interfaces are known, and its snaplen is corrected at
the end. If one of the interfaces before the first packets needs nanoseconds, the file gets nanoseconds. If an interface
after them needs nanoseconds, but the file has microseconds, NeedsNanosecondsError is raised, and the conversion starts
again. What has no place in pcap is counted in `losses`. Times are exact: the kernel converts the resolutions whose
arithmetic fits 64 bits, and Python's integers convert the others.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv import timestamps
from pcapconv.errors import NeedsNanosecondsError, TargetError, TimeRangeError
from pcapconv.formats.losses import PcapLosses
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.formats.record_copies import write_records
from pcapconv.formats.settings import WriterSettings
from pcapconv.formats.window import LARGEST_PCAP_RECORD
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.kernels import choose
from pcapconv.kernels.contract import BEFORE_1970, FULL, MORE, SCALE, TOTALS
from pcapconv.model import (
    Block,
    Columns,
    Damage,
    Interface,
    Item,
    Notice,
    PacketBatch,
    Section,
)
from pcapconv.spec import ByteOrder, pcap
from pcapconv.spec.link_types import ETHERNET, link_type_name
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.text import counted
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, rescale
from pcapconv.wording import argument, call

_CUT, _TIMELESS, _LONGEST = 0, 1, 2  # indexes in the kernel's counts


class PcapWriter:
    """The writer of a pcap file: `write` takes items in file order, then `finish`. `losses` counts by kind what pcap
    cannot hold.

    The file has nanoseconds if the settings demand it, or if an interface before the first packet needs them.
    """

    format = "pcap"

    def __init__(self, output: BufferedOutput, settings: WriterSettings) -> None:
        self._output = output
        self._kernels = choose()
        self._nanoseconds = settings.nanoseconds
        self._chooses, self._decapsulates = settings.chooses, settings.decapsulates
        self._header_written = False
        self._verbatim = False  # whether the capture is a pcap file whose header and records are copied
        self.zeros_at_end = 0
        self._byte_order: ByteOrder = "little"
        self._sections = 0
        self._length_at = 0  # offset of the length field that Ixia's headers have; 0 for other headers
        self._in_section: list[Interface] = []
        self._link_types_in_section: set[int] = set()
        self._all_fit = True  # whether the kernel can convert the times of all interfaces in the section
        self._interfaces = 0  # the number of interfaces in all sections; those that were one in the input count once
        self._firsts_in_section: set[int] = set()  # the ids of those that count
        self._first_link_type = ETHERNET
        self._needs_nanoseconds = False
        self._snaplens = 0, 0  # the lowest and the highest that interfaces declare
        self._was_pcap = False
        self._fcs_lengths: set[int | None] = set()
        self._link_type: int | None = None  # the first packet's
        self._by_link_type: Counter[int] = Counter()  # packets by link type, once packets have several
        self._refused = False  # whether packets have several link types, so that nothing more is written
        self._scales = array("Q")
        self._counts = array("Q", [0, 0, 0])
        self._losses = PcapLosses()
        self.packets = 0
        self.has_other_interfaces = False

    @property
    def losses(self) -> Counter[str]:
        """What the items written so far have that pcap cannot hold: kind → count."""
        if self._verbatim:
            return Counter()
        losses = self._losses.total()
        losses["time-digits"] += self._counts[_CUT]
        losses["packets-without-time"] += self._counts[_TIMELESS]
        if self._interfaces > 1:
            losses["interfaces"] += self._interfaces
        losses["fcs-lengths"] += len(self._fcs_lengths - {None, self._fcs_length()})
        return +losses

    @property
    def link_type(self) -> int:
        """The link type that the file header states."""
        if self._verbatim and self._in_section:
            return self._in_section[0].link_type
        return self._first_link_type if self._link_type is None else self._link_type

    def write(self, item: Item) -> None:
        """Write one item. Raises TimeRangeError for a time that pcap cannot hold, NeedsNanosecondsError for an
        interface that needs nanoseconds after packets were written in microseconds, and FileError if the output cannot
        be written."""
        match item:
            case PacketBatch():
                self._write_batch(item)
            case Section():
                self._open_section(item)
            case Interface():
                self._open_interface(item)
            case Block():
                self._losses.add_block(item)
            case Damage() | Notice():
                pass

    def finish(self) -> None:
        """Complete the output, and correct the snaplen in its header. Raises TargetError if the packets have several
        link types, and FileError."""
        if self._refused:
            raise TargetError(self._several_link_types())
        self._write_header()
        patches = []
        if not self._verbatim:
            patches.append((pcap.SNAPLEN_AT, self._snaplen_and_link_type()))
        if self._length_at:  # Ixia's length field, the number of bytes of all records
            length = self._output.position - self._length_at - 4
            patches.append((self._length_at, min(length, 2**32 - 1).to_bytes(4, self._byte_order)))
        self._output.finish(patches if self._output.seekable else ())

    def _count_zeros_at_end(self, batch: PacketBatch) -> None:
        """Count in `zeros_at_end` the packets after the last one whose record is not all zeros."""
        columns, row = batch.columns, batch.rows - 1
        per_second = NANOSECONDS if self._nanoseconds or self._verbatim else MICROSECONDS
        while row >= 0 and not (columns.captured_length[row] or columns.original_length[row]):
            interface = batch.interfaces[columns.interface[row]]
            time_unit = interface.ticks_per_second, interface.time_offset
            timeless = columns.record_type[row] == SIMPLE_PACKET or bool(interface.time_error)
            if not timeless and rescale(columns.ticks[row], *time_unit, per_second)[0]:
                break
            row -= 1
        self.zeros_at_end = batch.rows - 1 - row + (self.zeros_at_end if row < 0 else 0)

    def _open_section(self, section: Section) -> None:
        if not self._sections:
            self._byte_order = section.byte_order
        self._sections += 1
        self._in_section = []
        self._firsts_in_section = set()
        self._link_types_in_section = set()
        self._all_fit = True
        self._scales = array("Q")
        if section.layout == "pcap" and section.raw is not None:
            self._verbatim = True
            self._header_written = True
            self._output.write(section.raw)
            if section.changed and len(section.raw) > pcap.HEADER_SIZE:
                self._length_at = pcap.HEADER_SIZE
        else:
            self._losses.add_section(section, further=self._sections > 1)

    def _open_interface(self, interface: Interface) -> None:
        self._in_section.append(interface)
        self._link_types_in_section.add(interface.link_type)
        if self._verbatim:
            return
        if not self._interfaces:
            self._first_link_type = interface.link_type
            self._snaplens = interface.snaplen, interface.snaplen
        first = (interface.made_of or interface).id
        if first not in self._firsts_in_section:
            self._firsts_in_section.add(first)
            self._interfaces += 1
            self._losses.add_interface(interface)
        self._was_pcap = interface.layout == "pcap"
        lowest, highest = self._snaplens
        self._snaplens = min(lowest, interface.snaplen), max(highest, interface.snaplen)
        self._fcs_lengths.add(interface.fcs_length)
        self._needs_nanoseconds = self._needs_nanoseconds or _needs_nanoseconds(interface)
        too_late = self._header_written and not self._refused
        if too_late and not self._nanoseconds and _needs_nanoseconds(interface):
            raise NeedsNanosecondsError(
                f"interface {interface.id} of section {interface.section} comes after packets and needs nanoseconds"
            )
        if self._header_written:
            self._add_scale(interface)

    def _write_batch(self, batch: PacketBatch) -> None:
        self._count_zeros_at_end(batch)
        if self._verbatim:
            self._copy_batch(batch)
            return
        if self._check_link_type(batch):
            self._encode(batch)

    def _encode(self, batch: PacketBatch) -> None:
        self._write_header()
        self._losses.add_batch(batch)
        batch = with_headers_in(self._byte_order, batch)
        columns, scales = batch.columns, self._scales
        if not self._all_fit:
            columns, scales = self._with_times(batch)
        output, row, big = self._output, 0, self._byte_order == "big"
        while True:
            row, output.at, status = self._kernels.encode_pcap(
                batch.buffer, columns, row, batch.rows, output.buffer, output.at, big, scales, self._counts
            )
            if status == MORE:
                break
            if status == FULL and not output.make_room(pcap.RECORD_SIZE + columns.captured_length[row]):
                status = self._write_long(batch, columns, row, scales)
                row += status == MORE
            if status not in (FULL, MORE):
                interface = self._in_section[columns.interface[row]]
                raise _out_of_range(batch, row, interface, before=status == BEFORE_1970)
        self.packets += batch.rows

    def _write_long(self, batch: PacketBatch, columns: Columns, row: int, scales: array[int]) -> int:
        """Write a packet that is too large for an output buffer: its record's header, and its bytes straight from the
        batch's buffer. Return the kernel's status: MORE if the packet was written. Raises TargetError."""
        order, captured = self._byte_order, columns.captured_length[row]
        if pcap.RECORD_SIZE + captured > LARGEST_PCAP_RECORD:
            raise TargetError(
                f"packet {batch.number(row)}: its record would have {pcap.RECORD_SIZE + captured} bytes, more than the "
                f"{LARGEST_PCAP_RECORD} that pcapconv reads",
                packet_number=batch.number(row),
            )
        empty, header = columns.copy(row, row + 1), bytearray(pcap.RECORD_SIZE)
        empty.captured_length[0] = 0
        status: int
        _, _, status = self._kernels.encode_pcap(
            batch.buffer, empty, 0, 1, header, 0, order == "big", scales, self._counts
        )
        if status == MORE:
            header[pcap.CAPTURED_LENGTH_AT : pcap.CAPTURED_LENGTH_AT + 4] = captured.to_bytes(4, order)
            self._counts[_LONGEST] = max(self._counts[_LONGEST], captured)
            self._output.write(header)
            with memoryview(batch.buffer) as buffer:
                self._output.write(buffer[columns.data_at[row] : columns.data_at[row] + captured])
        return status

    def _copy_batch(self, batch: PacketBatch) -> None:
        self.packets += batch.rows
        if batch.contiguous:
            write_records(self._output, batch)
            return
        output, row = self._output, 0
        while row < batch.rows:
            row, output.at, status = self._kernels.copy_records(
                batch.buffer, batch.columns, row, batch.rows, output.buffer, output.at
            )
            if status == FULL and not output.make_room(length := batch.columns.record_length[row]):
                with memoryview(batch.buffer) as buffer:
                    at = batch.columns.record_at[row]
                    output.write(buffer[at : at + length])
                row += 1

    def _check_link_type(self, batch: PacketBatch) -> bool:
        """Return whether the batch may be written: all packets in it and before it have one link type.

        From the first packet with another link type on, packets are only counted, for the message of `finish`. The
        packets before that one in its batch are written here, so that an error in one of them is raised first, however
        large batches are.
        """
        if self._link_types_in_section == {self._link_type} and not self._refused:
            return True
        columns = batch.columns
        here: Counter[int] = Counter()
        if len(self._in_section) > batch.rows:  # a section may have an interface for each packet
            here.update(self._in_section[number].link_type for number in columns.interface[: batch.rows])
        else:
            totals = array("Q", bytes(8 * TOTALS * len(self._in_section)))
            self._kernels.count_packets(columns, batch.rows, totals, array("Q", bytes(8 * 256)))
            for interface, count in zip(self._in_section, totals[::TOTALS]):
                here[interface.link_type] += count
            here = +here
        if self._link_type is None:
            self._link_type = self._in_section[columns.interface[0]].link_type
        if not self._refused and here.keys() == {self._link_type}:
            return True
        if not self._refused:
            self._by_link_type[self._link_type] += self.packets
            self._refused = True
            link_types = (self._in_section[number].link_type for number in columns.interface[: batch.rows])
            stop = next(row for row, link_type in enumerate(link_types) if link_type != self._link_type)
            self._encode(batch.slice(0, stop))
        self._by_link_type.update(here)
        return False

    def _several_link_types(self) -> str:
        """The message for a capture with packets of several link types."""
        counts = ", ".join(
            f"{link_type_name(link_type)}: {counted(count, 'packet')}"
            for link_type, count in sorted(self._by_link_type.items())
        )
        remedies = f"pcapng ({argument('to', 'pcapng')}) holds them all, "
        if self._chooses == "interface":
            remedies += f"{argument('interface')} takes one, "
        elif self._chooses is not None:
            remedies += f"{argument(self._chooses, True)} leaves out those that were in no tunnel, "
        if self._decapsulates:
            capture, again = f"with {argument('decapsulate')}, the packets are", ""
            split = call("pcapconv.split", by="link-type", decapsulate=None)
        else:
            capture, split = "the capture holds packets", call("pcapconv.split", by="link-type")
            again = f" (with {argument('sidecar', True)}, join rebuilds the capture from them)"
        return (
            f"{capture} of {len(self._by_link_type)} link types, and a pcap file holds one ({counts}); {remedies}and "
            f"{split} writes a file for each{again}"
        )

    def _write_header(self) -> None:
        """Write the file header, once. From here on the resolution is decided."""
        if self._header_written:
            return
        self._header_written = True
        self._nanoseconds = self._nanoseconds or self._needs_nanoseconds
        magic = pcap.NANOSECOND_MAGIC if self._nanoseconds else pcap.MICROSECOND_MAGIC
        order = self._byte_order
        version = b"".join(number.to_bytes(2, order) for number in pcap.VERSION)
        self._output.write(magic.to_bytes(4, order) + version + bytes(8) + self._snaplen_and_link_type())
        for interface in self._in_section:
            self._add_scale(interface)

    def _snaplen_and_link_type(self) -> bytes:
        """The last two words of the file header, for the interfaces so far."""
        word = self.link_type
        length = self._fcs_length()
        if length is not None:
            word |= pcap.FCS_PRESENT | (length // 16) << pcap.FCS_SHIFT
        return self._snaplen().to_bytes(4, self._byte_order) + word.to_bytes(4, self._byte_order)

    def _fcs_length(self) -> int | None:
        """The FCS length in bits that the file header states: the length that all interfaces have, if it is a multiple
        of 16; else None."""
        length = next(iter(self._fcs_lengths), None)
        return length if len(self._fcs_lengths) == 1 and length is not None and length % 16 == 0 else None

    def _snaplen(self) -> int:
        """The snaplen that the file header states: the largest that an interface declares (262144 if an interface has
        no limit), but not less than the longest packet.

        The snaplen of a pcap file, or of a capture without anything that a pcap file cannot hold, stays as it is.
        """
        lowest, highest = self._snaplens
        single = self._interfaces == 1 and not self.has_other_interfaces
        if lowest == highest and (self._was_pcap or (single and not self.losses)):
            return highest
        return max(highest if lowest else pcap.NO_LIMIT_SNAPLEN, self._counts[_LONGEST])

    @property
    def _ticks_per_second(self) -> int:
        return NANOSECONDS if self._nanoseconds else MICROSECONDS

    def _add_scale(self, interface: Interface) -> None:
        """Add an interface's entry to the table for the kernel; see `encode_pcap` in `kernels/interpreted/`."""
        if not _fits_kernel(interface, self._ticks_per_second):
            self._all_fit = False
            self._scales.extend([1] * SCALE)  # never used: `_with_times` converts the ticks of such a section
            return
        factor, divisor = timestamps.ratio(interface.ticks_per_second, self._ticks_per_second)
        offset = interface.time_offset
        self._scales.extend([interface.ticks_per_second, factor, divisor, abs(offset), int(offset < 0), 0])

    def _with_times(self, batch: PacketBatch) -> tuple[Columns, array[int]]:
        """Columns whose ticks were converted to the file's time unit one by one, and the kernel's table for them."""
        columns, per_second = batch.columns.copy(0, batch.rows), self._ticks_per_second
        for row in range(batch.rows):
            if columns.record_type[row] == SIMPLE_PACKET:
                continue
            interface = self._in_section[columns.interface[row]]
            if interface.time_error:
                raise TimeRangeError(
                    f"packet {batch.number(row)}: {interface.time_error}", packet_number=batch.number(row)
                )
            ticks, exact = timestamps.rescale(
                columns.ticks[row], interface.ticks_per_second, interface.time_offset, per_second
            )
            if not 0 <= ticks < per_second << 32:
                raise _out_of_range(batch, row, interface, before=ticks < 0)
            columns.ticks[row] = ticks
            self._counts[_CUT] += not exact
        return columns, array("Q", [per_second, 1, 1, 0, 0, 0] * len(self._in_section))


def _needs_nanoseconds(interface: Interface) -> bool:
    """Whether a tick of the interface is no whole number of microseconds. This depends on the resolution that the
    interface declares, not on its packets; it is also true for 2^-7 s, which is 7812.5 µs."""
    return MICROSECONDS % interface.ticks_per_second != 0


def _fits_kernel(interface: Interface, per_second: int) -> bool:
    """Whether 64 bits are enough for the kernel to convert the interface's ticks into ticks of `per_second`."""
    factor, _ = timestamps.ratio(interface.ticks_per_second, per_second)
    return not interface.time_error and interface.ticks_per_second * factor < 2**64


def _out_of_range(batch: PacketBatch, row: int, interface: Interface, *, before: bool) -> TimeRangeError:
    """The error for a time that pcap cannot hold; `before` is true if it is before 1970."""
    time = timestamps.format_time(batch.columns.ticks[row], interface.ticks_per_second, interface.time_offset)
    limit = "before 1970" if before else "2^32 seconds or more after 1970"
    number = batch.number(row)
    return TimeRangeError(
        f"packet {number}: its time, {time}, is {limit}, which pcap cannot hold", packet_number=number
    )
