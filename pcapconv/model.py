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
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

from pcapconv import timestamps
from pcapconv.errors import FileError, FormatError
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.text import counted

if TYPE_CHECKING:
    from fractions import Fraction

Layout = Literal["pcap", "pcapng"]  # the format of an item's raw bytes

NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class Section(NamedTuple):
    """A pcapng section, or a whole pcap file (pcapng, section "Section Header Block").

    * `number`: counts from 0.
    * `byte_order`: `"little"` or `"big"`.
    * `version`: the format's version, major and minor.
    * `layout`: the format of `raw`, `"pcap"` or `"pcapng"`.
    * `raw`: the block's body, or the pcap file's header; None if an edit made those bytes wrong.
    * `options`: the options of the Section Header Block, raw.
    * `variant`: the name of a variant of pcap, such as `"nanosecond"`; empty for pcapng.
    * `format_only`: counts, by kind, what the header contains that no other format can hold.
    * `changed`: whether a step may leave out or change what follows, so that a length in `raw` may be wrong.
    * `offset`: where the section begins in the capture, in bytes.
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
    offset: int = 0


class Interface(NamedTuple):
    """An interface of a section (pcapng, section "Interface Description Block"). A pcap file has one interface.

    * `id`: counts from 0 within the section. `section` is the number of that section.
    * `link_type`: the number that tcpdump.org assigned.
    * `snaplen`: the largest captured length in bytes; 0 means no limit.
    * `layout`, `byte_order`: as for `Section`.
    * `ticks_per_second`, `time_offset` (seconds): what the ticks of the interface's packets mean. The time is
      `ticks / ticks_per_second + time_offset` seconds since 1970.
    * `time_error`: why the times of its packets cannot be determined, in words; empty if they can.
    * `fcs_length`: the length of the frame check sequence in bits; None if the capture does not state it.
    * `options`: the options of the Interface Description Block, raw.
    * `reserved`: the two reserved bytes of the block.
    * `raw`: the block's body; None if the capture has no such block, or an edit made the body wrong.
    * `offset`: where the block begins in the capture, in bytes; 0 if the capture has no such block.
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

    * `type`: the block type, a number (pcapng, section "Block Type Codes").
    * `body`: the bytes between the block's two lengths.
    * `byte_order`: `"little"` or `"big"`.
    * `section`: the number of the block's section.
    * `offset`: where the block begins in the capture, in bytes.
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
        """The records of a names block, each with `code` and `value` (pcapng, section "Name Resolution Block")."""
        return option_lists.OptionList(self.body, self.byte_order)

    @property
    def options_at(self) -> int:
        """The offset of the block's options in its body, by the table in `spec.pcapng`; the body's length if the block
        has no options."""
        return pcapng.options_at(self.type, self.body, self.byte_order)

    @property
    def option_list(self) -> option_lists.OptionList:
        """The block's options, each with `code` and `value`; empty for a block type that has no options, and for an
        unknown type."""
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

    * `offset`: where the damage begins, in bytes from the start of the capture.
    * `packet_number`: the number that a packet at this offset would have.
    * `reason`: what is wrong, in words.
    * `bytes_left_out`: how many bytes were skipped because of the damage.
    * `section`: the number of the section that lost something; None if a whole section was skipped.
    * `compressed_offset`: if the data of a compressed capture is damaged, where this damage begins in the compressed
      file; None for any other damage. `offset` is then the number of bytes that could be decompressed, and
      `bytes_left_out` counts bytes of the compressed file.
    * `input`: the name of the input, if several are merged; None for the only input.

    `str()` gives a sentence.
    """

    offset: int
    packet_number: int
    reason: str
    bytes_left_out: int
    section: int | None
    compressed_offset: int | None = None
    input: str | None = None

    def __str__(self) -> str:
        where, unit = f"{_input_prefix(self.input)}offset {self.offset} (packet {self.packet_number})", "byte"
        if self.compressed_offset is not None:
            where, unit = f"{where}, offset {self.compressed_offset} of the compressed file", "compressed byte"
            if not self.bytes_left_out:
                return f"{where}: {self.reason}"
        left_out = f"{counted(self.bytes_left_out, unit)} {'is' if self.bytes_left_out == 1 else 'are'} left out"
        return f"{where}: {self.reason}; {left_out}"


class Notice(NamedTuple):
    """Something odd in the input, although nothing is lost.

    * `offset`: where it is, in bytes from the start of the capture; None for the whole capture.
    * `reason`: what is odd, in words.
    * `input`: the name of the input, if several are merged; None for the only input.

    `str()` gives a sentence.
    """

    offset: int | None
    reason: str
    input: str | None = None

    def __str__(self) -> str:
        where = "" if self.offset is None else f"offset {self.offset}: "
        return f"{_input_prefix(self.input)}{where}{self.reason}"


def _input_prefix(name: str | None) -> str:
    """The beginning of a message about one of several inputs; empty for the only input."""
    return "" if name is None else f"{name}: "


class Columns:
    """The packets of a batch as columns: one value for each packet, in plain arrays that NumPy can use without a copy.

    Names that end in `_at` are offsets in the batch's `buffer`. Lengths are in bytes. Columns may be longer than the
    batch has rows: the values from row `rows` on have no meaning.

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
        columns = Columns.__new__(Columns)  # without new arrays
        for name in self.TYPECODES:
            column = getattr(self, name)
            setattr(columns, name, column[:rows] if name in copied else column)
        return columns

    def copy(self, first: int, stop: int) -> Columns:
        """A copy of the rows from `first` up to, but not including, `stop`."""
        columns = Columns.__new__(Columns)
        for name in self.TYPECODES:
            setattr(columns, name, getattr(self, name)[first:stop])
        return columns


