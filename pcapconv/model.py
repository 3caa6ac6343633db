"""The packet-record model at which readers, steps and writers meet.

Strategy: a capture is a stream of items in file order. What only one format can say travels along as the bytes that
stood in the file, together with the `layout` (the format's name) that they belong to; a writer of that format copies
them, every other one builds its own from the fields. An edit clears `raw`, so that nobody copies what no longer holds.
Items are named tuples rather than dataclasses, whose import alone takes 30 ms.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, count
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pcapconv import timestamps
from pcapconv.errors import FormatError
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.text import counted

if TYPE_CHECKING:
    from fractions import Fraction

Layout = Literal["pcap", "pcapng"]

NOTHING: Mapping[str, int] = MappingProxyType({})


class Section(NamedTuple):
    """A pcapng section, or a whole pcap file.

    `number` counts from 0. `variant` tells flavours of a layout apart, for people: "nanosecond". `options` are the
    Section Header Block's, raw. `raw` is the block's body, or the pcap file's header, None when it no longer holds.
    `format_only` counts, by kind, what the header says that no other format can hold. `changed` tells that a step
    may leave out or change what follows, so that a length stated in `raw` may be wrong.
    """

    number: int
    byte_order: ByteOrder
    version: tuple[int, int]
    layout: Layout
    raw: bytes | None = None
    options: bytes = b""
    variant: str = ""
    format_only: Mapping[str, int] = NOTHING
    changed: bool = False


class Interface(NamedTuple):
    """An interface of the section that it follows.

    `id` counts from 0 within its section. `snaplen` 0 means no limit. `fcs_length` is in bits, None when not stated.
    `ticks_per_second` and `time_offset` (seconds) say what its packets' ticks mean; `time_error` is a sentence when
    the capture states them in a way that nobody can understand. `options` are the Interface Description Block's, raw;
    `reserved` are the block's two reserved bytes; `raw` is its body, None when the capture has no such block, or when
    it no longer holds. `offset` is where the block begins in the capture, 0 when it has none.
    """

    id: int
    section: int
    link_type: int
    snaplen: int
    layout: Layout
    byte_order: ByteOrder
    ticks_per_second: int = timestamps.MICROSECONDS
    time_offset: int = 0
    time_error: str = ""
    fcs_length: int | None = None
    options: bytes = b""
    reserved: bytes = bytes(2)
    raw: bytes | None = None
    offset: int = 0

    @property
    def unit(self) -> tuple[int, int] | None:
        """The ticks in a second and the offset in seconds; None where nobody can tell the times."""
        return None if self.time_error else (self.ticks_per_second, self.time_offset)


class Block(NamedTuple):
    """Any other pcapng block: names, statistics, secrets, custom, unknown.

    `body` is what stands between its two lengths, `offset` where the block began in the capture.
    """

    type: int
    body: bytes
    byte_order: ByteOrder
    section: int
    offset: int

    @property
    def kind(self) -> str:
        """The kind of metadata that it is: `names`, `statistics`, `secrets`, `custom` or `unknown`."""
        return pcapng.block_type(self.type).kind

    @property
    def name(self) -> str:
        """What it is called; `block` and its type in hex where it has no name."""
        return pcapng.block_type(self.type).name or f"block 0x{self.type:08x}"

    @property
    def entries(self) -> int:
        """How many it counts for: the records of a names block, at least one; else one."""
        return max(1, sum(1 for _ in self.name_records)) if self.type == pcapng.NAME_RESOLUTION else 1

    @property
    def name_records(self) -> option_lists.OptionList:
        """The records of a names block, which have the form of options: type, length, value."""
        return option_lists.OptionList(self.body, self.byte_order)

    @property
    def options_at(self) -> int:
        """Where the block's options begin in its body, by the table of blocks; at the end where there are none."""
        return pcapng.options_at(self.type, self.body, self.byte_order)

    @property
    def option_list(self) -> option_lists.OptionList:
        """The block's options, as far as the table of blocks knows where they are."""
        return option_lists.OptionList(memoryview(self.body)[self.options_at :], self.byte_order)

    @property
    def process_options_at(self) -> int:
        """Where the options of a process block begin in its body; at its end where there are none."""
        return pcapng.process_options_at(self.type, self.body)

    @property
    def is_process(self) -> bool:
        """Whether it says of a process what packets refer to."""
        return pcapng.is_process(self.type, self.body, self.byte_order)

    @property
    def explains_packets(self) -> bool:
        """Whether packets behind it cannot be understood without it: names, secrets, processes."""
        return pcapng.explains_packets(self.type, self.body, self.byte_order)


class Damage(NamedTuple):
    """Something in the input that could not be read.

    `offset` is where it begins, in bytes from the start of the capture, `packet_number` the number that the next
    intact packet would have had there, `bytes_left_out` what was passed over because of it. `section` is the section
    that lost something, None where a whole one was passed over.
    """

    offset: int
    packet_number: int
    reason: str
    bytes_left_out: int
    section: int | None

    def __str__(self) -> str:
        where = f"offset {self.offset} (packet {self.packet_number})"
        left_out = f"{counted(self.bytes_left_out, 'byte')} {'is' if self.bytes_left_out == 1 else 'are'} left out"
        return f"{where}: {self.reason}; {left_out}"


