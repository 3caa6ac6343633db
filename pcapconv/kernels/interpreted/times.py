"""Times of rows, moved and in other units: the interpreted kernels `shift_times` and `to_nanoseconds`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import BEYOND, FINER, MORE, MOST_TICKS, NANOSECOND_SCALE, SHIFT, SIMPLE, UNKNOWN
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.kernels.interpreted.columns_as_integers import column, digits, ones_for

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_MAX_UINT32 = 2**32 - 1


def shift_times(columns: Columns, rows: int, shifts: array[int]) -> int:
    """Shift the times of the rows, which have no record any more then; packets without a time stay as they are.

    `shifts` has SHIFT values for each interface: ticks; 0 to add them, 1 to subtract them. Stops at the first row whose
    ticks would leave 64 bits, and returns it; `rows` if all are done.
    """
    check_columns(columns, rows)
    check_table(shifts, 0)
    interfaces = len(shifts) // SHIFT
    deltas = [-ticks if down else ticks for ticks, down in zip(shifts[0::SHIFT], shifts[1::SHIFT])]
    for row, (record_type, ticks, interface) in enumerate(
        zip(columns.record_type[:rows], columns.ticks[:rows], columns.interface[:rows])
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        if record_type == SIMPLE:
            continue
        shifted = ticks + deltas[interface]
        if not 0 <= shifted < 2**64:
            return row
        columns.ticks[row] = shifted
        columns.record_length[row] = 0
    return rows


def to_nanoseconds(columns: Columns, first: int, stop: int, scales: array[int], cut: bool) -> tuple[int, int, int]:
    """Replace the rows' ticks by nanoseconds since 1970, ticks * factor / divisor + addend, and their interface ids.

    `scales` has NANOSECOND_SCALE values for each interface: the factor; the low and the high half of the divisor, 0 if
    the times cannot be determined; the low and the high half of the addend, in two's complement; and the new interface
    id, of 32 bits. One more entry, after the last interface's, is for packets without a time; its id is not used. With
    `cut`, digits finer than a nanosecond are cut. Returns (the row at which it stopped, unchanged, or `stop`; how many
    times were cut; MORE if all rows are done, else UNKNOWN, FINER or BEYOND).
    """
    check_columns(columns, stop)
    check_table(scales, NANOSECOND_SCALE)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    entries = _NanosecondScales(scales)
    if _to_nanoseconds_at_once(columns, first, stop, entries):
        return stop, 0, MORE
    cut_times = 0
    for row in range(first, stop):
        number = columns.interface[row]
        if number >= len(entries) - 1:
            raise ValueError(f"row {row} names an interface that is not there")
        factor, divisor, addend, _ = entries[len(entries) - 1 if columns.record_type[row] == SIMPLE else number]
        if not divisor:
            return row, cut_times, UNKNOWN
        time, remainder = divmod(columns.ticks[row] * factor, divisor)
        if remainder and not cut:
            return row, cut_times, FINER
        if not 0 <= time + addend <= MOST_TICKS:
            return row, cut_times, BEYOND
        cut_times += remainder != 0
        columns.ticks[row], columns.interface[row] = time + addend, entries[number][3]
    return stop, cut_times, MORE


class _NanosecondScales(dict[int, tuple[int, int, int, int]]):
    """(factor, divisor, addend, new interface id) by interface, read from the table when a row first needs them.

    Raises ValueError for a scale with which the 128 bits of the compiled form might not suffice."""

    def __init__(self, scales: array[int]) -> None:
        self._table = scales

    def __len__(self) -> int:
        return len(self._table) // NANOSECOND_SCALE

    def __missing__(self, number: int) -> tuple[int, int, int, int]:
        factor, low, high, addend_low, addend_high, new_id = self._table[
            number * NANOSECOND_SCALE : (number + 1) * NANOSECOND_SCALE
        ]
        addend = (addend_low | addend_high << 64) - (addend_high >> 63 << 128)
        if factor >= 2**62 or not -(2**126) <= addend < 2**126 or new_id > _MAX_UINT32:
            raise ValueError("a scale that is too large")
        self[number] = entry = factor, low | high << 64, addend, new_id
        return entry


def _to_nanoseconds_at_once(columns: Columns, first: int, stop: int, entries: _NanosecondScales) -> bool:
    """Do `to_nanoseconds` for all rows at once, and return whether that was possible.

    It is not if they are of several interfaces, need a division, or if a time would not fit."""
    numbers = columns.interface[first:stop]
    if not numbers or numbers.tobytes() != numbers[:1].tobytes() * len(numbers) or numbers[0] >= len(entries) - 1:
        return False
    if SIMPLE in columns.record_type[first:stop].tobytes():
        return False
    factor, divisor, addend, new_id = entries[numbers[0]]
    ticks = columns.ticks[first:stop]
    lowest, highest = min(ticks) * factor + addend, max(ticks) * factor + addend
    if divisor != 1 or not 0 <= lowest <= highest <= MOST_TICKS:
        return False
    if max(ticks) * factor > MOST_TICKS:
        return False
    columns.ticks[first:stop] = column(digits(ticks) * factor + addend * ones_for(len(ticks)), len(ticks))
    columns.interface[first:stop] = array("I", [new_id]) * len(numbers)
    return True
