"""The step that selects packets by time, number, interface, comment, direction and content, and leaves out repeated
ones.

Strategy: each criterion sets to 0 the mask of the rows that it drops; for times and interfaces, which concern every
packet, a kernel does this. Then `packet_filter` does the same with the rows that are still selected and that a filter
rejects, and `duplicates` with the rows that repeat one that is still selected. Blocks that are not packets pass.
`first` and `last` count the packets that all other criteria select; `last` needs the total of these packets, which a
survey counts beforehand.

When no further packet can be selected, `Select.end` is set. With `stops`, the step then selects none behind that
packet, and whoever asks it for items reads no further: what comes out depends on the packets alone, not on the batches
in which they come.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.errors import FormatError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import ALWAYS, MOST_TICKS, NEVER, RANGE
from pcapconv.model import Columns, Interface, Item, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import select_rows
from pcapconv.steps.duplicates import DedupRule, Duplicates
from pcapconv.steps.packet_filter import PacketFilter
from pcapconv.steps.packet_order import PacketOrder
from pcapconv.steps.relabel import names_interface
from pcapconv.steps.time_scales import first_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from pcapconv.model import Packet
    from pcapconv.steps.argument_values import Moment
    from pcapconv.steps.filter_expression import FilterExpression

_INVERTED = bytes([1, *[0] * 255])
_NO_LIMIT = 2**63

PacketRanges = Sequence[tuple[int, int | None]]


class Criteria(NamedTuple):
    """Which packets to select. A criterion that is None or empty selects all, but `packets` without a range selects
    none. `after` ≤ time < `before`; `packets` and `drop_packets` are ascending ranges of packet numbers without
    overlaps; `expression` is the filter of libpcap. `where` returns whether it selects a packet; it is asked only about
    packets that the criteria listed before it select, but for `first` and `last`. `dedup` looks only at packets that
    all other criteria but these two select. A packet is selected if all criteria select it; with `invert`, if at least
    one criterion drops it. `in_order` is by how many seconds times may go back, None if nothing is known of their
    order; it selects nothing, but tells where `before` ends."""

    after: Moment | None = None
    before: Moment | None = None
    packets: PacketRanges | None = None
    drop_packets: PacketRanges = ()
    first: int | None = None
    last: int | None = None
    interfaces: Sequence[str] = ()
    comment: re.Pattern[str] | None = None
    direction: str | None = None
    expression: FilterExpression | None = None
    where: Callable[[Packet], object] | None = None
    dedup: DedupRule | None = None
    invert: bool = False
    in_order: Fraction | None = None

    @property
    def can_end(self) -> bool:
        """Whether there may be a packet after which no further one can be selected, whatever follows."""
        bounded = self.packets is not None and (not self.packets or self.packets[-1][1] is not None)
        return not self.invert and self.last is None and (self.first is not None or bounded or self.ends_by_time)

    @property
    def has_relative_times(self) -> bool:
        """Whether a time is counted from the first packet."""
        return any(each is not None and each.relative for each in (self.after, self.before))

    @property
    def ends_by_time(self) -> bool:
        """Whether a time may end the selection."""
        return self.before is not None and self.in_order is not None


class SelectionEnd(NamedTuple):
    """The packet after which no further one can be selected: its number, and the offset in the buffer of its batch at
    which its record ends."""

    number: int
    record_end: int


class OrderBreach(NamedTuple):
    """The first packet that is earlier than `in_order` allows: its number, the offset of its record in the buffer of
    its batch, its section's number, and by how many nanoseconds it is earlier than a packet before it."""

    number: int
    record_at: int
    section: int
    nanoseconds: int


