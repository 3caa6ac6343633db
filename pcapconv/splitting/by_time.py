"""Dividing by time: a part's packets may stand anywhere, as they may where a capture is divided by kind."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import MOST_TICKS, NEVER, RANGE
from pcapconv.model import Columns, PacketBatch
from pcapconv.spec import pcapng
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.splitting.mask_splitter import Picking
from pcapconv.splitting.parts import OpenPart, OpenParts
from pcapconv.splitting.splitter import instant_of, rows_of

if TYPE_CHECKING:
    from fractions import Fraction

_MOST_TABLES = 16
_TIMELESS = bytes([SIMPLE_PACKET])


class ByInterval(Picking):
    """A part for each interval of `length` seconds, from the first packet's time on, or, to `align`, from 1970 on."""

    def __init__(self, parts: OpenParts, length: Fraction, *, align: bool) -> None:
        super().__init__(parts)
        self._length = length
        self._origin: Fraction | None = self._length * 0 if align else None
        self._section_number = -1
        self._units: list[tuple[int, int] | None] = []  # of the section's interfaces; None where nobody can tell
        self._tables: dict[int, array[int]] = {}  # by interval; the last used at the end

    def _first(self, batch: PacketBatch) -> OpenPart:
        if batch.columns.record_type[0] == SIMPLE_PACKET:
            return self._current or self._parts.new()
        return self._part(self._number(batch, batch.columns, 0))

    def _divide(self, batch: PacketBatch) -> Iterator[tuple[OpenPart, PacketBatch]]:
        columns = batch.columns
        types = columns.record_type[: batch.rows].tobytes()
        first = len(types) - len(types.lstrip(_TIMELESS))
        if first:
            assert self._current is not None
            yield self._current, rows_of(batch, 0, first)
        if first < batch.rows:
            yield from self._pick(batch, _with_times(batch, types, first), first)

    def _for_row(self, batch: PacketBatch, columns: Columns, row: int) -> tuple[OpenPart, array[int]]:
        number = self._number(batch, columns, row)
        if batch.section.number != self._section_number:
            self._section_number = batch.section.number
            self._units, self._tables = [], {}
        for interface in batch.interfaces[len(self._units) :]:
            unit = interface.ticks_per_second, interface.time_offset
            self._units.append(None if interface.time_error else unit)
        table = self._tables.pop(number, None)
        if table is None or len(table) != RANGE * len(self._units):
            table = self._table(number)
        while len(self._tables) >= _MOST_TABLES:
            del self._tables[next(iter(self._tables))]
        self._tables[number] = table
        return self._part(number), table

    def _table(self, number: int) -> array[int]:
        """The kernel's table for an interval: a row for each interface."""
        rows = {unit: array("Q", NEVER if unit is None else self._range(number, *unit)) for unit in set(self._units)}
        return array("Q", b"".join(map({unit: row.tobytes() for unit, row in rows.items()}.__getitem__, self._units)))

    def _number(self, batch: PacketBatch, columns: Columns, row: int) -> int:
        """In which interval a row is."""
        time = instant_of(batch, columns, row)
        if self._origin is None:
            self._origin = time
        return int((time - self._origin) // self._length)

    def _range(self, number: int, per_second: int, offset: int) -> tuple[int, int, int]:
        """The ticks of an interval, for the kernel."""
        assert self._origin is not None
        begin = (self._origin + number * self._length - offset) * per_second
        end = begin + self._length * per_second
        lowest, highest = -(-begin // 1), -(-end // 1) - 1
        if highest < 0 or lowest > MOST_TICKS:
            return NEVER
        return max(0, lowest), min(highest, MOST_TICKS), 0

    def _start(self, _part: OpenPart, _rows: PacketBatch) -> Fraction | None:
        return None

    def _give_name(self, part: OpenPart) -> None:
        """Only when its interval is known, which packets without a time do not tell."""
        if part.key is None or part.facts is None or self._origin is None:
            return
        assert isinstance(part.key, int)
        part.facts = part.facts._replace(start=self._origin + part.key * self._length)
        super()._give_name(part)


def _with_times(batch: PacketBatch, types: bytes, first: int) -> Columns:
    """Columns in which packets without a time have that of the packet before them; from row `first` on."""
    row = types.find(_TIMELESS, first)
    if row < 0:
        return batch.columns
    columns = batch.columns.copy(0, batch.rows)
    while row >= 0:
        columns.record_type[row] = pcapng.ENHANCED_PACKET
        columns.ticks[row], columns.interface[row] = columns.ticks[row - 1], columns.interface[row - 1]
        row = types.find(_TIMELESS, row + 1)
    return columns
