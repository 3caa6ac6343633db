"""Writes pcap: a pcap file as the bytes that it was, a pcapng capture as what pcap can hold of it.

Strategy: the file header waits for the first packets, when it is known which interfaces there are, and its snaplen is
put right at the end. What has no place in pcap goes to the loss counts. Times are exact: the kernel does the
resolutions whose arithmetic fits 64 bits, ordinary integers the others.
"""

from __future__ import annotations

from array import array
from collections import Counter

from pcapconv import timestamps
from pcapconv.errors import NeedsNanosecondsError, TargetError, TimeRangeError
from pcapconv.formats.losses import PcapLosses
from pcapconv.formats.pseudo_headers import with_headers_in
from pcapconv.formats.settings import WriterSettings
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
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, to_units
from pcapconv.wording import argument, call

_CUT, _TIMELESS, _LONGEST = 0, 1, 2  # in the kernel's counts


class PcapWriter:
    """Takes items in file order, then `finish`. `losses` counts by kind what pcap cannot hold.

    The nanosecond magic is demanded, or chosen by the interfaces that there are before the first packet. Raises
    TargetError for what pcap cannot hold at all, NeedsNanosecondsError where that choice proves wrong too late.
    """

    format = "pcap"

    def __init__(self, output: BufferedOutput, settings: WriterSettings) -> None:
        self._output = output
        self._kernels = choose()
        self._nanoseconds = settings.nanoseconds
        self._header_written = False
        self._verbatim = False
        self.zeros_at_end = 0
        self._byte_order: ByteOrder = "little"
        self._sections = 0
        self._length_at = 0
        self._in_section: list[Interface] = []
        self._link_types_here: set[int] = set()
        self._all_fit = True  # whether the kernel can do the arithmetic of all in the section
        self._interfaces = 0  # in all sections
        self._first_link_type = ETHERNET
        self._needs_nanoseconds = False
        self._snaplens = 0, 0  # the lowest and the highest that interfaces state
        self._was_pcap = False
        self._fcs_lengths: set[int | None] = set()
        self._link_type: int | None = None
        self._by_link_type: Counter[int] = Counter()
        self._refused = False
        self._scale = array("Q")
        self._counts = array("Q", [0, 0, 0])
        self._losses = PcapLosses()
        self.packets = 0
        self.others = False

    @property
    def losses(self) -> Counter[str]:
        """What could not be held so far, by kind."""
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
        """That of the packets written so far."""
        if self._verbatim and self._in_section:
            return self._in_section[0].link_type
        return self._first_link_type if self._link_type is None else self._link_type

    def write(self, item: Item) -> None:
        """Write one item. Raises TargetError, NeedsNanosecondsError, and FileError when the system refuses."""
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
        """Write what is left, and the snaplen that holds for the whole file. Raises as `write` does."""
        if self._refused:
            raise TargetError(self._several_link_types())
        self._write_header()
        self._output.finish()
        if self._length_at and self._output.seekable:  # Ixia's, which counts the records' bytes
            length = self._output.position - self._length_at - 4
            self._output.overwrite(self._length_at, min(length, 2**32 - 1).to_bytes(4, self._byte_order))
        if not self._verbatim and self._output.seekable:
            self._output.overwrite(pcap.SNAPLEN_AT, self._snaplen_and_link_type())

    def _note_end(self, batch: PacketBatch) -> None:
        """Count the packets behind the last one whose record is not zeros from end to end."""
        columns, row = batch.columns, batch.rows - 1
        units = NANOSECONDS if self._nanoseconds or self._verbatim else MICROSECONDS
        while row >= 0 and not (columns.captured_length[row] or columns.original_length[row]):
            interface = batch.interfaces[columns.interface[row]]
            unit = interface.ticks_per_second, interface.time_offset
            timeless = columns.record_type[row] == SIMPLE_PACKET or bool(interface.time_error)
            if not timeless and to_units(columns.ticks[row], *unit, units)[0]:
                break
            row -= 1
        self.zeros_at_end = batch.rows - 1 - row + (self.zeros_at_end if row < 0 else 0)

    def _open_section(self, section: Section) -> None:
        if not self._sections:
            self._byte_order = section.byte_order
        self._sections += 1
        self._in_section = []
        self._link_types_here = set()
        self._all_fit = True
        self._scale = array("Q")
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
        self._link_types_here.add(interface.link_type)
        if self._verbatim:
            return
        if not self._interfaces:
            self._first_link_type = interface.link_type
            self._snaplens = interface.snaplen, interface.snaplen
        self._interfaces += 1
        self._was_pcap = interface.layout == "pcap"
        lowest, highest = self._snaplens
        self._snaplens = min(lowest, interface.snaplen), max(highest, interface.snaplen)
        self._fcs_lengths.add(interface.fcs_length)
        self._needs_nanoseconds = self._needs_nanoseconds or _needs_nanoseconds(interface)
        self._losses.add_interface(interface)
        too_late = self._header_written and not self._refused
        if too_late and not self._nanoseconds and _needs_nanoseconds(interface):
            raise NeedsNanosecondsError(
                f"interface {interface.id} of section {interface.section} comes after packets and needs nanoseconds"
            )
        if self._header_written:
            self._add_scale(interface)

    def _write_batch(self, batch: PacketBatch) -> None:
        self._note_end(batch)
        if self._verbatim:
            self._copy_batch(batch)
            return
        if self._one_link_type(batch):
            self._encode(batch)

    def _encode(self, batch: PacketBatch) -> None:
        self._write_header()
        self._losses.add_batch(batch)
        batch = with_headers_in(self._byte_order, batch)
        columns, scale = batch.columns, self._scale
        if not self._all_fit:
            columns, scale = self._with_times(batch)
        output, row, big = self._output, 0, self._byte_order == "big"
        while True:
            row, output.at, status = self._kernels.encode_pcap(
                batch.buffer, columns, row, batch.rows, output.buffer, output.at, big, scale, self._counts
            )
            if status == MORE:
                break
            if status == FULL and not output.make_room(pcap.RECORD_SIZE + columns.captured_length[row]):
                status = self._write_long(batch, columns, row, scale)
                row += status == MORE
            if status not in (FULL, MORE):
                interface = self._in_section[columns.interface[row]]
                raise TimeRangeError(_out_of_range(batch, row, interface, before=status == BEFORE_1970))
        self.packets += batch.rows

    def _write_long(self, batch: PacketBatch, columns: Columns, row: int, scale: array[int]) -> int:
        """A packet that no buffer holds: its record's header, and bytes that are taken from where they are. Returns the
        kernel's status, MORE when it is written."""
        order, captured = self._byte_order, columns.captured_length[row]
        empty, header = columns.copy(row, row + 1), bytearray(pcap.RECORD_SIZE)
        empty.captured_length[0] = 0
        status: int
        _, _, status = self._kernels.encode_pcap(
            batch.buffer, empty, 0, 1, header, 0, order == "big", scale, self._counts
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
            begin, end = batch.span()
            with memoryview(batch.buffer) as view, view[begin:end] as records:
                self._output.write(records)
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

    def _one_link_type(self, batch: PacketBatch) -> bool:
        """Whether the packets may be written: not once there were several link types; from then on they only count.
        Those before the first of another link type are written, so that what is wrong with one of them is said first,
        however many come at once."""
        if self._link_types_here == {self._link_type} and not self._refused:
            return True
        totals = array("Q", bytes(8 * TOTALS * len(self._in_section)))
        columns = batch.columns
        self._kernels.count_packets(columns, batch.rows, totals, array("Q", bytes(8 * 256)))
        here: Counter[int] = Counter()
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
            kinds = (self._in_section[number].link_type for number in columns.interface[: batch.rows])
            self._encode(batch.part(0, next(row for row, kind in enumerate(kinds) if kind != self._link_type)))
        self._by_link_type.update(here)
        return False

    def _several_link_types(self) -> str:
        counts = ", ".join(
            f"{link_type_name(kind)}: {counted(count, 'packet')}" for kind, count in sorted(self._by_link_type.items())
        )
        return (
            f"the capture holds packets of {len(self._by_link_type)} link types, and a pcap file holds one "
            f"({counts}); pcapng ({argument('to', 'pcapng')}) holds them all, {argument('interface')} takes one, and "
            f"{call('pcapconv.split', by='link-type')} writes a file for each "
            f"(with {argument('sidecar', True)}, join makes one of them again)"
        )

    def _write_header(self) -> None:
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
        """The last two words of the file header, as far as the interfaces are known."""
        word = self.link_type
        length = self._fcs_length()
        if length is not None:
            word |= pcap.FCS_PRESENT | (length // 16) << pcap.FCS_SHIFT
        return self._snaplen().to_bytes(4, self._byte_order) + word.to_bytes(4, self._byte_order)

    def _fcs_length(self) -> int | None:
        """The FCS length in bits that the file header can state: one that holds for all, in 16-bit words."""
        length = next(iter(self._fcs_lengths), None)
        return length if len(self._fcs_lengths) == 1 and length is not None and length % 16 == 0 else None

    def _snaplen(self) -> int:
        """The largest that an interface states, and not below the longest packet.

        The one statement of a capture that is pcap, or says no more than a pcap file can, stays as it is.
        """
        lowest, highest = self._snaplens
        alone = self._interfaces == 1 and not self.others
        if lowest == highest and (self._was_pcap or (alone and not self.losses)):
            return highest
        return max(highest if lowest else pcap.NO_LIMIT_SNAPLEN, self._counts[_LONGEST])

    @property
    def _units(self) -> int:
        return NANOSECONDS if self._nanoseconds else MICROSECONDS

    def _add_scale(self, interface: Interface) -> None:
        """The kernel's row for an interface; see `encode_pcap` in `kernels/interpreted.py`."""
        if not _fits_kernel(interface, self._units):
            self._all_fit = False
            self._scale.extend([1] * SCALE)  # never used: such a section's ticks are worked out beforehand
            return
        multiply, divide = timestamps.ratio(interface.ticks_per_second, self._units)
        offset = interface.time_offset
        self._scale.extend([interface.ticks_per_second, multiply, divide, abs(offset), int(offset < 0), 0])

    def _with_times(self, batch: PacketBatch) -> tuple[Columns, array[int]]:
        """Columns whose ticks are in the file's own unit, worked out one by one, and the scale that says so."""
        columns, units = batch.columns.copy(0, batch.rows), self._units
        for row in range(batch.rows):
            if columns.record_type[row] == SIMPLE_PACKET:
                continue
            interface = self._in_section[columns.interface[row]]
            if interface.time_error:
                raise TimeRangeError(f"packet {batch.number(row)}: {interface.time_error}")
            ticks, exact = timestamps.to_units(
                columns.ticks[row], interface.ticks_per_second, interface.time_offset, units
            )
            if not 0 <= ticks < units << 32:
                raise TimeRangeError(_out_of_range(batch, row, interface, before=ticks < 0))
            columns.ticks[row] = ticks
            self._counts[_CUT] += not exact
        return columns, array("Q", [units, 1, 1, 0, 0, 0] * len(self._in_section))


def _needs_nanoseconds(interface: Interface) -> bool:
    """Whether microseconds cannot hold each of the interface's ticks."""
    return MICROSECONDS % interface.ticks_per_second != 0


def _fits_kernel(interface: Interface, units: int) -> bool:
    """Whether 64 bits are enough for the kernel's arithmetic."""
    multiply, _ = timestamps.ratio(interface.ticks_per_second, units)
    return not interface.time_error and interface.ticks_per_second * multiply < 2**64


def _out_of_range(batch: PacketBatch, row: int, interface: Interface, *, before: bool) -> str:
    time = timestamps.format_time(batch.columns.ticks[row], interface.ticks_per_second, interface.time_offset)
    limit = "before 1970" if before else "2^32 seconds or more after 1970"
    return f"packet {batch.number(row)}: its time, {time}, is {limit}, which pcap cannot hold"
