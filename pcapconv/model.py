"""The model of a capture at which readers, steps and writers meet: sections, interfaces, packets, other blocks.

* A capture is a stream of **items** in file order: `Section`, `Interface`, `PacketBatch`, `Block`, `Damage`, `Notice`.
* A **batch** is a run of packets of one section: a `buffer` of bytes, and `columns` with one value for each packet.
* A **row** is the index of a packet in its batch's columns, from 0. The packet's number in the capture is another
  thing: it counts from 1, and `PacketBatch.number` gives it.
* A **record** is the bytes of one packet as its file has them, in the buffer: a pcap record or a pcapng packet block,
  with its header. A writer of the same format copies the record. A row that an edit changed *has no record*: its
  `record_length` is 0, and every writer encodes the packet from its columns.
* **Who owns a batch**: the step or writer that received the batch last, until that step or writer asks for the next
  item. The owner may change the batch's attributes and the values in its columns, but not the bytes in `buffer`,
  which other batches share (the one exception: a split overwrites the interface ids in the blocks that it writes
  next). A step that passes the batch on is no longer its owner, and does not use it again. When the next item is
  asked for, the batch becomes invalid, since readers reuse buffers and columns; `copy` gives a batch that stays
  valid. `pcapconv.steps.Step` has the rules for changing a batch.
* The **layout** of an item is the format of its raw bytes, `pcap` or `pcapng`. A writer of that format copies the raw
  bytes; a writer of the other format makes new bytes from the item's fields. A step that edits an item sets its `raw`
  to None.

Items are named tuples, not dataclasses, whose import alone takes 30 ms.
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

Layout = Literal["pcap", "pcapng"]  # the format of an item's raw bytes

NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class Section(NamedTuple):
    """A pcapng section, or a whole pcap file.

    `number` counts from 0. `variant` names the variant of pcap, for people: "nanosecond"; it is empty for pcapng.
    `options` are the Section Header Block's options, raw. `raw` is the block's body or the pcap file's header; None if
    an edit made those bytes wrong. `format_only` counts, by kind, what the header contains that no other format can
    hold. `changed` is true if a step may leave out or change what follows, so that a length in `raw` may be wrong.
    """

    number: int
    byte_order: ByteOrder
    version: tuple[int, int]
    layout: Layout
    raw: bytes | None = None
    options: bytes = b""
    variant: str = ""
    format_only: Mapping[str, int] = NO_COUNTS
    changed: bool = False


class Interface(NamedTuple):
    """An interface of the section that it follows.

    `id` counts from 0 within its section, `section` is that section's number. `snaplen` 0 means no limit. `fcs_length`
    is in bits, None if the capture does not state it. `ticks_per_second` and `time_offset` (seconds) define what the
    ticks of the interface's packets mean; `time_error` says in words why these packets' times cannot be determined, and
    is empty if they can. `options` are the Interface Description Block's options, raw; `reserved` are the block's two
    reserved bytes; `raw` is the block's body, None if the capture has no such block or an edit made the body wrong.
    `offset` is where the block begins in the capture, 0 if the capture has no such block.
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
    def time_unit(self) -> tuple[int, int] | None:
        """The ticks in a second and the offset in seconds; None if times cannot be determined."""
        return None if self.time_error else (self.ticks_per_second, self.time_offset)


class Block(NamedTuple):
    """Any pcapng block besides sections, interfaces and packets: names, statistics, secrets, custom, unknown.

    `type` is its block type, `body` the bytes between its two lengths, `section` the number of its section, `offset`
    where the block began in the capture.
    """

    type: int
    body: bytes
    byte_order: ByteOrder
    section: int
    offset: int

    @property
    def kind(self) -> str:
        """The kind of metadata in the block: `names`, `statistics`, `secrets`, `custom` or `unknown`."""
        return pcapng.block_type(self.type).kind

    @property
    def name(self) -> str:
        """The name of the block's type; `block` and the type in hex if the type has no name."""
        return pcapng.block_type(self.type).name or f"block 0x{self.type:08x}"

    @property
    def entries(self) -> int:
        """The number that is added to a count of losses if the block is lost: for a names block, the number of its
        records, but at least 1; for any other block, 1."""
        return max(1, sum(1 for _ in self.name_records)) if self.type == pcapng.NAME_RESOLUTION else 1

    @property
    def name_records(self) -> option_lists.OptionList:
        """The records of a names block, which have the form of an option list: type, length, value."""
        return option_lists.OptionList(self.body, self.byte_order)

    @property
    def options_at(self) -> int:
        """The offset of the block's options in its body, by the table in `spec.pcapng`; the body's length if the block
        has no options."""
        return pcapng.options_at(self.type, self.body, self.byte_order)

    @property
    def option_list(self) -> option_lists.OptionList:
        """The block's options; empty for a block type that has no options by the table in `spec.pcapng`."""
        return option_lists.OptionList(memoryview(self.body)[self.options_at :], self.byte_order)

    @property
    def process_options_at(self) -> int:
        """The offset of a process block's options in its body; the body's length if the block has no options."""
        return pcapng.process_options_at(self.type, self.body)

    @property
    def is_process(self) -> bool:
        """Whether the block describes a process that packets refer to."""
        return pcapng.is_process(self.type, self.body, self.byte_order)

    @property
    def explains_packets(self) -> bool:
        """Whether readers need this block to understand the packets after it: names, secrets, processes."""
        return pcapng.explains_packets(self.type, self.body, self.byte_order)


