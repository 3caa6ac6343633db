"""Choosing rows, and copying them: the interpreted kernels that select, gather and renumber."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import compress
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import ENHANCED, FULL, MORE, OBSOLETE, RANGE, SIMPLE
from pcapconv.kernels.interpreted.checks import check_column, check_columns, check_table

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_MAX_UINT32 = 2**32 - 1
_MAX_UINT64 = 2**64 - 1


def rows_in_ranges(columns: Columns, rows: int, ranges: array[int], mask: bytearray) -> int:
    """Set to 0 the `mask` of each row whose time lies outside its interface's range.

    `ranges` has RANGE values for each interface: the lowest ticks; the highest ticks; whether packets without a time
    stay. Returns how many rows have a mask that is not 0.
    """
    check_columns(columns, rows)
    check_table(ranges, 0)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    interfaces = len(ranges) // RANGE
    lowest, highest, timeless = ranges[0::RANGE], ranges[1::RANGE], ranges[2::RANGE]
    for row, (record_type, ticks, interface) in enumerate(
        zip(columns.record_type[:rows], columns.ticks[:rows], columns.interface[:rows])
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        if not (timeless[interface] if record_type == SIMPLE else lowest[interface] <= ticks <= highest[interface]):
            mask[row] = 0
    return rows - mask[:rows].count(0)


def copy_rows(columns: Columns, rows: int, mask: bytearray, into: Columns) -> int:
    """Copy the rows whose `mask` is not 0 to the beginning of `into`, which may be `columns`. Returns how many."""
    check_columns(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    chosen = mask[:rows]
    count = rows - chosen.count(0)
    check_columns(into, count)
    for name, typecode in columns.TYPECODES.items():
        getattr(into, name)[:count] = array(typecode, compress(getattr(columns, name)[:rows], chosen))
    return count


def renumber(buffer: bytearray, columns: Columns, rows: int, ids: array[int], big: bool) -> None:
    """Replace each row's interface id by its entry in `ids`, in the column and in the block that states it.

    No block states it for rows without a record (`record_length` is 0), pcap records and Simple Packets.
    """
    check_columns(columns, rows)
    check_table(ids, 0)
    interfaces, last = len(ids), len(buffer) - 12
    for row, (record_at, length, record_type, interface) in enumerate(
        zip(
            columns.record_at[:rows], columns.record_length[:rows], columns.record_type[:rows], columns.interface[:rows]
        )
    ):
        if interface >= interfaces:
            raise ValueError(f"row {row} names an interface that is not there")
        number = ids[interface]
        stated = length and record_type in (OBSOLETE, ENHANCED)
        if number > (0xFFFF if stated and record_type == OBSOLETE else _MAX_UINT32):
            raise ValueError(f"row {row} has no room for interface {number}")
        if stated:
            if not 0 <= record_at <= last:
                raise ValueError(f"row {row} lies outside its buffer")
            width = 2 if record_type == OBSOLETE else 4
            buffer[record_at + 8 : record_at + 8 + width] = number.to_bytes(width, "big" if big else "little")
        columns.interface[row] = number


def first_over_limit(columns: Columns, first: int, stop: int, limits: array[int]) -> int:
    """Find the first row whose captured length exceeds its interface's entry in `limits`; `stop` if there is none."""
    check_columns(columns, stop)
    check_table(limits, 0)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    lengths, numbers = columns.captured_length[first:stop], columns.interface[first:stop]
    if not lengths or (max(numbers) < len(limits) and max(lengths) <= min(limits)):
        return stop
    for row, (length, number) in enumerate(zip(lengths, numbers), first):
        if number >= len(limits):
            raise ValueError(f"row {row} names an interface that is not there")
        if length > limits[number]:
            return row
    return stop


def clear_numbers(numbers: array[int], limits: array[int], mask: bytearray) -> None:
    """Set to 0 the `mask` of each row whose packet number is in one of the ranges.

    `limits` has the first and the last number of each range; ranges ascend, and do not overlap.
    """
    check_table(numbers, 0)
    check_table(limits, 0)
    if len(mask) < len(numbers):
        raise ValueError(f"a mask of fewer than {len(numbers)} rows")
    firsts, lasts = limits[::2], limits[1::2]
    for row, number in enumerate(numbers):
        index = bisect_right(firsts, number, 0, len(lasts)) - 1
        if index >= 0 and number <= lasts[index]:
            mask[row] = 0