class Notice(NamedTuple):
    """Something odd that costs nothing: everything was read and is kept. `offset` as in `Damage`; None for the whole
    capture."""

    offset: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.offset is None else f"offset {self.offset}: {self.reason}"


class Columns:
    """One entry per packet of a batch; plain arrays that NumPy can look at without a copy.

    They are as long as there is room; what stands behind a batch's `rows` is of no meaning.

    | column | type | meaning |
    |---|---|---|
    | `record_at`, `record_length` | int64, uint32 | the whole record or block in the buffer; 0 once changed |
    | `record_type` | uint8 | 0 for a pcap record, else the pcapng block type: 2 obsolete, 3 Simple, 6 Enhanced |
    | `data_at`, `captured_length`, `original_length` | int64, uint32, uint32 | the packet's bytes, and both lengths |
    | `ticks` | uint64 | the timestamp in the interface's own unit |
    | `interface` | uint32 | the interface's id in its section |
    | `options_at`, `options_length` | int64, uint32 | the packet's pcapng options, raw; length 0 for none |
    """

    __slots__ = (
        "captured_length",
        "data_at",
        "interface",
        "options_at",
        "options_length",
        "original_length",
        "record_at",
        "record_length",
        "record_type",
        "ticks",
    )

    TYPECODES: ClassVar = {
        "record_at": "q",
        "record_length": "I",
        "record_type": "B",
        "data_at": "q",
        "captured_length": "I",
        "original_length": "I",
        "ticks": "Q",
        "interface": "I",
        "options_at": "q",
        "options_length": "I",
    }

    record_at: array[int]
    record_length: array[int]
    record_type: array[int]
    data_at: array[int]
    captured_length: array[int]
    original_length: array[int]
    ticks: array[int]
    interface: array[int]
    options_at: array[int]
    options_length: array[int]

    def __init__(self, capacity: int) -> None:
        for name, typecode in self.TYPECODES.items():
            setattr(self, name, array(typecode, bytes(capacity * array(typecode).itemsize)))

    @property
    def capacity(self) -> int:
        """How many packets there is room for."""
        return len(self.ticks)

    def twin(self, rows: int, *own: str) -> Columns:
        """The same columns, but with those named `own` as copies of so many rows, to be changed."""
        twin = Columns(0)
        for name in self.TYPECODES:
            column = getattr(self, name)
            setattr(twin, name, column[:rows] if name in own else column)
        return twin

    def copy(self, first: int, stop: int) -> Columns:
        """Columns of their own, with the packets of these rows."""
        twin = Columns(0)
        for name in self.TYPECODES:
            setattr(twin, name, getattr(self, name)[first:stop])
        return twin