class Damage(NamedTuple):
    """Something in the input that could not be read.

    `offset` is where the damage begins, in bytes from the start of the capture. `packet_number` is the number that a
    packet at this offset would have. `bytes_left_out` is how many bytes were skipped because of the damage. `section`
    is the number of the section that lost something, None if a whole section was skipped.

    If the data of a compressed capture is damaged, `compressed_offset` is where this damage begins in the compressed
    file, and `bytes_left_out` counts bytes of this file; `offset` is the number of bytes that could be decompressed.
    """

    offset: int
    packet_number: int
    reason: str
    bytes_left_out: int
    section: int | None
    compressed_offset: int | None = None

    def __str__(self) -> str:
        where, unit = f"offset {self.offset} (packet {self.packet_number})", "byte"
        if self.compressed_offset is not None:
            where, unit = f"{where}, offset {self.compressed_offset} of the compressed file", "compressed byte"
            if not self.bytes_left_out:
                return f"{where}: {self.reason}"
        left_out = f"{counted(self.bytes_left_out, unit)} {'is' if self.bytes_left_out == 1 else 'are'} left out"
        return f"{where}: {self.reason}; {left_out}"


class Notice(NamedTuple):
    """Something odd in the input that loses nothing. `offset` is as in `Damage`; None for the whole capture."""

    offset: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.offset is None else f"offset {self.offset}: {self.reason}"


