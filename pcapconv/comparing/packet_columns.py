"""What is kept of a capture's packets to find their counterparts: a few numbers for each.

Strategy: bytes and options become keyed hashes; nobody can prepare two packets that have the same. Times are whole
nanoseconds in one column; for those that are not, the ticks are kept too. Columns that say nothing of most captures
(options, interfaces, such ticks) take memory only from the first packet on of which they do.
"""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from pcapconv.comparing.compared_capture import Side
from pcapconv.errors import name_in_errors
from pcapconv.kernels.contract import BEYOND, MORE, MOST_TICKS
from pcapconv.model import Interface, PacketBatch, Section
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.time_scales import Scale, Units, scale_of

if TYPE_CHECKING:
    from fractions import Fraction

_KEY = os.urandom(16)
_NO_TIME = MOST_TICKS  # in `times`, where hardly any packet's own time is that


class _Seldom:
    """A column of numbers that are mostly 0: it takes no memory up to the first that is not."""

    def __init__(self, typecode: str) -> None:
        self._values = array(typecode)
        self._zeros = 0

    def extend(self, values: array[int]) -> None:
        """Add numbers."""
        if not self._values and values.tobytes() == bytes(len(values) * values.itemsize):
            self._zeros += len(values)
        else:
            self._values.extend(values)

    def __getitem__(self, row: int) -> int:
        return 0 if row < self._zeros else self._values[row - self._zeros]

    def part(self, row: int, stop: int) -> array[int]:
        """Some of them."""
        typecode, before = self._values.typecode, self._zeros - row
        zeros = array(typecode, bytes(max(0, min(before, stop - row)) * self._values.itemsize))
        return zeros + self._values[max(0, -before) : max(0, stop - self._zeros)]


class Rows:
    """The packets of a side from row `first` on, as columns with an entry for each.

    `contents` are hashes of bytes, `lengths` original lengths, `times` nanoseconds since 1970 as far as 64 bits hold
    them (`time` has them exactly), `interfaces` places in the survey's list, `options` hashes of what options say.
    Raises FormatError for a time that nobody can tell, FileError.
    """

    def __init__(self, side: Side, first: int) -> None:
        self.contents, self.times, self.lengths = array("Q"), array("Q"), array("I")
        self.interfaces, self.options = _Seldom("I"), _Seldom("q")
        self._exact_from: int | None = None  # the first row whose ticks and scale are kept
        self._ticks, self._scale_ids = array("Q"), array("I")
        self._scales: dict[Scale | None, int] = {None: 0}
        self._units = Units(timeless=not side.timed, no_time=Scale(0, 1, _NO_TIME))
        with name_in_errors(side.source.name):
            self._read(side, first)
        self._known = list(self._scales)

    def __len__(self) -> int:
        return len(self.contents)

    def exact(self, rows: int) -> bool:
        """Whether `times` has the times of the first so many rows exactly."""
        return self._exact_from is None or rows <= self._exact_from

    def time(self, row: int) -> int | Fraction | None:
        """A packet's time in nanoseconds since 1970, exactly; None without one."""
        if self._exact_from is None or row < self._exact_from:
            return self.times[row]
        scale = self._known[self._scale_ids[row - self._exact_from]]
        return None if scale is None else scale.time(self._ticks[row - self._exact_from])

    def _read(self, side: Side, first: int) -> None:
        seen = 0
        for item in side.items():
            match item:
                case PacketBatch():
                    if seen + item.rows > first:
                        self._add(side, item, max(0, first - seen))
                    seen += item.rows
                case Section():
                    self._units.begin()
                case Interface():
                    self._units.add(item, side.header.ids.get(side.form.interface(item), 0))
                case _:
                    pass

    def _add(self, side: Side, batch: PacketBatch, begin: int) -> None:
        columns, rows = batch.columns, batch.rows
        self._add_times(side, batch, begin)
        self.lengths.extend(columns.original_length[begin:rows])
        with memoryview(batch.buffer) as buffer:
            self.contents.extend(
                hash(_KEY + buffer[at : at + length]) & MOST_TICKS
                for at, length in zip(columns.data_at[begin:rows], columns.captured_length[begin:rows])
            )
        options = array("q", bytes(8 * (rows - begin)))
        if batch.has_options:
            for row in range(begin, rows):
                raw = side.options(batch, row)
                options[row - begin] = hash(_KEY + raw) if raw else 0
        self.options.extend(options)

    def _add_times(self, side: Side, batch: PacketBatch, begin: int) -> None:
        rows, row, exact = batch.rows, begin, True
        columns = batch.columns.twin(rows, "ticks", "interface")
        status = BEYOND
        while status != MORE:
            row, cut, status = self._units.unify(columns, row, rows, cut=True)
            exact = exact and not cut
            if status != MORE:
                columns.ticks[row] = max(0, min(int(self._units.time(batch, row)), _NO_TIME))
                normal = side.form.interface(batch.interfaces[columns.interface[row]])
                columns.interface[row] = side.header.ids[normal]
                row, exact = row + 1, False
        simple = SIMPLE_PACKET in batch.columns.record_type[begin:rows].tobytes()
        if side.timed and self._exact_from is None and (simple or not exact):
            self._exact_from = len(self.times)
        if self._exact_from is not None:
            self._keep_ticks(batch, begin)
        self.times.extend(columns.ticks[begin:rows])
        self.interfaces.extend(columns.interface[begin:rows])

    def _keep_ticks(self, batch: PacketBatch, begin: int) -> None:
        columns, rows = batch.columns, batch.rows
        ids = {
            number: self._scales.setdefault(scale_of(batch.interfaces[number]), len(self._scales))
            for number in set(columns.interface[begin:rows])
        }
        self._ticks.extend(columns.ticks[begin:rows])
        self._scale_ids.extend(
            0 if kind == SIMPLE_PACKET else ids[number]
            for number, kind in zip(columns.interface[begin:rows], columns.record_type[begin:rows])
        )