class Select(Step):
    """Passes on the packets that the criteria select.

    `selected_in_all` is how many packets of the whole capture the criteria select without `first`, `last` and `invert`;
    only `last` needs this number. With `stops`, nothing is selected behind `end`, which is set when no further packet
    can be selected. `breach` is set at the first packet that `in_order` does not allow; `in_order` then counts no more.
    `duplicates` knows the packets up to `end` that repeat others; it is None without `dedup`. `left_out` counts packets
    that are dropped because they have no time. `ascending` is false if packets were sorted, so that their numbers do
    not ascend, and do not tell where the selection ends. Raises FormatError if a time that is needed cannot be
    determined.
    """

    def __init__(
        self,
        criteria: Criteria,
        left_out: Counter[str],
        selected_in_all: int | None = None,
        *,
        stops: bool = False,
        ascending: bool = True,
    ) -> None:
        super().__init__()
        self._stops = stops
        self.end: SelectionEnd | None = None
        self.breach: OrderBreach | None = None
        self._order = PacketOrder(criteria.in_order) if criteria.in_order is not None else None
        self.duplicates = None if criteria.dedup is None else Duplicates(criteria.dedup, ascending=ascending)
        self._filter = None
        if criteria.expression is not None or criteria.where is not None:
            self._filter = PacketFilter(criteria.expression, criteria.where)
        self._criteria = criteria
        self._left_out = left_out
        lowest = 0 if criteria.last is None or selected_in_all is None else max(0, selected_in_all - criteria.last)
        highest = _NO_LIMIT if criteria.first is None else criteria.first
        # Of the packets that all other criteria select, the indexes of the first one and after the last one to keep.
        self._first_and_last = lowest, highest
        self.selected = 0  # the packets so far that all criteria except `first`, `last` and `invert` select
        self._kernels = choose()
        self._own_columns = Columns(0)
        self._gaps = list(_gaps(criteria.packets or ()))
        self._has_relative_times = criteria.has_relative_times
        self._ascending = ascending
        self._first_packet_time: Fraction | None = None  # relative times are counted from it
        self._tick_ranges = array("Q")
        self._end_ranges = array("Q")  # the times with which `before` has ended, if packets are `in_order`
        self._interface_ranges = array("Q")
        self._unknown_times: set[int] = set()  # ids of interfaces whose times cannot be determined

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:  # noqa: D102
        try:
            yield from super().__call__(items)
        finally:
            if self.duplicates is not None:
                self.duplicates.close()

    def count(self, items: Iterator[Item]) -> int:
        """Count the packets that all criteria except `first`, `last` and `invert` select."""
        for _ in self(items):
            pass
        return self.selected

    def _section(self, section: Section) -> Iterable[Item]:
        self._tick_ranges, self._interface_ranges, self._unknown_times = array("Q"), array("Q"), set()
        self._end_ranges = array("Q")
        if self._order is not None:
            self._order.begin_section()
        if self._filter is not None:
            self._filter.begin_section()
        if self.duplicates is not None:
            self.duplicates.begin_section()
        return (section._replace(changed=True),)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        criteria, rows = self._criteria, batch.rows
        mask = bytearray(b"\1") * rows
        if criteria.packets is not None:
            self._clear(batch, mask, self._gaps)
        if criteria.drop_packets:
            self._clear(batch, mask, criteria.drop_packets)
        if criteria.interfaces:
            self._extend_interface_ranges(batch.interfaces)
            self._kernels.rows_in_ranges(batch.columns, rows, self._interface_ranges, mask)
        if criteria.comment is not None or criteria.direction is not None:
            self._apply_options(batch, mask)
        unknown, timeless = rows, b""
        if criteria.after is not None or criteria.before is not None:
            unknown, timeless = self._apply_times(batch, mask)
        unknown, error = self._apply_content(batch, mask, unknown)
        self._apply_first_and_last(mask)
        stop = self._find_end(batch, mask)
        if unknown < stop:
            interface = batch.interfaces[batch.columns.interface[unknown]]
            raise error or FormatError(
                f"packet {batch.number(unknown)}: {interface.time_error}", packet_number=batch.number(unknown)
            )
        if self.duplicates is not None:
            last = rows if self.end is None else max(0, self.end.number + 1 - batch.first_number)
            self.duplicates.note(batch, min(rows, last))
        if timeless and not criteria.invert:
            self._left_out["packets-without-time"] += timeless.count(1, 0, stop)
        if criteria.invert:
            mask = mask.translate(_INVERTED)
        if self._own_columns.capacity < rows:
            self._own_columns = Columns(batch.columns.capacity)
        chosen = select_rows(batch, mask, self._own_columns)
        return () if chosen is None else (chosen,)

    def _apply_content(self, batch: PacketBatch, mask: bytearray, unknown: int) -> tuple[int, Exception | None]:
        """Set to 0 the mask of the rows that the filter rejects, and of those that repeat others. Return the first row,
        up to `unknown`, that cannot be decided, and the reason; None if its time cannot be determined."""
        rows, error = batch.rows, None
        if self._filter is not None and (row := self._filter.clear_rows(batch, mask)) < unknown:
            unknown, error = row, self._filter.error
            mask[row:] = bytes(rows - row)
        if self.duplicates is not None and (row := self.duplicates.find(batch, mask)) < unknown:
            unknown, error = row, None
            mask[row:] = bytes(rows - row)
        return unknown, error

    def _clear(self, batch: PacketBatch, mask: bytearray, ranges: PacketRanges) -> None:
        """Set to 0 the mask of the packets in these ranges."""
        if batch.numbers is None:
            _clear_rows(mask, batch.first_number, ranges)
            return
        limits = array(
            "Q", [limit for first, last in ranges for limit in (first, MOST_TICKS if last is None else last)]
        )
        self._kernels.clear_numbers(array("Q", batch.numbers), limits, mask)

    def _extend_interface_ranges(self, interfaces: Sequence[Interface]) -> None:
        for interface in interfaces[len(self._interface_ranges) // RANGE :]:
            named = any(names_interface(text, interface) for text in self._criteria.interfaces)
            self._interface_ranges.extend(ALWAYS if named else NEVER)

    def _apply_options(self, batch: PacketBatch, mask: bytearray) -> None:
        columns, order = batch.columns, batch.section.byte_order
        row = mask.find(1)
        while row >= 0:
            at, length = columns.options_at[row], columns.options_length[row]
            if not length or not self._options_match(bytes(batch.buffer[at : at + length]), order):
                mask[row] = 0
            row = mask.find(1, row + 1)

    def _options_match(self, raw: bytes, byte_order: ByteOrder) -> bool:
        """Return whether a packet's options fulfil the criteria for comments and direction."""
        comment, direction = self._criteria.comment, self._criteria.direction
        if direction is not None and pcapng.direction(raw, byte_order) != pcapng.DIRECTIONS[direction]:
            return False
        options = option_lists.OptionList(raw, byte_order)
        return comment is None or any(comment.search(text) for text in options.comments)

    def _apply_times(self, batch: PacketBatch, mask: bytearray) -> tuple[int, bytes]:
        """Set to 0 the mask of the rows outside the times. Return the first row, else the number of rows, whose time is
        needed and cannot be determined, and a mask of the rows that are dropped because they have no time; empty if
        there are none."""
        columns, rows, timeless = batch.columns, batch.rows, b""
        self._extend_tick_ranges(batch)
        unknown = rows
        if self._unknown_times:
            needed = (
                row
                for row, interface in enumerate(columns.interface[:rows])
                if interface in self._unknown_times and mask[row] and columns.record_type[row] != SIMPLE_PACKET
            )
            unknown = next(needed, rows)
            mask[unknown:] = bytes(rows - unknown)
        if SIMPLE_PACKET in columns.record_type[:rows].tobytes():
            timeless = bytes(
                record_type == SIMPLE_PACKET and chosen for record_type, chosen in zip(columns.record_type[:rows], mask)
            )
        self._kernels.rows_in_ranges(columns, rows, self._tick_ranges, mask)
        return unknown, timeless

    def _find_end(self, batch: PacketBatch, mask: bytearray) -> int:
        """Look whether a row of the batch ends the selection, and whether the times keep their order. Return after how
        many rows reading stops."""
        criteria, rows = self._criteria, batch.rows
        last, ends = rows, rows  # the rows that end the selection, without and with regard to times
        if self.end is None and self._ascending and criteria.can_end:
            if criteria.first is not None and self.selected >= criteria.first:
                last = mask.rfind(1)
            if criteria.packets is not None:
                number = criteria.packets[-1][1] if criteria.packets else 0
                last = last if number is None else min(last, max(0, number - batch.first_number))
            ends = min(last, self._first_late_row(batch))
        self._check_order(batch, min(rows, ends + 1) if self._stops else rows)
        row = ends if self._order is not None else last
        if row == rows:
            return rows
        columns = batch.columns
        self.end = SelectionEnd(batch.number(row), columns.record_at[row] + columns.record_length[row])
        if not self._stops:
            return rows
        mask[row + 1 :] = bytes(rows - row - 1)
        return row + 1

    def _first_late_row(self, batch: PacketBatch) -> int:
        """Return the first row after which no packet can be before the time `before`, since packets are in order; the
        number of rows if there is none."""
        if self._order is None or not self._criteria.ends_by_time:
            return batch.rows
        late = bytearray(b"\1") * batch.rows
        self._kernels.rows_in_ranges(batch.columns, batch.rows, self._end_ranges, late)
        row = late.find(1)
        return batch.rows if row < 0 else row

    def _check_order(self, batch: PacketBatch, stop: int) -> None:
        """Look for a row before `stop` that is earlier than `in_order` allows."""
        found = None if self._order is None else self._order.first_breach(batch, stop)
        if found is not None:
            row, nanoseconds = found
            self.breach = OrderBreach(
                batch.number(row), batch.columns.record_at[row], batch.section.number, nanoseconds
            )
            self._order = None

    def _extend_tick_ranges(self, batch: PacketBatch) -> None:
        """Add the ranges of ticks of new interfaces; make all of them again once the first packet's time is known."""
        after, before = self._criteria.after, self._criteria.before
        if self._has_relative_times and self._first_packet_time is None:
            self._first_packet_time = first_time(batch)
            if self._first_packet_time is not None:
                self._tick_ranges, self._end_ranges = array("Q"), array("Q")
        for interface in batch.interfaces[len(self._tick_ranges) // RANGE :]:
            if interface.time_error:
                self._unknown_times.add(interface.id)
            lowest = 0 if after is None else self._first_tick(after, interface)
            highest = MOST_TICKS if before is None else self._first_tick(before, interface) - 1
            if highest < 0 or lowest > MOST_TICKS:
                self._tick_ranges.extend(NEVER)
            else:
                self._tick_ranges.extend((max(0, lowest), min(highest, MOST_TICKS), 0))
            if before is not None and self._criteria.in_order is not None:
                late = before._replace(seconds=before.seconds + self._criteria.in_order)
                end = self._first_tick(late, interface)
                never = interface.time_error or end > MOST_TICKS
                self._end_ranges.extend(NEVER if never else (max(0, end), MOST_TICKS, 0))

    def _first_tick(self, moment: Moment, interface: Interface) -> int:
        """Return the first tick of an interface that is not before the moment."""
        seconds = moment.seconds
        if moment.relative:
            if self._first_packet_time is None:
                return _NO_LIMIT << 64  # no packet so far has a time
            seconds += self._first_packet_time
        exact = (seconds - interface.time_offset) * interface.ticks_per_second
        return -(-exact.numerator // exact.denominator)

    def _apply_first_and_last(self, mask: bytearray) -> None:
        """Set to 0 the mask of the rows that `first` and `last` drop, by the number of packets selected before."""
        lowest, highest = self._first_and_last
        before = self.selected
        here = len(mask) - mask.count(0)
        self.selected += here
        if lowest <= before and self.selected <= highest:
            return
        if self.selected <= lowest or before >= highest:
            mask[:] = bytes(len(mask))
            return
        rows = [row for row, chosen in enumerate(mask) if chosen]
        for row in (*rows[: max(0, lowest - before)], *rows[max(0, highest - before) :]):
            mask[row] = 0


def _gaps(ranges: PacketRanges) -> Iterator[tuple[int, int | None]]:
    """Return the ranges of packet numbers that the given ranges leave out."""
    low = 1
    for first, last in ranges:
        if first > low:
            yield low, first - 1
        if last is None:
            return
        low = last + 1
    yield low, None


def _clear_rows(mask: bytearray, first_number: int, ranges: PacketRanges) -> None:
    """Set to 0 the mask of the packets in these ranges."""
    rows = len(mask)
    begin = bisect_right(ranges, first_number, key=lambda each: each[0]) - 1
    for first, last in ranges[max(0, begin) :]:
        low = max(0, first - first_number)
        high = rows if last is None else min(rows, last + 1 - first_number)
        if low >= rows:
            return
        if low < high:
            mask[low:high] = bytes(high - low)