class Columns:
    """The packets of a batch as columns: one value for each packet, in plain arrays that NumPy can use without a copy.

    Names that end in `_at` are offsets in the batch's buffer. Columns may be longer than the batch has rows; the values
    from row `rows` on have no meaning.

    | column | type | meaning |
    |---|---|---|
    | `record_at`, `record_length` | int64, uint32 | the packet's record; length 0 if the row has no record any more |
    | `record_type` | uint8 | 0 for a pcap record, else the pcapng block type: 2 obsolete, 3 Simple, 6 Enhanced |
    | `data_at`, `captured_length`, `original_length` | int64, uint32, uint32 | the packet's bytes, and both lengths |
    | `ticks` | uint64 | the timestamp, in the interface's own time unit |
    | `interface` | uint32 | the interface's id in its section |
    | `options_at`, `options_length` | int64, uint32 | the packet's pcapng options, raw; length 0 without options |
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
        """The number of packets that the columns have room for."""
        return len(self.ticks)

    def with_copies(self, rows: int, *copied: str) -> Columns:
        """New columns that share these arrays, except those named `copied`: copies of the first `rows` values, which
        the caller may change."""
        columns = Columns(0)
        for name in self.TYPECODES:
            column = getattr(self, name)
            setattr(columns, name, column[:rows] if name in copied else column)
        return columns

    def copy(self, first: int, stop: int) -> Columns:
        """A copy of the rows from `first` up to, but without, `stop`."""
        columns = Columns(0)
        for name in self.TYPECODES:
            setattr(columns, name, getattr(self, name)[first:stop])
        return columns


class PacketBatch:
    """A run of packets of one section: one `buffer`, and `columns` with one value for each of `rows` packets.

    A batch is valid until its owner asks for the next item; `copy` gives a batch that stays valid. "Who owns a batch"
    at the top of this module says who the owner is, and why.

    `interfaces` are the section's, by id. Packets are numbered from `first_number` on, or by `numbers` if some were
    left out. `contiguous` is true if the records of all rows follow each other in the buffer and no row was changed, so
    that a writer of the same format copies them in one piece. `format_only` counts, by kind, what the records contain
    that no other format can hold; `count_format_only` computes these counts again for a batch with fewer rows.
    `header_order` is the byte order of those headers inside packets that follow the file's byte order (see
    `formats.pseudo_headers`): the section's, or None if an edit cut the front of the packets, and such headers with it.
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
        format_only: Mapping[str, int] = NO_COUNTS,
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
        """Whether any of the packets has options. Fast: one comparison of memory."""
        lengths = memoryview(self.columns.options_length)[: self.rows]
        return lengths.tobytes() != bytes(lengths.nbytes)

    def span(self) -> tuple[int, int]:
        """The offsets in the buffer at which the first record begins and the last one ends, if `contiguous`."""
        if not self.rows:
            return 0, 0
        last = self.rows - 1
        return self.columns.record_at[0], self.columns.record_at[last] + self.columns.record_length[last]

    def number(self, row: int) -> int:
        """The number, from 1, that the packet in this row has in the capture."""
        numbers = self.numbers
        return self.first_number + row if numbers is None else numbers[row]

    @property
    def numbers(self) -> Sequence[int] | None:
        """The packets' numbers, by row; None if they follow each other from `first_number` on. Computed when needed."""
        if self._mask is not None:
            all_numbers = count(self.first_number) if self._numbers is None else self._numbers
            self._numbers, self._mask = array("Q", compress(all_numbers, self._mask)), None
        return self._numbers

    def slice(self, first: int, stop: int) -> PacketBatch:
        """A batch of the rows from `first` up to, but without, `stop`: with copied columns and the same buffer, and
        valid as long as this batch."""
        batch = self._with_columns(self.columns.copy(first, stop), stop - first)
        numbers = self.numbers
        batch.first_number = self.first_number + first
        batch._numbers = None if numbers is None else numbers[first:stop]
        return batch

    def selected(self, columns: Columns, rows: int, mask: bytes | bytearray) -> PacketBatch:
        """A batch of the rows whose `mask` is 1, which the caller has copied to `columns`: with the same buffer, and
        valid as long as this batch."""
        batch = self._with_columns(columns, rows)
        batch._numbers, batch._mask = self.numbers, mask
        batch.contiguous = False
        return batch

    def _with_columns(self, columns: Columns, rows: int) -> PacketBatch:
        batch = PacketBatch(
            self.buffer,
            columns,
            rows,
            first_number=self.first_number,
            section=self.section,
            interfaces=self.interfaces,
            count_format_only=self.count_format_only,
        )
        batch.contiguous, batch.header_order = self.contiguous, self.header_order
        if self.format_only and self.count_format_only is not None:
            batch.format_only = self.count_format_only(batch)
        return batch

    def copy(self, appended: bytes = b"") -> PacketBatch:
        """A copy with its own columns and its own buffer, which stays valid. `appended` comes after all other bytes of
        the new buffer. The columns are exactly as long as the batch has rows."""
        columns = self.columns.copy(0, self.rows)
        batch = self._with_columns(columns, self.rows)
        batch._numbers = self.numbers
        batch.format_only = self.format_only
        begin, end = self.span()
        if not self.contiguous or (self.layout == "pcap" and self.has_options):  # pcap's options are behind all records
            spans = list(zip(columns.data_at, columns.captured_length))
            spans += zip(columns.record_at, columns.record_length)  # also of a changed row, for its drop count
            spans += [span for span in zip(columns.options_at, columns.options_length) if span[1]]
            begin = min((at for at, _ in spans), default=0)
            end = max((at + length for at, length in spans), default=0)
        for name in ("record_at", "data_at", "options_at"):
            setattr(columns, name, array("q", map((-begin).__add__, getattr(columns, name))))
        batch.buffer = b"".join((memoryview(self.buffer)[begin:end], appended))
        return batch

    def packet(self, row: int) -> Packet:
        """The packet in this row, with its own copy of the bytes. Raises IndexError for a row outside the batch."""
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
    """One packet, as iterating over a capture or a batch gives it.

    `number` counts from 1 through the capture. `data` is the bytes that were captured. `ticks` is the timestamp in the
    interface's own time unit, None for a packet without a time (a Simple Packet). `options` are its pcapng options,
    raw.
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
        """The number of bytes that were captured."""
        return len(self.data)

    @property
    def time(self) -> Fraction | None:
        """The exact time in seconds since 1970; None for a packet without a time. Raises FormatError if it cannot be
        determined."""
        return None if self.ticks is None else timestamps.instant(self.ticks, *self._time_unit())

    @property
    def time_ns(self) -> int | None:
        """The time in whole nanoseconds since 1970, rounded down. None, and FormatError, as for `time`."""
        if self.ticks is None:
            return None
        return timestamps.rescale(self.ticks, *self._time_unit(), timestamps.NANOSECONDS)[0]

    def _time_unit(self) -> tuple[int, int]:
        if self.interface.time_error:
            raise FormatError(f"packet {self.number}: {self.interface.time_error}")
        return self.interface.ticks_per_second, self.interface.time_offset

    @property
    def comments(self) -> list[str]:
        """The packet's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.options, self.section.byte_order).comments)


Item = Section | Interface | PacketBatch | Block | Damage | Notice