def gather_rows(
    buffer: bytes | bytearray,
    columns: Columns,
    numbers: array[int],
    order: array[int],
    first: int,
    out: bytearray,
    offset: int,
    into: Columns,
    into_numbers: array[int],
    row: int,
) -> tuple[int, int, int, int]:
    """Copy the rows that `order` lists, from its entry `first` on, with their bytes and their packet numbers.

    The bytes go to `out` from `offset` on, the columns to `into` and the numbers to `into_numbers` from `row` on; all
    of these must be others than those that are copied. Each row's record is followed by the packet's bytes and its
    options if they are not in the record. Returns (the next entry of the order; the next offset in `out`; the next row
    of `into`; MORE if all entries are done, else FULL).
    """
    rows, room = min(columns.capacity, len(numbers)), min(into.capacity, len(into_numbers))
    check_columns(columns, rows)
    check_columns(into, room)
    check_table(numbers, 0)
    check_table(into_numbers, 0)
    if order.typecode != "q":
        raise ValueError("an order that is not of signed 64-bit numbers")
    if not 0 <= first <= len(order) or not 0 <= offset <= len(out) or not 0 <= row <= room:
        raise ValueError("the range lies outside the buffer")
    for index in range(first, len(order)):
        source = order[index]
        if not 0 <= source < rows:
            raise ValueError(f"entry {index} of the order is not a row")
        end = gather_row(buffer, columns, source, out, offset, into, row if row < room else into.capacity)
        if end is None:
            return index, offset, row, FULL
        into_numbers[row] = numbers[source]
        offset, row = end, row + 1
    return len(order), offset, row, MORE


def gather_row(
    buffer: bytes | bytearray, columns: Columns, source: int, out: bytearray, offset: int, into: Columns, row: int
) -> int | None:
    """Copy a row and its bytes, as `gather_rows` does. Return the next offset in `out`, None if there is no room."""
    size = len(buffer)
    record_at, record = columns.record_at[source], columns.record_length[source]
    data_at, captured = columns.data_at[source], columns.captured_length[source]
    options_at, options = columns.options_at[source], columns.options_length[source]
    spans = ((record_at, record), (data_at, captured), (options_at, options))
    if any(length and not 0 <= at <= size - length for at, length in spans):
        raise ValueError(f"row {source} lies outside its buffer")
    data_inside = record and captured <= record and record_at <= data_at <= record_at + record - captured
    options_inside = record and options <= record and record_at <= options_at <= record_at + record - options
    loose_data = 0 if data_inside else captured
    loose_options = 0 if options_inside else options
    end = offset + record + loose_data + loose_options
    if row == into.capacity or end > len(out):
        return None
    pieces = [(record_at, record), (data_at, loose_data), (options_at, loose_options)]
    out[offset:end] = b"".join(buffer[at : at + length] for at, length in pieces if length)
    for name in columns.TYPECODES:
        getattr(into, name)[row] = getattr(columns, name)[source]
    into.record_at[row] = offset
    into.data_at[row] = offset + (data_at - record_at if data_inside else record)
    if options:
        into.options_at[row] = offset + (options_at - record_at if options_inside else record + loose_data)
    return end


def only_records(columns: Columns, rows: int, size: int) -> bool:
    """Whether `size` bytes, to which `gather_rows` has copied these rows, are their records and nothing else."""
    check_column(columns, "record_length", "I", rows)
    lengths = columns.record_length[:rows]
    return sum(lengths) == size and 0 not in lengths


def rows_with_metadata(buffer: bytes | bytearray, columns: Columns, rows: int, mask: bytearray) -> int:
    """Set the `mask` of each row to 1 if its record says something that a pcap record cannot hold, else to 0.

    That is any other record than a pcap record or an Enhanced Packet Block without options, whose padding is zeros and
    counted in its lengths. Returns how many rows have 1.
    """
    check_columns(columns, rows)
    if len(mask) < rows:
        raise ValueError(f"a mask of fewer than {rows} rows")
    for row, (record_type, record_at, record_length, data_at, captured, options_length) in enumerate(
        zip(
            columns.record_type[:rows],
            columns.record_at,
            columns.record_length,
            columns.data_at,
            columns.captured_length,
            columns.options_length,
        )
    ):
        has_metadata = record_type not in (0, ENHANCED) or options_length != 0
        if not has_metadata and record_type and record_length and captured & 3:
            padding = -captured & 3
            if not 0 <= data_at <= len(buffer) - captured - padding or not 0 <= record_at <= len(buffer) - 8:
                raise ValueError(f"row {row} lies outside its buffer")
            stated = buffer[record_at + 4 : record_at + 8]
            # in either byte order: swapped, it can never equal a length that occurs here
            has_metadata = stated not in (record_length.to_bytes(4, "little"), record_length.to_bytes(4, "big"))
            has_metadata = has_metadata or buffer[data_at + captured : data_at + captured + padding] != bytes(padding)
        mask[row] = has_metadata
    return mask[:rows].count(1)


def move_offsets(columns: Columns, rows: int, distance: int) -> None:
    """Add a distance to the rows' offsets of records, data and options, modulo 2^64."""
    check_columns(columns, rows)
    if not -(2**63) <= distance < 2**63:
        raise OverflowError("a distance of more than 64 bits")
    for offsets in (columns.record_at, columns.data_at, columns.options_at):
        try:
            offsets[:rows] = array("q", map(distance.__add__, offsets[:rows]))
        except OverflowError:
            moved = (at + distance & _MAX_UINT64 for at in offsets[:rows])
            offsets[:rows] = array("q", array("Q", moved).tobytes())
