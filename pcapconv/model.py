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
from functools import lru_cache
from itertools import compress, count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pcapconv import timestamps
from pcapconv.columns import Columns as Columns  # readers, steps and writers import it from here
from pcapconv.errors import FileError, FormatError, UsageError
from pcapconv.kernels import choose
from pcapconv.spec import ByteOrder, link_types, option_lists, pcapng
from pcapconv.spec.decoded_options import Options
from pcapconv.text import counted
from pcapconv.wording import argument

if TYPE_CHECKING:
    from datetime import datetime as DateTime  # noqa: N812 - `datetime` is a property of packets
    from fractions import Fraction

    from pcapconv.header_columns import HeaderColumns
    from pcapconv.headers import Headers

Layout = Literal["pcap", "pcapng"]  # the format of an item's raw bytes

_HAS_TIME = bytes(code != pcapng.SIMPLE_PACKET for code in range(256))  # by record type
NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class Section(NamedTuple):
    """A pcapng section, or a whole pcap file (pcapng, section "Section Header Block").

    * `number`: counts from 0.
    * `byte_order`: `"little"` or `"big"`.
    * `version`: the format's version, major and minor.
    * `layout`: the format of `raw`, `"pcap"` or `"pcapng"`.
    * `raw`: the block's body, or the pcap file's header; None if an edit made those bytes wrong.
    * `raw_options`: the options of the Section Header Block, as bytes.
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
    raw_options: bytes = b""
    variant: str = ""
    format_only: Mapping[str, int] = NO_COUNTS
    changed: bool = False
    offset: int = 0

    @property
    def options(self) -> Options:
        """The section's options, decoded, by name; empty for pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.byte_order, pcapng.SECTION_HEADER)

    @property
    def comments(self) -> list[str]:
        """The section's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.raw_options, self.byte_order).comments)

    def __hash__(self) -> int:
        return hash(self[:7] + self[8:])  # without the counts, which are a dictionary

    def __reduce__(self) -> tuple[type[Section], tuple[object, ...]]:
        return Section, (*self[:7], dict(self.format_only), *self[8:])


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
    * `raw_options`: the options of the Interface Description Block, as bytes.
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
    raw_options: bytes = b""
    reserved: bytes = bytes(2)
    raw: bytes | None = None
    offset: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled_interface, tuple(self)

    @property
    def time_unit(self) -> tuple[int, int] | None:
        """The ticks in a second and the offset in seconds; None if times cannot be determined."""
        return None if self.time_error else (self.ticks_per_second, self.time_offset)

    @property
    def options(self) -> Options:
        """The interface's options, decoded, by name; empty for pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.byte_order, pcapng.INTERFACE_DESCRIPTION)

    @property
    def name(self) -> str | None:
        """The name that the capture gives the interface (`if_name`), such as `"eth0"`; None if it gives none."""
        return self._text(pcapng.IF_NAME)

    @property
    def description(self) -> str | None:
        """The interface's description (`if_description`); None if the capture has none."""
        return self._text(pcapng.IF_DESCRIPTION)

    @property
    def link_type_name(self) -> str:
        """The link type for people: `ETHERNET (1)`, or `link type 12345` for a number without a name."""
        return link_types.link_type_name(self.link_type)

    @property
    def comments(self) -> list[str]:
        """The interface's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return list(option_lists.OptionList(self.raw_options, self.byte_order).comments)

    def _text(self, code: int) -> str | None:
        value = option_lists.OptionList(self.raw_options, self.byte_order).first(code)
        return None if value is None else option_lists.text(value)


@lru_cache(maxsize=4096)
def _unpickled_interface(*fields: Any) -> Interface:
    """An interface from a pickle: equal ones are one object, as all packets of an interface have the same one."""
    return Interface(*fields)


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


class PacketRows(Protocol):
    """The packets of a batch, made one after the other. Implemented by the kernel of this name."""

    def __iter__(self) -> Iterator[Packet]:
        """The one loop over the packets."""
        ...

    @property
    def done(self) -> int:
        """How many of the packets were made."""
        ...

    def stop(self) -> None:
        """Make no more packets."""
        ...


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
    * `columns`: one value for each packet, see `Columns`. For users, properties such as `time_ns` and `captured_length`
      give columns that are exactly as long as the batch has packets: read-only buffers, which NumPy, pandas and Arrow
      take without a copy.
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
      computes these counts again for a batch with fewer rows; without it, they stay as they are.

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
        return iter(self.packet_rows())

    def packet_rows(self) -> PacketRows:
        """The packets of the batch: one loop over them, which knows how many it gave. See the kernel `PacketRows`."""
        rows: PacketRows = choose().PacketRows(
            self._describe, self.buffer, self.columns, self.rows, self.section, self.first_number, self.numbers
        )
        return rows

    def _describe(self, interface_id: int) -> tuple[type, Interface, tuple[int, int, int, int, int]]:
        """What kernels need of an interface: the type of its packets, itself, and the scale of its times."""
        interface = self.interfaces[interface_id]
        if interface.time_error:
            return _UndatedPacket, interface, (0, 0, 0, 0, 0)
        scale = timestamps.nanosecond_scale(interface.ticks_per_second, interface.time_offset)
        return Packet, interface, scale

    def _column(self, name: str) -> memoryview:
        return memoryview(getattr(self.columns, name))[: self.rows].toreadonly()

    @property
    def ticks(self) -> memoryview:
        """Each packet's timestamp in its interface's own time unit, as uint64; 0 if it has none."""
        return self._column("ticks")

    @property
    def time_ns(self) -> memoryview:
        """Each packet's time in nanoseconds since 1970, rounded down, as int64; 0 if it has none, see `has_time`. It is
        computed each time that you ask. Raises FormatError if a time cannot be determined, or int64 cannot hold it."""
        times = array("q", bytes(8 * self.rows))
        row: int = choose().exact_times(self._describe, self.columns, self.rows, times)
        if row < self.rows:
            time = self.packet(row).time_ns
            raise FormatError(f"packet {self.number(row)}: its time, {time} ns since 1970, does not fit into 64 bits")
        return memoryview(times).toreadonly()

    @property
    def has_time(self) -> memoryview[bool]:
        """Whether each packet has a time, as bool. Simple Packets of pcapng have none."""
        return memoryview(self._column("record_type").tobytes().translate(_HAS_TIME)).cast("?")

    @property
    def captured_length(self) -> memoryview:
        """The number of each packet's bytes that were captured, as uint32."""
        return self._column("captured_length")

    @property
    def original_length(self) -> memoryview:
        """Each packet's length on the wire in bytes, as uint32."""
        return self._column("original_length")

    @property
    def interface_id(self) -> memoryview:
        """The id of each packet's interface in its section, as uint32: an index of `interfaces`."""
        return self._column("interface")

    @property
    def data_at(self) -> memoryview:
        """The offset of each packet's bytes in `buffer`, as int64."""
        return self._column("data_at")

    @property
    def packet_numbers(self) -> memoryview:
        """Each packet's number in the capture, from 1, as uint64."""
        numbers = self.numbers
        if numbers is None:
            numbers = range(self.first_number, self.first_number + self.rows)
        return memoryview(array("Q", numbers)).toreadonly()

    def headers(self, *names: str, inner: bool = False, into: HeaderColumns | None = None) -> HeaderColumns:
        """What the packets' own bytes say, as columns with these names; without names, all of them.

        With `inner`, the columns describe the innermost packet of tunnels. `into` are columns of an earlier call with
        the same names, which are filled again if they are long enough. Raises UsageError for a name that is not a
        column. `HeaderColumns` describes the columns.
        """
        from pcapconv.headers import read_headers  # here and below: a plain conversion starts without it

        link_types = array("Q", [interface.link_type for interface in self.interfaces])
        return read_headers(self.buffer, self.columns, self.rows, link_types, names, inner=inner, into=into)

    def data(self, row: int) -> bytes:
        """A copy of the bytes that were captured of the packet in this row. Raises IndexError for a row outside the
        batch."""
        self._check_row(row)
        at = self.columns.data_at[row]
        return memoryview(self.buffer)[at : at + self.columns.captured_length[row]].tobytes()

    def _check_row(self, row: int) -> None:
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of a batch of {self.rows}")

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
        if self.format_only:
            count = self.count_format_only
            batch.format_only = self.format_only if count is None else count(batch)
        return batch

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """What is pickled: the packets, not how to read them again or to count anew what other formats cannot hold."""
        state = {name: getattr(self, name) for name in self.__slots__}
        state |= {"_numbers": self.numbers, "_mask": None, "format_only": dict(self.format_only)}
        return None, state | {"count_format_only": None, "stored_packets": None}

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
        choose().move_offsets(columns, self.rows, -begin)
        batch.buffer = b"".join((memoryview(self.buffer)[begin:end], appended))
        return batch

    def packet(self, row: int) -> Packet:
        """The `Packet` in this row, with its own copy of the bytes. Raises IndexError for a row outside the batch."""
        self._check_row(row)
        columns = self.columns
        options_at = columns.options_at[row]
        return Packet(
            number=self.number(row),
            data=self.data(row),
            original_length=columns.original_length[row],
            ticks=None if columns.record_type[row] == pcapng.SIMPLE_PACKET else columns.ticks[row],
            interface=self.interfaces[columns.interface[row]],
            raw_options=bytes(self.buffer[options_at : options_at + columns.options_length[row]]),
            section=self.section,
        )


