"""Splits by flow or host: by what the headers of packets say.

Strategy: the kernel `FlowTable` numbers flows or hosts. Packets are copied into a buffer, so that one write has as many
packets of a part as possible. When the buffer is full, its packets are sorted by number and written, part after part;
packets of a part keep their order. Other blocks keep their place, too: the buffer is written before them.

A fragment whose first fragment has not come stays in the buffer, with all packets behind it, until the first fragment
comes or the kernel gives up. So each part has its packets in the order of the capture.

Each flow and host is a part, so that a capture with too many of them is refused before the buffer is written.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapconv import timestamps
from pcapconv.formats.losses import PcapLosses
from pcapconv.kernels.contract import FRAGMENT_DISTANCE, FULL
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.flow_names import flow_name, host_name
from pcapconv.splitting.keyed_splitter import KeyedSplitter
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import slice_rows
from pcapconv.steps.packet_buffer import PacketBuffer, size_of

if TYPE_CHECKING:
    from pcapconv.header_columns import HeaderColumns
    from pcapconv.io.name_template import TemplateValues

_HELD = 8 * 2**20  # bytes of packets that are held, unless a single packet is longer
_ROWS = 2**17  # packets that are held

_ADDRESSES = ("network_protocol", "source_address", "destination_address")
_FLOW = ("network_at", "ip_protocol", "source_port", "destination_port")
_FRAGMENTS = ("fragment_id", "fragment_offset", "more_fragments")


class _ByHeaders(KeyedSplitter):
    """A part for each number that a `FlowTable` gives to packets. `header_names` are the headers' columns that it
    needs; `width` is how many numbers, and parts, a packet can have."""

    header_names: tuple[str, ...]
    width: int

    def __init__(self, parts: OpenParts) -> None:
        super().__init__(parts)
        self._table = self._kernels.FlowTable(FRAGMENT_DISTANCE)
        self._headers: HeaderColumns | None = None
        self._held, self._sorted = PacketBuffer(0, 0), PacketBuffer(0, 0)
        self._numbers = array("Q")  # of the packets that are held, and then of those that will be
        self._in_order = array("q")
        self._like: PacketBatch | None = None  # the last batch
        self._has_format_only = False
        self._first_number = 0  # of the first packet that is written
        self._runs: list[tuple[int, int, int]] = []  # of the batch that is written: a number, and its rows

    def write(self, item: Item) -> None:
        """Take one item; see `Splitter.write`."""
        if isinstance(item, PacketBatch):
            self._hold(item)
            return
        if isinstance(item, Section | Interface | Block):
            self._write_held(force=True)
            self._has_format_only = False
        super().write(item)

    def finish(self) -> None:
        """Write all packets, and finish all parts."""
        self._write_held(force=True)
        super().finish()

    @abstractmethod
    def _number(self, batch: PacketBatch, headers: HeaderColumns, first: int) -> None:
        """Number the packets of a batch, from entry `first` of `_numbers` on."""

    def _settle(self, rows: int, *, force: bool) -> int:  # noqa: ARG002 - by host, no packet waits
        """Decide on packets that wait, with `force` on all. Return the first of the rows that still waits, or their
        number."""
        return rows

    def _hold(self, batch: PacketBatch) -> None:
        """Copy the packets of a batch into the buffer, and write the buffer when it is full."""
        self._headers = headers = batch.headers(*self.header_names, into=self._headers)
        first = len(self._numbers)
        self._numbers.frombytes(bytes(8 * self.width * batch.rows))
        self._number(batch, headers, first)
        self._parts.check_number(len(self._table))
        self._like, self._has_format_only = batch, self._has_format_only or bool(batch.format_only)
        if not self._held.numbers:
            self._held, self._sorted = PacketBuffer(_HELD, _ROWS), PacketBuffer(_HELD, _ROWS)
        if len(self._in_order) < max(_ROWS, batch.rows):
            self._in_order = array("q", range(max(_ROWS, batch.rows)))
        listed, first_number = batch.numbers, batch.first_number
        numbers = array("Q", range(first_number, first_number + batch.rows) if listed is None else listed)
        order, index = self._in_order[: batch.rows], 0
        while index < batch.rows:
            index, status = self._held.add_rows(batch.buffer, batch.columns, numbers, order, index)
            if status == FULL and self._held.rows:
                self._write_held(force=False)
            elif status == FULL:
                self._held.buffer = bytearray(size_of(batch.columns, index))

    def _write_held(self, *, force: bool) -> None:
        """Write the packets in the buffer, except, unless `force`, those from the first on that waits."""
        held = self._held
        if not held.rows:
            return
        rows = len(self._numbers) // self.width
        stop = min(held.rows, self._settle(rows, force=force))
        if not stop:  # the buffer has no room for packets to wait for
            self._settle(rows, force=True)
            stop = held.rows
        self._write_rows(stop)
        rest = self._sorted
        if stop < held.rows:
            if len(rest.buffer) < len(held.buffer):
                rest.buffer = bytearray(len(held.buffer))
            rest.add_rows(held.buffer, held.columns, held.numbers, self._in_order[stop : held.rows], 0)
        held.clear()
        self._held, self._sorted = rest, held
        del self._numbers[: stop * self.width]

    def _write_rows(self, stop: int) -> None:
        """Write the first `stop` packets of the buffer."""
        order, groups = self._kernels.group_rows(self._numbers[: stop * self.width], self.width)
        last, self._first_number = self._numbers[(stop - 1) * self.width], self._numbers[0]
        group = 0
        for batch in self._gather(order):
            self._runs, row = [], 0
            while row < batch.rows:
                count = min(groups[group + 1], batch.rows - row)
                self._runs.append((groups[group], row, row + count))
                row += count
                groups[group + 1] -= count
                group += 0 if groups[group + 1] else 2
            super().write(batch)
        self._sorted.clear()
        self._current = self._part_of(last)

    def _gather(self, order: array[int]) -> Iterator[PacketBatch]:
        """Yield the packets of the buffer that `order` lists. What is yielded is valid until the next is asked for."""
        held, gathered, index = self._held, self._sorted, 0
        assert self._like is not None
        while index < len(order):
            gathered.clear()
            index, _ = gathered.add_rows(held.buffer, held.columns, held.numbers, order, index)
            if gathered.rows:
                yield gathered.as_batch(self._like, self._like.interfaces, format_only=self._has_format_only)
            else:
                gathered.buffer = bytearray(size_of(held.columns, order[index]))
        gathered.clear()

    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:  # noqa: ARG002 - packets are sorted in a batch
        return self._part_of(self._first_number)

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        for number, first, stop in self._runs:
            yield self._part_of(number), slice_rows(batch, first, stop)


class ByFlow(_ByHeaders):
    """A part for each flow, in both directions. Packets without IP are one flow."""

    header_names = (*_ADDRESSES, *_FLOW, *_FRAGMENTS)
    width = 1

    def _number(self, batch: PacketBatch, headers: HeaderColumns, first: int) -> None:
        self._table.number_flows(batch.buffer, batch.columns, batch.rows, headers, self._numbers, first)

    def _settle(self, rows: int, *, force: bool) -> int:
        row: int = self._table.settle(self._numbers, rows, force)
        return row

    def _name_values(self, part: OpenPart, interface: Interface, rows: PacketBatch | None) -> TemplateValues:
        flow = flow_name(*self._table.describe(part.key))
        return super()._name_values(part, interface, rows)._replace(flow=flow)


class ByHost(_ByHeaders):
    """A part for each host, with all packets from and to it; so a packet is in the parts of both its hosts. Packets
    without IP are those of one host."""

    header_names = _ADDRESSES
    width = 2

    def _number(self, batch: PacketBatch, headers: HeaderColumns, first: int) -> None:
        self._table.number_hosts(batch.rows, headers, self._numbers, first)

    def _name_values(self, part: OpenPart, interface: Interface, rows: PacketBatch | None) -> TemplateValues:
        version, _, address, *_ = self._table.describe(part.key)
        return super()._name_values(part, interface, rows)._replace(host=host_name(version, address))

    def _write_rows(self, stop: int) -> None:
        super()._write_rows(stop)
        self._note_repeated_losses(stop)

    def _note_repeated_losses(self, stop: int) -> None:
        """Note what packets lose in the parts of their destinations, which those of their sources lose, too."""
        assert self._like is not None
        section, in_pcap = self._like.section, self._parts.format == "pcap"
        if not self._has_format_only and (not in_pcap or section.layout == "pcap"):
            return
        order, _ = self._kernels.group_rows(self._numbers[1 : 2 * stop : 2], 1)
        counted: Counter[str] = Counter()
        for batch in self._gather(order):
            losses = PcapLosses()
            losses.add_batch(batch)
            counted.update(losses.total() if in_pcap else batch.format_only)
            if in_pcap and section.layout == "pcapng":
                counted["packets-without-time"] += batch.columns.record_type[: batch.rows].count(SIMPLE_PACKET)
                counted["time-digits"] += _count_cut_times(batch)
        self._parts.repeated_losses.update(counted)


def _count_cut_times(batch: PacketBatch) -> int:
    """How many packets have a time with digits finer than a nanosecond."""
    fine = {
        number: (interface.ticks_per_second, interface.time_offset)
        for number, interface in ((each, batch.interfaces[each]) for each in set(batch.columns.interface[: batch.rows]))
        if timestamps.NANOSECONDS % interface.ticks_per_second and not interface.time_error
    }
    if not fine:
        return 0
    columns = batch.columns
    return sum(
        not timestamps.rescale(ticks, *fine[number], timestamps.NANOSECONDS)[1]
        for ticks, number, kind in zip(columns.ticks[: batch.rows], columns.interface, columns.record_type)
        if number in fine and kind != SIMPLE_PACKET
    )
