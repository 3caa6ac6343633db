"""The packets of a capture as columns of numbers, kept in memory to find their counterparts in another capture.

Strategy: bytes and options are kept as hashes with a random key, so that nobody can prepare two packets with the same
hash. Times are kept in whole nanoseconds; from the first packet on whose time is not a whole number of nanoseconds,
ticks are kept, too. The columns for options and interfaces, which are all 0 in most captures, take memory only from the
first value on that is not 0.
"""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from pcapconv.comparing.compared_capture import ComparedCapture
from pcapconv.errors import name_in_errors
from pcapconv.kernels.contract import BEYOND, MORE, MOST_TICKS
from pcapconv.model import Interface, PacketBatch, Section
from pcapconv.spec.pcapng import SIMPLE_PACKET
from pcapconv.steps.time_scales import Scale, TimeScales, scale_to_nanoseconds

if TYPE_CHECKING:
    from fractions import Fraction

_KEY = os.urandom(16)
_NO_TIME = MOST_TICKS  # in `times` for a packet without a time; hardly any packet has this time


class _SparseColumn:
    """A column of numbers in which zeros at the beginning take no memory."""

    def __init__(self, typecode: str) -> None:
        self._values = array(typecode)
        self._zeros = 0

    def extend(self, values: array[int]) -> None:
        """Append numbers."""
        if not self._values and values.tobytes() == bytes(len(values) * values.itemsize):
            self._zeros += len(values)
        else:
            self._values.extend(values)

    def __getitem__(self, row: int) -> int:
        return 0 if row < self._zeros else self._values[row - self._zeros]

    def part(self, row: int, stop: int) -> array[int]:
        """Return the numbers from `row` up to `stop`."""
        typecode, zeros_left = self._values.typecode, self._zeros - row
        zeros = array(typecode, bytes(max(0, min(zeros_left, stop - row)) * self._values.itemsize))
        return zeros + self._values[max(0, -zeros_left) : max(0, stop - self._zeros)]


class PacketColumns:
    """The packets of a capture from packet `first` on (counted from 0), as columns with a number for each packet.

    contents      hashes of the packets' bytes
    lengths       original lengths
    times         times in nanoseconds since 1970, cut to whole nanoseconds and to 64 bits; `time` returns exact times
    interfaces    indexes in `ComparedCapture.interfaces`
    options       hashes of the options in the normal form

    Raises FileError, and FormatError for a time that cannot be determined.
    """

    def __init__(self, capture: ComparedCapture, first: int) -> None:
        self.contents, self.times, self.lengths = array("Q"), array("Q"), array("I")
        self.interfaces, self.options = _SparseColumn("I"), _SparseColumn("q")
        self._exact_from: int | None = None  # the first row whose ticks and scale are kept
        self._ticks, self._scale_ids = array("Q"), array("I")
        self._scales: dict[Scale | None, int] = {None: 0}
        self._time_scales = TimeScales(timeless=not capture.timed, no_time=Scale(0, 1, _NO_TIME))
        with name_in_errors(capture.source.name):
            self._read(capture, first)
        self._scale_list = list(self._scales)

    def __len__(self) -> int:
        return len(self.contents)

    def has_exact_times(self, stop: int) -> bool:
        """Return whether `times` is exact for all rows before `stop`."""
        return self._exact_from is None or stop <= self._exact_from

    def time(self, row: int) -> int | Fraction | None:
        """Return a packet's exact time in nanoseconds since 1970; None for a packet without a time."""
        if self._exact_from is None or row < self._exact_from:
            return self.times[row]
        scale = self._scale_list[self._scale_ids[row - self._exact_from]]
        return None if scale is None else scale.time(self._ticks[row - self._exact_from])

    def _read(self, capture: ComparedCapture, first: int) -> None:
        packets = 0
        for item in capture.items():
            match item:
                case PacketBatch():
                    if packets + item.rows > first:
                        self._add_batch(capture, item, max(0, first - packets))
                    packets += item.rows
                case Section():
                    self._time_scales.begin_section()
                case Interface():
                    self._time_scales.add_interface(item, capture.header.ids.get(capture.form.interface(item), 0))
                case _:
                    pass

    def _add_batch(self, capture: ComparedCapture, batch: PacketBatch, begin: int) -> None:
        """Append the rows of a batch from `begin` on."""
        columns, rows = batch.columns, batch.rows
        self._add_times(capture, batch, begin)
        self.lengths.extend(columns.original_length[begin:rows])
        with memoryview(batch.buffer) as buffer:
            self.contents.extend(
                hash(_KEY + buffer[at : at + length]) & MOST_TICKS
                for at, length in zip(columns.data_at[begin:rows], columns.captured_length[begin:rows])
            )
        options = array("q", bytes(8 * (rows - begin)))
        if batch.has_options:
            for row in range(begin, rows):
                raw = capture.options(batch, row)
                options[row - begin] = hash(_KEY + raw) if raw else 0
        self.options.extend(options)

    def _add_times(self, capture: ComparedCapture, batch: PacketBatch, begin: int) -> None:
        rows, row, exact = batch.rows, begin, True
        columns = batch.columns.with_copies(rows, "ticks", "interface")
        status = BEYOND
        while status != MORE:
            row, cut, status = self._time_scales.to_nanoseconds(columns, row, rows, cut=True)
            exact = exact and not cut
            if status != MORE:
                columns.ticks[row] = max(0, min(int(self._time_scales.time(batch, row)), _NO_TIME))
                normal = capture.form.interface(batch.interfaces[columns.interface[row]])
                columns.interface[row] = capture.header.ids[normal]
                row, exact = row + 1, False
        simple = SIMPLE_PACKET in batch.columns.record_type[begin:rows].tobytes()
        if capture.timed and self._exact_from is None and (simple or not exact):
            self._exact_from = len(self.times)
        if self._exact_from is not None:
            self._keep_ticks(batch, begin)
        self.times.extend(columns.ticks[begin:rows])
        self.interfaces.extend(columns.interface[begin:rows])

    def _keep_ticks(self, batch: PacketBatch, begin: int) -> None:
        """Append the ticks of a batch from row `begin` on, and the ids of their scales; id 0 for packets without a
        time."""
        columns, rows = batch.columns, batch.rows
        ids = {
            number: self._scales.setdefault(scale_to_nanoseconds(batch.interfaces[number]), len(self._scales))
            for number in set(columns.interface[begin:rows])
        }
        self._ticks.extend(columns.ticks[begin:rows])
        self._scale_ids.extend(
            0 if record_type == SIMPLE_PACKET else ids[number]
            for number, record_type in zip(columns.interface[begin:rows], columns.record_type[begin:rows])
        )