class _PacketFields(NamedTuple):
    number: int
    data: bytes
    original_length: int
    ticks: int | None
    interface: Interface
    raw_options: bytes
    section: Section
    time_ns: int | None
    captured_length: int


class Packet(_PacketFields):
    """One packet, as a loop over a capture or a batch yields it. Immutable; two packets are equal if all that they hold
    is equal. A packet holds a copy of its own bytes, so that it can be kept, hashed and pickled.

    * `number`: the packet's number in the capture, from 1.
    * `data`: the bytes that were captured.
    * `original_length`: the length of the packet on the wire, in bytes.
    * `ticks`: the timestamp in the interface's own time unit; None for a packet without a time (a Simple Packet).
    * `interface`: the packet's `Interface`. `section` is its `Section`.
    * `raw_options`: the packet's pcapng options, as bytes; empty in pcap.
    * `time_ns`: the time in whole nanoseconds since 1970, rounded down; None for a packet without a time. Raises
      FormatError if the interface's times cannot be determined.
    * `captured_length`: the number of bytes that were captured.
    """

    __slots__ = ()

    def __new__(
        cls,
        number: int,
        data: bytes,
        original_length: int,
        ticks: int | None,
        interface: Interface,
        raw_options: bytes,
        section: Section,
    ) -> Packet:
        """A packet; its `time_ns` follows from its ticks and its interface."""
        packet_type, time_ns = Packet, None
        if ticks is not None:
            if interface.time_error:
                packet_type = _UndatedPacket
            else:
                unit = interface.ticks_per_second, interface.time_offset
                time_ns = timestamps.rescale(ticks, *unit, timestamps.NANOSECONDS)[0]
        fields = number, data, original_length, ticks, interface, raw_options, section, time_ns, len(data)
        return tuple.__new__(packet_type, fields)

    @property
    def time(self) -> Fraction | None:
        """The exact time in seconds since 1970; None for a packet without a time. Raises FormatError if the interface's
        times cannot be determined."""
        return None if self.ticks is None else timestamps.instant(self.ticks, *self._time_unit())

    @property
    def datetime(self) -> DateTime | None:
        """The time in UTC, cut to whole microseconds; None for a packet without a time. Raises FormatError if the
        interface's times cannot be determined, or the time is outside the years 1 to 9999."""
        if self.ticks is None:
            return None
        unit = self._time_unit()
        time = timestamps.utc_datetime(timestamps.rescale(self.ticks, *unit, timestamps.MICROSECONDS)[0])
        if time is None:
            shown = timestamps.format_time(self.ticks, *unit)
            raise FormatError(f"packet {self.number}: its time, {shown}, is outside the years 1 to 9999")
        return time

    def _time_unit(self) -> tuple[int, int]:
        if self.interface.time_error:
            raise FormatError(f"packet {self.number}: {self.interface.time_error}")
        return self.interface.ticks_per_second, self.interface.time_offset

    @property
    def options(self) -> Options:
        """The packet's pcapng options, decoded, by name; empty in pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.section.byte_order, pcapng.ENHANCED_PACKET)

    @property
    def comments(self) -> list[str]:
        """The packet's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        if not self.raw_options:  # nearly always, and this is faster
            return []
        return list(option_lists.OptionList(self.raw_options, self.section.byte_order).comments)

    @property
    def headers(self) -> Headers:
        """What the packet's headers say: protocols, addresses, ports, flags; in a tunnel, those of the outer packet.
        They are read each time that you ask."""
        return self._headers(inner=False)

    @property
    def inner_headers(self) -> Headers:
        """What the headers of the innermost packet say; the same as `headers` if the packet is not in a tunnel."""
        return self._headers(inner=True)

    def _headers(self, *, inner: bool) -> Headers:
        from pcapconv.headers import packet_headers

        return packet_headers(self.data, self.original_length, self.interface.link_type, inner=inner)

    @property
    def direction(self) -> Literal["in", "out"] | None:
        """Whether the interface received (`"in"`) or sent (`"out"`) the packet, by its flags; None if they do not
        state it."""
        match pcapng.direction(self.raw_options, self.section.byte_order):
            case 1:
                return "in"
            case 2:
                return "out"
        return None

    def replace(
        self,
        *,
        data: bytes | bytearray | memoryview | None = None,
        original_length: int | None = None,
        time_ns: int | None = None,
        ticks: int | None = None,
        interface: Interface | None = None,
        comments: Sequence[str] | None = None,
        raw_options: bytes | None = None,
        number: int | None = None,
        section: Section | None = None,
    ) -> Packet:
        """A packet with other values for these fields, and with this packet's values for all others.

        With `data`, the original length of a packet that was captured whole becomes the length of the new data; that of
        any other packet stays, but is at least the length of the new data. `time_ns` and `ticks` are two ways to give
        the time. With another `interface`, the time stays the same. `comments` takes the place of all comments.

        Raises UsageError for both times at once, for a time that the interface's ticks cannot state exactly, and for a
        comment that is longer than an option.
        """
        new_data = self.data if data is None else memoryview(data).tobytes()
        if original_length is None:
            original_length = self.original_length
            if data is not None:
                whole = original_length == len(self.data)
                original_length = len(new_data) if whole else max(original_length, len(new_data))
        options = self.raw_options if raw_options is None else raw_options
        if comments is not None:
            options = _with_comments(options, (section or self.section).byte_order, comments)
        new_interface = self.interface if interface is None else interface
        if time_ns is not None:
            if ticks is not None:
                raise UsageError(f"{argument('time_ns')} and {argument('ticks')} exclude each other")
            ticks = _ticks(time_ns, timestamps.NANOSECONDS, 0, new_interface)
        elif ticks is None:
            ticks = self.ticks
            if ticks is not None and new_interface.time_unit != self.interface.time_unit:
                ticks = _ticks(ticks, *self._time_unit(), new_interface)
        return Packet(
            self.number if number is None else number,
            new_data,
            original_length,
            ticks,
            new_interface,
            options,
            self.section if section is None else section,
        )

    __replace__ = replace

    def __reduce__(self) -> tuple[type[Packet], tuple[object, ...]]:
        return Packet, self[:7]

    def __repr__(self) -> str:
        unit = self.interface.time_unit
        time = "no time" if self.ticks is None or unit is None else timestamps.format_time(self.ticks, *unit)
        lengths = f"{len(self.data)} of {self.original_length} bytes"
        return f"<Packet {self.number}: {time}, {lengths}, interface {self.interface.id}>"


