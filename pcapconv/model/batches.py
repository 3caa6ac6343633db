"""Batches of packets: columns over a buffer. The package's docstring says who owns a batch, and what a record is."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, count
from typing import TYPE_CHECKING, Protocol

from pcapconv import timestamps
from pcapconv.columns import Columns
from pcapconv.errors import FileError, FormatError
from pcapconv.kernels import choose
from pcapconv.model.sections import NO_COUNTS, Interface, Layout, Section
from pcapconv.spec import ByteOrder, pcapng
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.header_columns import HeaderColumns
    from pcapconv.model.packets import Packet

_HAS_TIME = bytes(code != pcapng.SIMPLE_PACKET for code in range(256))  # by record type


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

    Each of the `rows` packets has a row, from 0. Columns such as `time_ns` and `captured_length` have one value for
    each row, and are exactly as long as the batch: read-only buffers, which NumPy and Arrow take without a copy, and
    pandas and Polars from NumPy.

    * `rows`: the number of packets; `len()` gives it, too.
    * `section`: the `Section` of the packets. `interfaces` are its interfaces, by id.
    * `first_number`: the number in the capture, from 1, of the first packet.
    * `buffer`: bytes of the file, among which those of all packets are. `data_at` has their offsets.

    With `reuse=True`, a batch and its columns are valid until the next one is asked for; `copy` gives a batch that
    stays valid. A batch can be pickled.

    For pcapconv's own modules; "Who owns a batch", at the top of `pcapconv/model/__init__.py`, has the rules
    for steps:

    * `columns`: the columns as kernels fill them, see `Columns`; they may be longer than the batch.
    * `numbers`: the numbers of the packets if some between them were left out, or if packets were sorted.
    * `layout`: the format of the records, `"pcap"` or `"pcapng"`.
    * `contiguous`: whether the records of all rows follow each other in the buffer and no row was changed, so that a
      writer of the same format copies them in one piece.
    * `header_order`: the byte order of those headers inside packets that follow the file's byte order (see
      `pcapconv.formats.pseudo_headers`): the section's, or None if an edit removed bytes at the front of the packets.
    * `stored_packets`: the packets of the section in the input, for steps that read them again; None if that is not
      possible. Those of the batch are in `buffer`, which begins at `buffer_offset` of the capture, unless a step has
      changed the batch: then its section or its interfaces are not theirs, or it is not `contiguous`.
    * `exchangeable`: the buffer, if a writer may keep it, and puts here another one of the same size, in which whoever
      made the batch goes on; None if nobody may keep the buffer.
    * `format_only`: counts, by kind, what the records contain that no other format can hold. `count_format_only`
      computes these counts again for a batch with fewer rows; without it, they stay as they are.
    """

    __slots__ = (
        "_mask",
        "_numbers",
        "buffer",
        "buffer_offset",
        "columns",
        "contiguous",
        "count_format_only",
        "exchangeable",
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
        self.exchangeable: bytearray | None = None
        self.buffer_offset = 0
        self.format_only = format_only
        self.count_format_only = count_format_only

    def __repr__(self) -> str:
        return f"<PacketBatch: {counted(self.rows, 'packet')} of section {self.section.number}>"

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Packet]:
        return iter(self.packet_rows())

    def packet_rows(self) -> PacketRows:
        """The packets of the batch: one loop over them, which knows how many it gave. See the kernel `PacketRows`."""
        from pcapconv.model.packets import use_kernels

        kernels = choose()
        use_kernels(kernels)
        rows: PacketRows = kernels.PacketRows(
            self._describe, self.buffer, self.columns, self.rows, self.section, self.first_number, self.numbers
        )
        return rows

    def _describe(self, interface_id: int) -> tuple[type, Interface, tuple[int, int, int, int, int]]:
        """What kernels need of an interface: the type of its packets, itself, and the scale of its times."""
        from pcapconv.model.packets import Packet, UndatedPacket

        interface = self.interfaces[interface_id]
        if interface.time_error:
            return UndatedPacket, interface, (0, 0, 0, 0, 0)
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
        times, row = self.known_times()
        if row < self.rows:
            time = self.packet(row).time_ns
            raise FormatError(
                f"packet {self.number(row)}: its time, {time} ns since 1970, does not fit into 64 bits",
                packet_number=self.number(row),
            )
        return memoryview(times).toreadonly()

    def known_times(self) -> tuple[array[int], int]:
        """The times as `time_ns` has them, up to the first that cannot be determined or that int64 cannot hold; and the
        row of this time, `rows` if there is none."""
        times = array("q", bytes(8 * self.rows))
        return times, choose().exact_times(self._describe, self.columns, self.rows, times)

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
        from pcapconv.header_columns import LinkTypes  # a plain conversion starts without these
        from pcapconv.headers import read_headers

        known = LinkTypes() if into is None else into._link_types
        some = into is None and len(self.interfaces) > self.rows
        types = self._link_types_in_use() if some else known.of(self.interfaces)
        read = read_headers(self.buffer, self.columns, self.rows, types, names, inner=inner, into=into)
        read._link_types = known
        return read

    def _link_types_in_use(self) -> array[int]:
        """The link types of the section's interfaces; 0 for those without packets in the batch, of which a section may
        have far more than others."""
        used = set(self.columns.interface[: self.rows])
        types = array("Q", bytes(8 * (max(used, default=-1) + 1)))
        for number in used:
            types[number] = self.interfaces[number].link_type
        return types

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
        return None, state | {"count_format_only": None, "exchangeable": None, "stored_packets": None}

    def copy(self, appended: bytes = b"") -> PacketBatch:
        """A copy of the batch with its own memory, which stays valid. The bytes `appended` come after all others in the
        new buffer."""
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
        from pcapconv.model.packets import Packet

        row = operator.index(row)  # also one of NumPy, which the packet's number should not be
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
