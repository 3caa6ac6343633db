"""Selecting packets: by time, number, interface, comment and direction.

Strategy: each criterion sets rows of a mask to 0; a kernel does those that look at every packet. Blocks that are not
packets pass. `first` and `last` count the packets that all else selects; how many these are in all, which `last` needs,
a survey finds out beforehand.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pcapconv import timestamps
from pcapconv.errors import FormatError
from pcapconv.kernels import choose
from pcapconv.kernels.contract import ALWAYS, MOST_TICKS, NEVER, RANGE
from pcapconv.model import Columns, Interface, Item, PacketBatch, Section
from pcapconv.spec import ByteOrder, option_lists
from pcapconv.spec.pcapng import PACKET_FLAGS, SIMPLE_PACKET
from pcapconv.steps import Step
from pcapconv.steps.batch_rows import select_rows
from pcapconv.steps.relabel import names_interface

if TYPE_CHECKING:
    from fractions import Fraction

    from pcapconv.steps.argument_values import Moment

DIRECTIONS = {"in": 1, "out": 2}

_EXCHANGED = bytes([1, *[0] * 255])
_ENDLESS = 2**63

Ranges = Sequence[tuple[int, int | None]]


class Criteria(NamedTuple):
    """What to select; None, or nothing, where it does not matter. `after` ≤ time < `before`; `packets` and
    `drop_packets` are ranges in order, without overlaps; `invert` keeps what the others would drop."""

    after: Moment | None = None
    before: Moment | None = None
    packets: Ranges | None = None
    drop_packets: Ranges = ()
    first: int | None = None
    last: int | None = None
    interfaces: Sequence[str] = ()
    comment: re.Pattern[str] | None = None
    direction: str | None = None
    invert: bool = False


class Select(Step):
    """Passes the packets that the criteria select. Raises FormatError where a packet's time cannot be told.

    `selected_in_all` is how many packets the criteria but for `first`, `last` and `invert` select in the whole capture;
    needed for `last`. `left_out` counts the packets that have no time where one would be needed.
    """

    def __init__(self, criteria: Criteria, left_out: Counter[str], selected_in_all: int | None = None) -> None:
        super().__init__()
        self._criteria = criteria
        self._left_out = left_out
        lowest = 0 if criteria.last is None or selected_in_all is None else max(0, selected_in_all - criteria.last)
        self._window = lowest, _ENDLESS if criteria.first is None else criteria.first
        self.selected = 0  # by all but `first`, `last` and `invert`
        self._kernels = choose()
        self._columns = Columns(0)
        self._gaps = list(_gaps(criteria.packets or ()))
        self._relative = any(each is not None and each.relative for each in (criteria.after, criteria.before))
        self._start: Fraction | None = None  # what relative times begin at
        self._times = array("Q")
        self._places = array("Q")
        self._unclear: set[int] = set()  # ids of interfaces whose times nobody can tell

    def count(self, items: Iterator[Item]) -> int:
        """How many packets all but `first`, `last` and `invert` select."""
        for _ in self(items):
            pass
        return self.selected

    def _section(self, section: Section) -> Iterable[Item]:
        self._times, self._places, self._unclear = array("Q"), array("Q"), set()
        return (section._replace(changed=True),)

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        criteria, rows = self._criteria, batch.rows
        mask = bytearray(b"\1") * rows
        if criteria.packets is not None:
            _zero(mask, batch.first_number, self._gaps)
        if criteria.drop_packets:
            _zero(mask, batch.first_number, criteria.drop_packets)
        if criteria.interfaces:
            self._extend_places(batch.interfaces)
            self._kernels.rows_in_ranges(batch.columns, rows, self._places, mask)
        if criteria.comment is not None or criteria.direction is not None:
            self._match_options(batch, mask)
        if criteria.after is not None or criteria.before is not None:
            self._match_times(batch, mask)
        self._match_order(mask)
        if criteria.invert:
            mask = mask.translate(_EXCHANGED)
        if self._columns.capacity < rows:
            self._columns = Columns(batch.columns.capacity)
        chosen = select_rows(batch, mask, self._columns)
        return () if chosen is None else (chosen,)

    def _extend_places(self, interfaces: Sequence[Interface]) -> None:
        for interface in interfaces[len(self._places) // RANGE :]:
            named = any(names_interface(text, interface) for text in self._criteria.interfaces)
            self._places.extend(ALWAYS if named else NEVER)

    def _match_options(self, batch: PacketBatch, mask: bytearray) -> None:
        columns, order = batch.columns, batch.section.byte_order
        row = mask.find(1)
        while row >= 0:
            at, length = columns.options_at[row], columns.options_length[row]
            if not length or not self._says(bytes(batch.buffer[at : at + length]), order):
                mask[row] = 0
            row = mask.find(1, row + 1)

    def _says(self, raw: bytes, byte_order: ByteOrder) -> bool:
        """Whether a packet's options say what is asked for."""
        comment, direction = self._criteria.comment, self._criteria.direction
        stated = option_lists.OptionList(raw, byte_order)
        if direction is not None:
            flags = stated.first(PACKET_FLAGS) or b""
            if len(flags) != 4 or int.from_bytes(flags, byte_order) & 3 != DIRECTIONS[direction]:
                return False
        return comment is None or any(comment.search(text) for text in stated.comments)

    def _match_times(self, batch: PacketBatch, mask: bytearray) -> None:
        columns, rows = batch.columns, batch.rows
        self._extend_times(batch)
        if self._unclear:
            for row, interface in enumerate(columns.interface[:rows]):
                if interface in self._unclear and mask[row] and columns.record_type[row] != SIMPLE_PACKET:
                    raise FormatError(f"packet {batch.number(row)}: {batch.interfaces[interface].time_error}")
        if SIMPLE_PACKET in columns.record_type[:rows].tobytes():
            timeless = sum(kind == SIMPLE_PACKET and mask[row] for row, kind in enumerate(columns.record_type[:rows]))
            if timeless and not self._criteria.invert:
                self._left_out["packets-without-time"] += timeless
        self._kernels.rows_in_ranges(columns, rows, self._times, mask)

    def _extend_times(self, batch: PacketBatch) -> None:
        """The ranges of ticks for the interfaces so far, all anew once relative times have a beginning."""
        after, before = self._criteria.after, self._criteria.before
        if self._relative and self._start is None:
            self._start = _first_time(batch)
            self._times = array("Q") if self._start is not None else self._times
        for interface in batch.interfaces[len(self._times) // RANGE :]:
            if interface.time_error:
                self._unclear.add(interface.id)
            lowest = 0 if after is None else self._ticks(after, interface)
            highest = MOST_TICKS if before is None else self._ticks(before, interface) - 1
            if highest < 0 or lowest > MOST_TICKS:
                self._times.extend(NEVER)
            else:
                self._times.extend((max(0, lowest), min(highest, MOST_TICKS), 0))

    def _ticks(self, moment: Moment, interface: Interface) -> int:
        """The first tick of the interface that is not before the moment."""
        seconds = moment.seconds
        if moment.relative:
            if self._start is None:
                return _ENDLESS << 64  # no packet has had a time so far
            seconds += self._start
        exact = (seconds - interface.time_offset) * interface.ticks_per_second
        return -(-exact.numerator // exact.denominator)

    def _match_order(self, mask: bytearray) -> None:
        """Leave what `first` and `last` want of the rows that are still selected."""
        lowest, highest = self._window
        before = self.selected
        here = len(mask) - mask.count(0)
        self.selected += here
        if lowest <= before and self.selected <= highest:
            return
        if self.selected <= lowest or before >= highest:
            mask[:] = bytes(len(mask))
            return
        places = [row for row, chosen in enumerate(mask) if chosen]
        for row in (*places[: max(0, lowest - before)], *places[max(0, highest - before) :]):
            mask[row] = 0


def _first_time(batch: PacketBatch) -> Fraction | None:
    for row in range(batch.rows):
        if batch.columns.record_type[row] != SIMPLE_PACKET:
            interface = batch.interfaces[batch.columns.interface[row]]
            if interface.time_error:
                raise FormatError(f"packet {batch.number(row)}: {interface.time_error}")
            ticks = batch.columns.ticks[row]
            return timestamps.instant(ticks, interface.ticks_per_second, interface.time_offset)
    return None


def _gaps(ranges: Ranges) -> Iterator[tuple[int, int | None]]:
    """What lies between ranges of packet numbers."""
    low = 1
    for first, last in ranges:
        if first > low:
            yield low, first - 1
        if last is None:
            return
        low = last + 1
    yield low, None


def _zero(mask: bytearray, first_number: int, ranges: Ranges) -> None:
    """Set the rows of these packets to 0."""
    rows = len(mask)
    begin = bisect_right(ranges, first_number, key=lambda each: each[0]) - 1
    for first, last in ranges[max(0, begin) :]:
        low = max(0, first - first_number)
        high = rows if last is None else min(rows, last + 1 - first_number)
        if low >= rows:
            return
        if low < high:
            mask[low:high] = bytes(high - low)