class PacketBatch:
    """A run of packets of one section: one buffer, and `columns` with one entry for each of `rows` packets.

    Valid until its reader is asked for the next item, since buffers are reused; `keep` gives one that stays.
    `interfaces` are the section's, by id. Packets are numbered from `first_number` on, or by `numbers` where some are
    left out. `contiguous` says that the rows' records follow each other in the buffer and that no row was changed; one
    that was has no record any more (`record_length` 0). `format_only` counts, by kind, what the records say that no
    other format can hold, and `count_format_only` does so anew for some of the rows. `header_order` is the byte order
    of those headers of packets that follow the file's (see `formats.pseudo_headers`): the section's, or None where an
    edit cut the packets' front, and with it such a header.
    """

    __slots__ = (
        "_mask",
        "_numbers",
        "buffer",
        "columns",
        "contiguous",
        "count_format_only",
        "first_number",
        "format_only",
        "header_order",
        "interfaces",
        "layout",
        "rows",
        "section",
    )

    def __init__(
        self,
        buffer: bytearray | bytes,
        columns: Columns,
        rows: int,
        *,
        first_number: int,
        section: Section,
        interfaces: list[Interface],
        format_only: Mapping[str, int] = NOTHING,
        count_format_only: Callable[[PacketBatch], Mapping[str, int]] | None = None,
    ) -> None:
        self.buffer = buffer
        self.columns = columns
        self.rows = rows
        self.first_number = first_number
        self._numbers: Sequence[int] | None = None
        self._mask: bytes | bytearray | None = None
        self.section = section
        self.interfaces = interfaces
        self.layout: Layout = section.layout
        self.contiguous = True
        self.header_order: ByteOrder | None = section.byte_order
        self.format_only = format_only
        self.count_format_only = count_format_only

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Packet]:
        return map(self.packet, range(self.rows))

    @property
    def has_options(self) -> bool:
        """Whether any of the packets has options. Compares memory, which takes no time worth counting."""
        lengths = memoryview(self.columns.options_length)[: self.rows]
        return lengths.tobytes() != bytes(lengths.nbytes)

    def span(self) -> tuple[int, int]:
        """Where the batch's records begin and end in the buffer."""
        if not self.rows:
            return 0, 0
        last = self.rows - 1
        return self.columns.record_at[0], self.columns.record_at[last] + self.columns.record_length[last]

    def number(self, row: int) -> int:
        """The packet's number in the capture, from 1."""
        numbers = self.numbers
        return self.first_number + row if numbers is None else numbers[row]

    @property
    def numbers(self) -> Sequence[int] | None:
        """The packets' numbers, None where they follow each other from `first_number` on. Worked out when asked for."""
        if self._mask is not None:
            of_all = count(self.first_number) if self._numbers is None else self._numbers
            self._numbers, self._mask = array("Q", compress(of_all, self._mask)), None
        return self._numbers

    def part(self, first: int, stop: int) -> PacketBatch:
        """The rows from `first` up to but without `stop`, valid as long as this batch."""
        twin = self._with_columns(self.columns.copy(first, stop), stop - first)
        numbers = self.numbers
        twin.first_number = self.first_number + first
        twin._numbers = None if numbers is None else numbers[first:stop]
        return twin

    def selected(self, columns: Columns, rows: int, mask: bytes | bytearray) -> PacketBatch:
        """The rows whose `mask` is 1, which stand in `columns` now; valid as long as this batch."""
        twin = self._with_columns(columns, rows)
        twin._numbers, twin._mask = self.numbers, mask
        twin.contiguous = False
        return twin

    def _with_columns(self, columns: Columns, rows: int) -> PacketBatch:
        twin = PacketBatch(
            self.buffer,
            columns,
            rows,
            first_number=self.first_number,
            section=self.section,
            interfaces=self.interfaces,
            count_format_only=self.count_format_only,
        )
        twin.contiguous, twin.header_order = self.contiguous, self.header_order
        if self.format_only and self.count_format_only is not None:
            twin.format_only = self.count_format_only(twin)
        return twin

    def keep(self, behind: bytes = b"") -> PacketBatch:
        """The same packets in memory of their own, valid for ever, with these bytes behind all others. Columns are as
        long as there are packets."""
        columns = self.columns.copy(0, self.rows)
        twin = self._with_columns(columns, self.rows)
        twin._numbers = self.numbers
        twin.format_only = self.format_only
        begin, end = self.span()
        if not self.contiguous or (self.layout == "pcap" and self.has_options):  # which stand behind all records there
            places = list(zip(columns.data_at, columns.captured_length))
            places += zip(columns.record_at, columns.record_length)  # also where it no longer holds: its drop count may
            places += [place for place in zip(columns.options_at, columns.options_length) if place[1]]
            begin = min((at for at, _ in places), default=0)
            end = max((at + length for at, length in places), default=0)
        for name in ("record_at", "data_at", "options_at"):
            setattr(columns, name, array("q", map((-begin).__add__, getattr(columns, name))))
        twin.buffer = b"".join((memoryview(self.buffer)[begin:end], behind))
        return twin

    def packet(self, row: int) -> Packet:
        """One row as a `Packet` that owns its bytes. Raises IndexError beyond the last."""
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of a batch of {self.rows}")
        columns = self.columns
        data_at, options_at = columns.data_at[row], columns.options_at[row]
        return Packet(
            number=self.number(row),
            data=memoryview(self.buffer)[data_at : data_at + columns.captured_length[row]].tobytes(),
            original_length=columns.original_length[row],
            ticks=None if columns.record_type[row] == pcapng.SIMPLE_PACKET else columns.ticks[row],
            interface=self.interfaces[columns.interface[row]],
            options=bytes(self.buffer[options_at : options_at + columns.options_length[row]]),
            section=self.section,
        )


class Packet(NamedTuple):
    """One packet, for those who iterate.

    `number` counts from 1 through the capture. `ticks` is None for a packet without a time (a Simple Packet).
    `options` are its pcapng options, raw.
    """

    number: int
    data: bytes
    original_length: int
    ticks: int | None
    interface: Interface
    options: bytes
    section: Section

    @property
    def captured_length(self) -> int:
        """How many of its bytes were captured."""
        return len(self.data)

    @property
    def time(self) -> Fraction | None:
        """The exact time in seconds since 1970, None without one. Raises FormatError where nobody can tell."""
        return None if self.ticks is None else timestamps.instant(self.ticks, *self._unit())

    @property
    def time_ns(self) -> int | None:
        """The time in whole nanoseconds since 1970, rounded down, None without one; FormatError as in `time`."""
        return None if self.ticks is None else timestamps.to_units(self.ticks, *self._unit(), timestamps.NANOSECONDS)[0]

    def _unit(self) -> tuple[int, int]:
        if self.interface.time_error:
            raise FormatError(f"packet {self.number}: {self.interface.time_error}")
        return self.interface.ticks_per_second, self.interface.time_offset

    @property
    def comments(self) -> list[str]:
        """Its comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.options, self.section.byte_order).comments)


Item = Section | Interface | PacketBatch | Block | Damage | Notice