class _UndatedPacket(Packet):
    """A packet whose time cannot be determined, although it has one."""

    __slots__ = ()

    @property
    def time_ns(self) -> int | None:
        """Raises FormatError; None for a packet without a time."""
        return None if self.ticks is None else self._time_unit()[0]


def _ticks(time: int, per_second: int, offset: int, interface: Interface) -> int:
    """A time in an interface's ticks. Raises UsageError if they cannot state it exactly."""
    unit = interface.time_unit
    if unit is None:
        raise UsageError(interface.time_error)
    ticks, exact = timestamps.rescale(time, per_second, offset - unit[1], unit[0])
    if not exact:
        unit_text = timestamps.format_resolution(unit[0])
        raise UsageError(f"a time of {time}/{per_second} s has digits finer than the interface's {unit_text} s")
    if not 0 <= ticks < 2**64:
        raise UsageError(f"a time of {time}/{per_second} s would be {ticks} ticks; 64 bits hold 0 to {2**64 - 1}")
    return ticks


def _with_comments(raw_options: bytes, byte_order: ByteOrder, comments: Sequence[str]) -> bytes:
    texts = [text.encode() for text in comments]
    if any(len(text) > option_lists.LONGEST_VALUE for text in texts):
        raise UsageError(f"{argument('comments')}: an option has at most {option_lists.LONGEST_VALUE} bytes")
    return option_lists.edit(
        raw_options,
        byte_order,
        keep=lambda option: option.code != option_lists.COMMENT,
        add=[(option_lists.COMMENT, text) for text in texts],
    )


Item = Section | Interface | PacketBatch | Block | Damage | Notice