class StoredPackets(Protocol):
    """The packets of one section of the input, which can be read again. Implemented by
    `formats.rereading.SectionPackets`."""

    section: Section
    interfaces: list[Interface]

    def read(self, offset: int, length: int, rows: int, first_number: int, buffer: bytearray) -> PacketBatch:
        """Read again the `rows` packets that follow each other in these bytes of the capture, into `buffer` or, if that
        is too short, a new one. Raises FileError, also if there are other packets now."""
        ...

    def changed(self) -> FileError:
        """The error for a file that has other packets than before."""
        ...


class PacketBatch:
    """A run of packets of one section, as arrays. A loop over the batch yields each `Packet`.

    Each of the `rows` packets has a row, from 0, in `columns`.

    * `buffer`: the bytes of all packets, as the file has them.
    * `columns`: one value for each packet, see `Columns`.
    * `rows`: the number of packets; `len()` gives it, too.
    * `section`: the `Section` of the packets. `interfaces` are its interfaces, by id.
    * `first_number`: the number in the capture, from 1, of the first packet. `numbers` has those of all packets if some
      between them were left out, or if packets were sorted.
    * `layout`: the format of the records, `"pcap"` or `"pcapng"`.
    * `contiguous`: whether the records of all rows follow each other in the buffer and no row was changed, so that a
      writer of the same format copies them in one piece.
    * `header_order`: the byte order of those headers inside packets that follow the file's byte order (see
      `pcapconv.formats.pseudo_headers`): the section's, or None if an edit removed bytes at the front of the packets.
    * `stored_packets`: the packets of the section in the input, for steps that read them again; None if that is not
      possible. Those of the batch are in `buffer`, which begins at `buffer_offset` of the capture, unless a step has
      changed the batch: then its section or its interfaces are not theirs, or it is not `contiguous`.
    * `format_only`: counts, by kind, what the records contain that no other format can hold. `count_format_only`
      computes these counts again for a batch with fewer rows.

    With `Capture.items(reuse=True)`, and inside a conversion, a batch is valid until the next item is asked for; `copy`
    gives a batch that stays valid. "Who owns a batch", at the top of `pcapconv/model.py`, has the rules for steps.
    """

    __slots__ = (
        "_mask",
        "_numbers",
        "buffer",
        "buffer_offset",
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
        "stored_packets",
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
        self.stored_packets: StoredPackets | None = None
        self.buffer_offset = 0
        self.format_only = format_only
        self.count_format_only = count_format_only

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Packet]:
        return map(self.packet, range(self.rows))

    @property
    def has_options(self) -> bool:
        """Whether any of the packets has options. This is fast: one comparison of memory."""
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
        """The packets' numbers in the capture, by row; None if they follow each other from `first_number` on."""
        if self._mask is not None:
            all_numbers = count(self.first_number) if self._numbers is None else self._numbers
            self._numbers, self._mask = array("Q", compress(all_numbers, self._mask)), None
        return self._numbers

    @numbers.setter
    def numbers(self, numbers: Sequence[int] | None) -> None:
        self._numbers, self._mask = numbers, None

    def slice(self, first: int, stop: int) -> PacketBatch:
        """A batch of the rows from `first` up to, but not including, `stop`. It has its own columns and shares the
        buffer, so that it is valid as long as this batch."""
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
        """A copy with its own columns and its own buffer, which stays valid. The bytes `appended` come after all others
        in the new buffer. The columns are exactly as long as the batch has rows."""
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
        """The `Packet` in this row, with its own copy of the bytes. Raises IndexError for a row outside the batch."""
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
    """One packet, as a loop over a capture or a batch yields it.

    * `number`: the packet's number in the capture, from 1.
    * `data`: the bytes that were captured.
    * `original_length`: the length of the packet on the wire, in bytes.
    * `ticks`: the timestamp in the interface's own time unit; None for a packet without a time (a Simple Packet).
    * `interface`: the packet's `Interface`. `section` is its `Section`.
    * `options`: the packet's pcapng options, raw; empty in pcap.
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
        """The exact time in seconds since 1970; None for a packet without a time. Raises FormatError if the interface's
        times cannot be determined."""
        return None if self.ticks is None else timestamps.instant(self.ticks, *self._time_unit())

    @property
    def time_ns(self) -> int | None:
        """The time in whole nanoseconds since 1970, rounded down; None for a packet without a time. Raises FormatError
        as
        `time` does."""
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
