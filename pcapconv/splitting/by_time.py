"""Splits by time: a part gets all packets of an interval, wherever they are in the capture."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import MOST_TICKS, NEVER, RANGE
from pcapconv.model import Columns, PacketBatch
from pcapconv.spec import pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.intervals import ClockIntervals, FixedIntervals, Interval, Intervals
from pcapconv.splitting.mask_splitter import MaskSplitter
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import slice_rows, time_of_row

if TYPE_CHECKING:
    from fractions import Fraction

    from pcapconv.time_zones import TimeZone

_MOST_TABLES = 16
_TIMELESS = bytes([SIMPLE_PACKET])


class ByInterval(MaskSplitter):
    """A part for each interval of `length` seconds, counted from the time of the first packet, or, with `align_to`, by
    the clocks of that zone. The key of a part is its interval. A packet without a time goes to the part of the previous
    packet."""

    def __init__(self, parts: OpenParts, length: Fraction, align_to: TimeZone | None) -> None:
        super().__init__(parts)
        self._length = length
        self._intervals: Intervals | None = None if align_to is None else ClockIntervals(length, align_to)
        self._section_number = -1
        self._time_units: list[tuple[int, int] | None] = []  # of the section's interfaces; None if unknown
        self._tables: dict[Interval, array[int]] = {}  # by interval; the most recently used table is at the end

    def _part_for_first_packet(self, batch: PacketBatch) -> OpenPart:
        if batch.columns.record_type[0] == SIMPLE_PACKET:
            return self._current or self._parts.new_part()
        return self._part_of(self._interval_of(batch, batch.columns, 0))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        columns = batch.columns
        types = columns.record_type[: batch.rows].tobytes()
        first = len(types) - len(types.lstrip(_TIMELESS))
        if first:
            assert self._current is not None
            yield self._current, slice_rows(batch, 0, first)
        if first < batch.rows:
            yield from self._divide_by_mask(batch, _fill_times(batch, types, first), first)

    def _part_and_table(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        interval = self._interval_of(batch, columns, row)
        if batch.section.number != self._section_number:
            self._section_number = batch.section.number
            self._time_units, self._tables = [], {}
        for interface in batch.interfaces[len(self._time_units) :]:
            time_unit = interface.ticks_per_second, interface.time_offset
            self._time_units.append(None if interface.time_error else time_unit)
        table = self._tables.pop(interval, None)
        if table is None or len(table) != RANGE * len(self._time_units):
            table = self._make_table(interval)
        while len(self._tables) >= _MOST_TABLES:
            del self._tables[next(iter(self._tables))]
        self._tables[interval] = table
        return self._part_of(interval), table

    def _make_table(self, interval: Interval) -> array[int]:
        """The table for `rows_in_ranges` that selects an interval, with an entry for each interface."""
        entries = {
            time_unit: array("Q", NEVER if time_unit is None else self._tick_range(interval, *time_unit)).tobytes()
            for time_unit in set(self._time_units)
        }
        return array("Q", b"".join(map(entries.__getitem__, self._time_units)))

    def _interval_of(self, batch: PacketBatch, columns: Columns, row: int) -> Interval:
        """The interval that a row's time is in. Raises FormatError if the time cannot be determined."""
        time = time_of_row(batch, columns, row)
        if self._intervals is None:
            self._intervals = FixedIntervals(self._length, time)
        return self._intervals.interval_of(time)

    def _tick_range(self, interval: Interval, per_second: int, offset: int) -> tuple[int, int, int]:
        """The table's entry for an interval and a time unit: its lowest and highest ticks."""
        begin, end = ((limit - offset) * per_second for limit in interval)
        lowest, highest = -(-begin // 1), -(-end // 1) - 1
        if highest < 0 or lowest > MOST_TICKS:
            return NEVER
        return max(0, lowest), min(highest, MOST_TICKS), 0

    def _start_time(self, _part: OpenPart, _rows: PacketBatch) -> Fraction | None:
        return None  # `_give_name` sets the time at which the interval begins

    def _give_name(self, part: OpenPart) -> None:
        """Give a part its name once its interval is known: when it gets its first packet with a time."""
        if part.key is None or part.name_values is None:
            return
        assert isinstance(part.key, Interval)
        part.name_values = part.name_values._replace(start=part.key.begin)
        super()._give_name(part)


def _fill_times(batch: PacketBatch, types: bytes, first: int) -> Columns:
    """The batch's columns, in which packets without a time, from row `first` on, have the time and the interface of the
    packet before them."""
    row = types.find(_TIMELESS, first)
    if row < 0:
        return batch.columns
    columns = batch.columns.copy(0, batch.rows)
    while row >= 0:
        columns.record_type[row] = pcapng.ENHANCED_PACKET
        columns.ticks[row], columns.interface[row] = columns.ticks[row - 1], columns.interface[row - 1]
        row = types.find(_TIMELESS, row + 1)
    return columns
